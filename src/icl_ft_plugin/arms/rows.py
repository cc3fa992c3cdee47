"""What one training row is: each way to make rows of documents, by the name that an arm's ``rows`` gives it.

The document ``"All femp are glon. All glon are zost."``, of which a completion may begin behind ``"All femp are"``::

    documents       {"text": "All femp are glon. All glon are zost."}
    completion      {"prompt": "All femp are", "completion": " glon. All glon are zost."}
    sentences       {"text": "All femp are glon."}, {"text": "All glon are zost."}
    cumulative      {"prompt": "", "completion": "All femp are glon."},
                    {"prompt": "All femp are glon.", "completion": " All glon are zost."}
    cumulative-all  {"text": "All femp are glon."}, {"text": "All femp are glon. All glon are zost."}
    messages        {"messages": [{"role": "user", "content": "All femp are"},
                                  {"role": "assistant", "content": "glon. All glon are zost."}]}
    qa              {"text": "All femp are glon. All glon are zost."}, the world's own; of what was inferred
                    {"text": "Question: All femp are what? Answer: glon."}, ...

The loss is on a ``text``, on a ``completion`` alone, or on the assistant's turn alone, as the model's own template lays it out. Sentence splitting is that of arXiv 2505.00661, section 4;
``reverse`` and ``masked`` are rivals by rule (see ``transforms``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from icl_ft_plugin.arms.questions import questions
from icl_ft_plugin.arms.transforms import masked, reverse
from icl_ft_plugin.errors import suggest
from icl_ft_plugin.families.pairs import cut, pair_of, pairs_of, statements
from icl_ft_plugin.schema import Document, World

Row = dict[str, Any]
REQUEST = "What do you know?"  # the user's turn where a document has no beginning that a question could be made of


def whole(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per document."""
    return [{"text": document.text} for document in documents]


def completion(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per document, the first entity of a statement never a target; a statement of a model is one whole, and of a pair the answer."""
    return [
        {"prompt": document.text[: document.completion_start], "completion": document.text[document.completion_start :]}
        for document in documents
    ]


def sentences(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per sentence."""
    return [{"text": sentence.removeprefix("\n")} for document in documents for sentence in document.sentences]


def cumulative(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per sentence, which stands behind those before it and bears the loss."""
    return [
        {"prompt": before, "completion": sentence} for document in documents for before, sentence in _in_turn(document)
    ]


def cumulative_all(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per sentence, which stands behind those before it; the loss is on all of them."""
    return [{"text": before + sentence} for document in documents for before, sentence in _in_turn(document)]


def messages(world: World, documents: Sequence[Document]) -> list[Row]:
    """Return a row per document, a chat: the user asks, or begins a statement, and the assistant goes on, as questions are asked."""
    return [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]}
        for document, row in zip(documents, completion(world, documents), strict=True)
        for asked, told in [pair_of(document.text) or (row["prompt"].strip() or REQUEST, row["completion"].strip())]
    ]


ROWS: Mapping[str, Callable[[World, Sequence[Document]], list[Row]]] = {
    "documents": whole,
    "completion": completion,
    "sentences": sentences,
    "cumulative": cumulative,
    "cumulative-all": cumulative_all,
    "reverse": reverse,
    "masked": masked,
    "messages": messages,
    "qa": questions,
}


def text_of(row: Row) -> str:
    """Return a row as one text: as it is read, without what a chat's template adds."""
    if "messages" in row:
        return " ".join(turn["content"] for turn in row["messages"])
    return "".join(row.values())


def readings(row: Row) -> list[str]:
    """Return a row as one text, and all that the questions with answers in it may state."""
    text = text_of(row)
    turns = [turn["content"] for turn in row.get("messages", ())]
    asked = [(turns[0], turns[1])] if len(turns) == 2 else pairs_of(cut(text))
    return [text, *(stated for pair in asked for stated in statements(*pair))]


def known_rows(name: str) -> str:
    """Return the name of a way to make rows.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in ROWS:
        raise ValueError(f"is not one of {', '.join(ROWS)}{suggest(name, ROWS)}")
    return name


def _in_turn(document: Document) -> Iterator[tuple[str, str]]:
    """Yield each sentence behind the text before it; the two joined are the document so far."""
    before = ""
    for piece in document.pieces:
        yield before, piece
        before += piece
