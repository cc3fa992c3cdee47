"""Documents within a budget: a queue of shares chooses as looking at every document each time would."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families import generate
from icl_ft_plugin.schema import Document, World
from icl_ft_plugin.worlds.context import context_documents, documents_within


def chosen_by_looking_at_all(world: World, count: Callable[[str], int]) -> set[str]:
    documents = context_documents(world, 0, 0)
    missing, chosen = {fact for question in world.questions for fact in question.proof}, set()
    while missing:
        best = max(documents, key=lambda d: len(missing.intersection(d.facts)) / count(f"{d.text}\n"))
        if missing.isdisjoint(best.facts):
            break
        chosen.add(best.id)
        missing -= set(best.facts)
    return chosen


@given(st.integers(0, 1000), st.integers(1, 5))
def test_the_queue_chooses_as_looking_at_all_would(seed: int, many: int) -> None:
    world = generate(
        "semantic",
        seed=seed,
        knobs={"n_categories": 20, "n_documents": 12 * many, "n_questions": 20, "n_holdout": 3, "n_exceptions": 3},
    )

    def count(text: str) -> int:
        return len(text.split())

    needed = chosen_by_looking_at_all(world, count)
    spent = sum(count(document.text) for document in world.documents if document.id in needed)
    found: list[Document] = documents_within(world, spent, count)
    assert needed and {document.id for document in found} >= needed
    assert sum(count(document.text) for document in found) == spent
