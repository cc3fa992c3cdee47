"""Cuts a text that no world knows the sentences of, such as a generated one, and documents that are too long for a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from icl_ft_plugin.families.pairs import pair_of
from icl_ft_plugin.schema import Document


def split_text(text: str) -> list[str]:
    """Return the sentences of a text; a question with its answer is one.

    Args:
        text: English; joining the sentences by a space restores it up to white space.
    """
    if pair_of(text):
        return [text]
    from sentencex import segment  # type: ignore[import-untyped]

    return [sentence for part in segment("en", text) if (sentence := part.strip())]


def within(documents: Sequence[Document], most: int, count: Callable[[str], int]) -> Iterator[Document]:
    """Yield documents of at most so many tokens: a longer one in pieces, cut between its sentences and nowhere else.

    Args:
        documents: The documents.
        most: Tokens that a piece may have; a sentence that alone has more is a piece of its own.
        count: Returns the number of tokens of a text.
    """
    for document in documents:
        sizes = [count(document.separator + sentence) for sentence in document.sentences]
        if sum(sizes) <= most:
            yield document
            continue
        begin, size = 0, 0
        for end, needed in enumerate([*sizes, most + 1]):
            if size + needed > most and end > begin:
                yield dataclasses.replace(
                    document, id=f"{document.id}-{begin}", sentences=document.sentences[begin:end], completion_start=0
                )
                begin, size = end, 0
            size += needed
