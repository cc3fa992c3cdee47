"""Reads the statements of the semantic structure: "As it happens, femp can bilku." states ``Claim("can", ...)`` forward.

Every statement is a stem and one last word, so that a document's sentence and a question's choice are the same thing.
Words never change their shape: categories are plurals without -s and verbs stand in their base form. The wordings of
all three banks are read (``wordings``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from icl_ft_plugin.families.semantic.hierarchy import DENIALS, Claim
from icl_ft_plugin.families.semantic.wordings import BANKS, N_FORMS

# A question in a document stands between the stem and the last word: "Q: femp are a kind of what? A: glon."
ASK = " what? a: "
TOKEN = re.compile(r"[\w-]+|[^\w\s]")


class Found(NamedTuple):
    """A statement in a text.

    Attributes:
        claim: What it states.
        backward: Whether the category comes last.
        start: Where it begins in the text.
        end: Where it ends.
    """

    claim: Claim
    backward: bool
    start: int
    end: int


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
            kind = DENIALS.get(claim.predicate, claim.predicate)
            self._words["category" if kind in ("is a", "do") else kind].add(claim.value)

    def read(self, text: str) -> list[tuple[Claim, bool]]:
        """Return the claims stated in ``text`` with their direction (True: backward), in the order of the text."""
        return [(found.claim, found.backward) for found in self.find(text.lower().replace(ASK, " "))]

    def find(self, text: str) -> list[Found]:
        """Return the statements in ``text``, which is in lower case, in its order."""
        matches = list(TOKEN.finditer(text))
        tokens = [*(match[0] for match in matches), ""]
        found = []
        for start in range(len(matches)):
            paths: list[tuple[_Tree, int, tuple[str, ...]]] = [(_forms(), start, ())]
            while paths:
                tree, place, words = paths.pop()
                if tree.end:
                    predicate, backward = tree.end
                    claim = Claim(predicate, (words[-1], *words[:-1]) if backward else words)
                    found.append(Found(claim, backward, matches[start].start(), matches[place - 1].end()))
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
    """Return the tree of all wordings of all banks."""
    root = _Tree()
    for bank in BANKS:
        for predicate in bank.forward:
            kind = DENIALS.get(predicate, predicate)
            values = {"is a": ("{category}",), "do": ("{verb}", "{category}")}.get(predicate, (f"{{{kind}}}",))
            claim = Claim(predicate, ("{category}", *values))
            for backward in (False, True):
                for form in range(N_FORMS):
                    tree = root
                    for word in bank.statement(claim, backward, form).split():
                        branches, key = (tree.slots, word[1:-1]) if word[0] == "{" else (tree.literal, word)
                        tree = branches.setdefault(key, _Tree())
                    tree.end = (predicate, backward)
    return root
