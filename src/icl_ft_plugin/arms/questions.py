"""Questions and answers made of inferences, by rule: what a text says of a name is asked of it.

The inference ``"Hence gilku would be called less fragrant than burpe."`` becomes
``"Question: Hence gilku would be called less fragrant than what? Answer: burpe."``. Facts alone say which words are names; the
world's questions have no part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from icl_ft_plugin.families.pairs import written
from icl_ft_plugin.schema import Document, World

WHAT = "what"
_WORDS = re.compile(r"[^\W\d_][\w '’-]*").fullmatch  # a formula is no name


def questions(world: World, documents: Sequence[Document]) -> list[dict[str, str]]:
    """Return a row per document of the world, and one per sentence of every other: a question with its answer.

    A sentence in which no name of the facts stands remains as it is.
    """
    own, names = {document.id for document in world.documents}, _names(world)
    return [
        {"text": text}
        for document in documents
        for text in ([document.text] if document.id in own else _asked(document.sentences, names))
    ]


def has_names(world: World) -> bool:
    """Tell whether some fact is stated by a sentence in which one of its arguments stands as words of their own."""
    names = _names(world)
    return any(names.search(fact.text) for fact in world.facts)


def _asked(sentences: Iterable[str], names: re.Pattern[str]) -> Iterable[str]:
    for sentence in sentences:
        text = sentence.strip()
        *_, last = [None, *names.finditer(text)]
        if last is None:
            yield text
        else:
            what = WHAT if last.start() else WHAT.capitalize()
            yield written(f"{text[: last.start()]}{what}{text[last.end() :].rstrip('.!?')}?", last[0])


def _names(world: World) -> re.Pattern[str]:
    """Return what finds the arguments of the facts, the longest first; one without any finds nothing."""
    names = {argument for fact in world.facts for argument in fact.arguments}
    longest = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)) if _WORDS(name))
    return re.compile(rf"(?<!\S)(?:{longest or '(?!)'})(?=[.,;:!?]*(?:\s|$))", re.IGNORECASE)
