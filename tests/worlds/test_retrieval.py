"""BM25 chooses documents by the question alone, within the budget, in the order of their file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import Document
from icl_ft_plugin.worlds.retrieval import Retriever, summary

TEXTS = [
    "Soup is served at noon.",
    "The Gull Desk is led by Odan Pell.",
    "The Salt Room is for the Gull Desk.",
    "Odan Pell sings.",
]
DOCUMENTS = [Document(f"d{i}", (text,), (f"d{i}",)) for i, text in enumerate(TEXTS)]


def chosen(documents: list[Document], question: str, budget: int) -> list[Document]:
    return Retriever(documents, words).chosen(question, budget)


def nearest(question: str, most: int) -> list[Document]:
    return Retriever(DOCUMENTS).nearest(question, most)


def needed(
    documents: list[Document], proof: list[str], distractors: int, distance: int | None = None
) -> list[Document]:
    return Retriever(documents).needed(proof, distractors, "seed", distance)


def words(text: str) -> int:
    return len(text.split())


def ids(question: str, budget: int) -> list[str]:
    return [document.id for document in chosen(DOCUMENTS, question, budget)]


def test_the_best_come_first_and_stand_in_the_order_of_the_file() -> None:
    assert ids("Odan Pell leads", 3) == ["d3"]
    assert ids("Odan Pell leads", 11) == ["d1", "d3"]
    assert ids("The Salt Room", 8) == ["d2"]
    assert ids("Odan Pell leads", 1000) == ["d0", "d1", "d2", "d3"]


def test_what_is_too_long_is_passed_over() -> None:
    assert ids("the Gull Desk", 6) == ["d0"]
    assert ids("nothing of this", 8) == ["d0", "d3"]


def test_a_budget_for_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"context_tokens=2: not one document fits; the shortest takes 3 tokens"):
        ids("Odan", 2)


def test_texts_without_words_have_an_order_too() -> None:
    dots = [Document(f"d{i}", ("...",), (f"d{i}",)) for i in range(3)]
    assert chosen(dots, "?", 2) == dots[:2] == chosen(dots, "Odan", 2)


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(3, 40))
def test_the_budget_is_kept_whatever_is_asked(question: str, budget: int) -> None:
    found = chosen(DOCUMENTS, question, budget)
    assert 0 < sum(words(document.text) for document in found) <= budget
    assert found == [document for document in DOCUMENTS if document in found]


def test_the_summary_counts_questions_whose_evidence_is_there() -> None:
    counted = summary("BM25", [1, 3, 2], [True, False], 4, 99)
    assert (counted["least"], counted["mean"], counted["most"], counted["documents"]) == (1, 2.0, 3, 4)
    assert (counted["with_evidence"], counted["evidence_whole"]) == (2, 1)


def test_so_many_of_the_nearest_stand_in_their_own_order() -> None:
    assert nearest("Odan Pell leads", 2) == [DOCUMENTS[1], DOCUMENTS[3]]
    assert nearest("The Salt Room", 1) == [DOCUMENTS[2]]
    assert nearest("Odan", 9) == DOCUMENTS


@pytest.mark.parametrize("proof", [["d1"], ["d3", "d0"]])
def test_what_is_needed_stands_there_with_so_many_others(proof: list[str]) -> None:
    own = [document for document in DOCUMENTS if document.id in proof]
    assert needed(DOCUMENTS, proof, 0) == own
    one, two = (needed(DOCUMENTS, proof, n) for n in (1, 2))
    assert [len(own) + 1, len(own) + 2] == [len(one), len(two)] and {d.id for d in one} < {d.id for d in two}
    assert needed(DOCUMENTS, proof, 9) == DOCUMENTS
    for distance in range(3):
        found = needed(DOCUMENTS, proof, 2, distance)
        assert found[2 - distance :][: len(own)] == own and len(found) == len(own) + 2
        assert {document.id for document in found} == {document.id for document in two}


def test_a_fact_that_stands_in_several_documents_is_taken_once() -> None:
    twice = [*DOCUMENTS, Document("again", ("It is led by Odan Pell.",), ("d1",))]
    assert needed(twice, ["d1"], 0) == [DOCUMENTS[1]]


def test_documents_are_counted_once_and_only_where_a_budget_is_asked() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return words(text)

    retriever = Retriever(DOCUMENTS, count)
    assert retriever.nearest("Odan Pell leads", 1) and retriever.needed(["d1"], 1, "seed") and not counted
    assert retriever.chosen("Odan Pell leads", 3) != retriever.chosen("The Salt Room", 8)
    assert len(counted) == len(DOCUMENTS)


def test_the_draw_is_that_of_its_seed_among_many_documents() -> None:
    many = Retriever([Document(f"d{i}", ("a",), (f"d{i}",)) for i in range(100_000)])
    found = many.needed(["d7"], 3, "seed")
    assert len(found) == 4 and found == many.needed(["d7"], 3, "seed") and found != many.needed(["d7"], 3, "other")


@given(st.integers(0, 30), st.integers(0, 9))
def test_every_document_may_be_drawn_once(number: int, seed: int) -> None:
    documents = [Document(f"d{i}", ("a",), (f"d{i}",)) for i in range(number)]
    assert Retriever(documents).needed([], number, str(seed)) == documents
    assert len(Retriever(documents).needed([], number // 2, str(seed))) == number // 2
