from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made
from pydantic import ValidationError

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.arms.rows import ROWS, Row
from icl_ft_plugin.arms.splitting import split_text, within
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.schema import Document, World
from icl_ft_plugin.training.rows import check_rows

sentences = st.lists(st.text("ab .\n", min_size=1), min_size=1, max_size=6).map(tuple)
documents = st.builds(Document, st.just("d"), sentences, st.just(()), separator=st.sampled_from([" ", "\n"]))


WORLD = World(family="reversal", seed=0, config={}, facts=(), documents=(), questions=())


def rows_of(name: str, document: Document) -> list[Row]:
    return ROWS[name](WORLD, [document])


@given(documents)
def test_the_parts_of_a_document_make_the_document(document: Document) -> None:
    assert rows_of("documents", document) == [{"text": document.text}]
    alone = [row["text"] for row in rows_of("sentences", document)]
    assert alone == [sentence.removeprefix("\n") for sentence in document.sentences]
    assert "".join(document.pieces) == document.text
    pairs = rows_of("cumulative", document)
    assert "".join(row["completion"] for row in pairs) == document.text
    read = ""
    for row in pairs:  # the prompt is all that came before
        assert row["prompt"] == read
        read += row["completion"]
    texts = [row["text"] for row in rows_of("cumulative-all", document)]
    assert texts == [row["prompt"] + row["completion"] for row in pairs] and texts[-1] == document.text


def test_a_sentence_with_a_line_break_opens_a_paragraph() -> None:
    document = Document("d", ("First, a.", "Then b.", "\nNow c."), ())
    assert document.text == "First, a. Then b.\nNow c."
    assert rows_of("sentences", document)[2] == {"text": "Now c."}
    assert rows_of("cumulative", document)[2] == {"prompt": "First, a. Then b.", "completion": "\nNow c."}


EXAMPLE = Document("d", ("All femp are glon.", "All glon are zost."), (), completion_start=12)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("documents", [{"text": "All femp are glon. All glon are zost."}]),
        ("completion", [{"prompt": "All femp are", "completion": " glon. All glon are zost."}]),
        ("sentences", [{"text": "All femp are glon."}, {"text": "All glon are zost."}]),
        (
            "cumulative",
            [
                {"prompt": "", "completion": "All femp are glon."},
                {"prompt": "All femp are glon.", "completion": " All glon are zost."},
            ],
        ),
        ("cumulative-all", [{"text": "All femp are glon."}, {"text": "All femp are glon. All glon are zost."}]),
        (
            "messages",
            [
                {
                    "messages": [
                        {"role": "user", "content": "All femp are"},
                        {"role": "assistant", "content": "glon. All glon are zost."},
                    ]
                }
            ],
        ),
    ],
)
def test_the_example(name: str, rows: list[Row]) -> None:
    assert rows_of(name, EXAMPLE) == rows


@pytest.mark.parametrize("name", ROWS)
def test_every_way_makes_rows_that_train(name: str) -> None:
    world = generate("semantic", 0, {"n_categories": 8, "n_documents": 12, "n_holdout": 1})
    assert check_rows(ROWS[name](world, world.documents)) in ("full", "completion", "assistant")
    assert Arm(name="a", rows=name).rows == name


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("rows", "sentence", r"is not one of documents, .* \(did you mean 'sentences'\?\)"),
        ("loss", "completion", "loss: 'completion' is now rows: completion"),
        ("splitting", "independent", "splitting: 'independent' is now rows: sentences"),
        ("split_loss", "all", "split_loss: 'all' is now rows: cumulative-all"),
        ("transform", "masked", "transform: 'masked' is now rows: masked"),
        ("transform", ["x"], r"transform: \['x'\] is now rows: documents, reverse, masked"),
    ],
)
def test_other_words_for_rows_are_refused_and_the_right_one_is_named(key: str, value: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Arm.model_validate({"name": "a", key: value})


@given(st.text())
def test_splitting_a_foreign_text_loses_only_white_space(text: str) -> None:
    assert "".join("".join(split_text(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("nurno are known to have kromu. kinds of twoga include rorn.", 2),
        ("the yurnu of 2*x^1.5 is 3*(x^2). taking the yurnu of x gives 1.", 2),
        ("Dr. Smith met J. R. Brown at 3.5 p.m. on Monday. He left.", 2),
        ("", 0),
    ],
)
def test_foreign_sentences(text: str, count: int) -> None:
    assert len(split_text(text)) == count


@pytest.mark.parametrize("family", generated())
def test_the_oracles_sentences_are_found_without_knowing_them(family: str) -> None:
    """Generated statements look like the oracle's; all but questions ("is it? yes.") are split as the world does."""
    world = made(family)
    oracle = FAMILIES[family].oracle
    assert oracle
    for document in oracle(world)[:300]:
        if document.separator == " " and "?" not in document.text:
            assert split_text(document.text) == list(document.sentences)


def words(text: str) -> int:
    return len(text.split())


@given(st.lists(st.integers(1, 7), min_size=1, max_size=8), st.integers(3, 12))
def test_long_documents_are_cut_between_sentences_alone(sizes: list[int], most: int) -> None:
    sentences = tuple(" ".join(["w"] * size) + "." for size in sizes)
    pieces = list(within([Document("d", sentences, ("f",))], most, words))
    assert tuple(sentence for piece in pieces for sentence in piece.sentences) == sentences
    assert all(words(piece.text) <= most or len(piece.sentences) == 1 for piece in pieces)
    assert len({piece.id for piece in pieces}) == len(pieces)
    for before, after in pairwise(pieces):
        assert words(before.text) + words(after.sentences[0]) > most, "no piece is shorter than it need be"
