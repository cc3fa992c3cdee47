"""The sentence forms of the semantic structure: ``stem(claim, False, 0)`` is ``"femp are a kind of"``, completed by "glon".

Every statement is a stem and one last word, so that a document's sentence and a question's choice are the same thing.
A claim can be stated forward (category first: "femp are known to have bilku") or backward (category last: "kinds of
things that have bilku include femp"), each in four forms. Words never change their shape: categories are plurals
without -s and verbs stand in their base form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from icl_ft_plugin.families.semantic.hierarchy import Claim

FORWARD = {
    "is a": ("{} are a kind of", "{} are a type of", "{} are classed as", "{} belong to the"),
    "are": ("{} are", "{} are known to be", "{} are always", "{} are by nature"),
    "have": ("{} have", "{} are known to have", "{} always have", "{} by nature have"),
    "can": ("{} can", "{} are able to", "{} can always", "{} by nature can"),
    "do": ("{} {}", "{} are known to {}", "{} always {}", "{} by nature {}"),
}
BACKWARD = ("kinds of {} include", "among {} are", "examples of {} are", "the group of {} contains")
GROUPS = {
    "is a": "{}",
    "are": "things that are {}",
    "have": "things that have {}",
    "can": "things that can {}",
    "do": "things that {} {}",
}
N_FORMS = 4
# A question in a document stands between the stem and the last word: "femp are a kind of what? answer: glon."
ASK = " what? answer: "


def stem(claim: Claim, backward: bool, form: int) -> str:
    """Return a statement of ``claim`` without its last word.

    Args:
        claim: What is stated.
        backward: Whether the category comes last.
        form: 0 to 3.
    """
    if backward:
        return BACKWARD[form].format(GROUPS[claim.predicate].format(*claim.arguments[1:]))
    return FORWARD[claim.predicate][form].format(*claim.arguments[:-1])


def last_word(claim: Claim, backward: bool) -> str:
    """Return the word that completes the stem."""
    return claim.subject if backward else claim.value


def statement(claim: Claim, backward: bool, form: int) -> str:
    """Return the whole statement, without a full stop."""
    return f"{stem(claim, backward, form)} {last_word(claim, backward)}"


class Parser:
    """Reads statements of a world's forms back out of text.

    Args:
        known: All claims of the world; they tell which words are categories, properties and verbs. Statements
            that combine the same words into a claim that is not among them are read as well.
    """

    def __init__(self, known: Iterable[Claim]) -> None:
        self._words: dict[str, set[str]] = {key: set() for key in ("category", "verb", "are", "have", "can")}
        for claim in known:
            self._words["category"].add(claim.subject)
            if claim.predicate == "do":
                self._words["verb"].add(claim.arguments[1])
            self._words["category" if claim.predicate in ("is a", "do") else claim.predicate].add(claim.value)

    def read(self, text: str) -> list[tuple[Claim, bool]]:
        """Return the claims stated in ``text`` with their direction (True: backward), in the order of the text."""
        tokens = [*re.findall(r"[\w-]+|[^\w\s]", text.replace(ASK, " ")), ""]
        found = []
        for start in range(len(tokens)):
            paths: list[tuple[_Tree, int, tuple[str, ...]]] = [(_forms(), start, ())]
            while paths:
                tree, place, words = paths.pop()
                if tree.end:
                    predicate, backward = tree.end
                    arguments = (words[-1], *words[:-1]) if backward else words
                    found.append((Claim(predicate, arguments), backward))
                    continue
                token = tokens[place]
                if token in tree.literal:
                    paths.append((tree.literal[token], place + 1, words))
                for kind, after in tree.slots.items():
                    if token in self._words[kind]:
                        paths.append((after, place + 1, (*words, token)))
        return found


@dataclass(slots=True)
class _Tree:
    """What may follow: words, kinds of word, or the end of a statement with its (predicate, direction)."""

    literal: dict[str, _Tree] = field(default_factory=dict)
    slots: dict[str, _Tree] = field(default_factory=dict)
    end: tuple[str, bool] | None = None


@cache
def _forms() -> _Tree:
    """Return the tree of all forms."""
    root = _Tree()
    for predicate in FORWARD:
        values = {"is a": ("{category}",), "do": ("{verb}", "{category}")}.get(predicate, (f"{{{predicate}}}",))
        claim = Claim(predicate, ("{category}", *values))
        for backward in (False, True):
            for form in range(N_FORMS):
                tree = root
                for word in statement(claim, backward, form).split():
                    branches, key = (tree.slots, word[1:-1]) if word[0] == "{" else (tree.literal, word)
                    tree = branches.setdefault(key, _Tree())
                tree.end = (predicate, backward)
    return root
