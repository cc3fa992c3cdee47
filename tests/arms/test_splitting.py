from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.arms.splitting import split_documents, split_text
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.schema import Document

sentences = st.lists(st.text("ab .\n", min_size=1), min_size=1, max_size=6).map(tuple)
documents = st.builds(Document, st.just("d"), sentences, st.just(()), separator=st.sampled_from([" ", "\n"]))


@given(documents)
def test_the_parts_of_a_document_make_the_document(document: Document) -> None:
    assert split_documents([document], "none") == [{"text": document.text}]
    alone = [row["text"] for row in split_documents([document], "independent")]
    assert document.separator.join(alone) == document.text
    pairs = split_documents([document], "cumulative")
    assert "".join(row["completion"] for row in pairs) == document.text
    read = ""
    for row in pairs:  # the prompt is all that came before
        assert row["prompt"] == read
        read += row["completion"]
    texts = [row["text"] for row in split_documents([document], "cumulative", "all")]
    assert texts == [row["prompt"] + row["completion"] for row in pairs] and texts[-1] == document.text


def test_the_example() -> None:
    document = Document("d", ("All femp are glon.", "All glon are zost."), ())
    assert split_documents([document], "cumulative") == [
        {"prompt": "", "completion": "All femp are glon."},
        {"prompt": "All femp are glon.", "completion": " All glon are zost."},
    ]


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
    world = generate(family, 0)
    for document in FAMILIES[family].oracle(world)[:300]:
        if document.separator == " " and "?" not in document.text:
            assert split_text(document.text) == list(document.sentences)
