"""Sentence splitting: one training row per sentence of a document (arXiv 2505.00661, section 4).

The document ``"All femp are glon. All glon are zost."`` under the three ways::

    none         {"text": "All femp are glon. All glon are zost."}
    independent  {"text": "All femp are glon."}, {"text": "All glon are zost."}
    cumulative   {"prompt": "", "completion": "All femp are glon."},
                 {"prompt": "All femp are glon.", "completion": " All glon are zost."}

Cumulative rows bear the loss on their last sentence only (above), or on all: ``{"text": ...}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from icl_ft_plugin.schema import Document

Splitting = Literal["none", "independent", "cumulative"]
SplitLoss = Literal["target", "all"]
Row = dict[str, str]


def split_text(text: str) -> list[str]:
    """Return the sentences of a text that no world knows the sentences of, such as a generated one.

    Args:
        text: English; joining the sentences by a space restores it up to white space.
    """
    from sentencex import segment  # type: ignore[import-untyped]

    return [sentence for part in segment("en", text) if (sentence := part.strip())]


def split_documents(documents: Sequence[Document], splitting: Splitting, loss: SplitLoss = "target") -> list[Row]:
    """Return the training rows of documents, each split at the ends of its sentences.

    Args:
        documents: What is trained on.
        splitting: ``"none"``, ``"independent"`` or ``"cumulative"``.
        loss: Of cumulative rows: on the ``"target"`` sentence alone, or on ``"all"`` of the row.
    """
    return [row for document in documents for row in _rows(document, splitting, loss)]


def _rows(document: Document, splitting: Splitting, loss: SplitLoss) -> Iterator[Row]:
    if splitting == "none":
        yield {"text": document.text}
    elif splitting == "independent":
        yield from ({"text": sentence} for sentence in document.sentences)
    else:
        for number, sentence in enumerate(document.sentences):
            before = document.separator.join(document.sentences[:number])
            completion = document.separator + sentence if number else sentence
            yield {"text": before + completion} if loss == "all" else {"prompt": before, "completion": completion}
