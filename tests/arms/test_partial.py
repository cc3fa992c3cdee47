"""Inferences for a part of the facts: nothing in the corpus follows from the others, by the closure of the auditor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from made import made
from pydantic import ValidationError

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.arms.corpus import corpus_parts
from icl_ft_plugin.arms.named import arm
from icl_ft_plugin.arms.partial import given, inferred_questions, told_by
from icl_ft_plugin.augment.statements import Statement, rows, rows_of
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, family_of, generate
from icl_ft_plugin.families.auditor import Unit
from icl_ft_plugin.schema import World

SMALL: dict[str, dict[str, Any]] = {
    "reversal": {"n_facts": 8, "documents_per_fact": 2},
    "syllogism": {"n_documents": 12},
    "celebrity": {"n_people": 12},
    "semantic": {"n_categories": 16, "n_documents": 24, "n_holdout": 2, "min_sentences": 3, "max_sentences": 6},
    "codebook": {},
}


def small(family: str) -> World:
    knobs = {key: value for key, value in SMALL[family].items() if key in family_of(family).knobs}
    return generate(family, 3, knobs)


def closure(world: World, facts: frozenset[str]) -> set[Unit]:
    auditor = family_of(world.family).auditor
    assert auditor
    return set(auditor(told_by(world, facts)).closure)


def covered(world: World, texts: Iterable[str]) -> set[Unit]:
    auditor = family_of(world.family).auditor
    assert auditor
    return {unit for verdict in auditor(world).audit(texts) for unit in verdict.covers}


def added(name: str, world: World) -> list[str]:
    own = {document.text for document in world.documents}
    return [row["text"] for row in rows(name, world) if row["text"] not in own]


@pytest.mark.parametrize("family", SMALL)
def test_half_of_the_facts_have_inferences_and_nothing_added_follows_from_the_others(family: str) -> None:
    world = small(family)
    first = given(world, 50)
    others = frozenset(fact.id for fact in world.facts) - first
    texts = added("ft+oracle@50", world)
    stated = covered(world, texts)
    assert stated and not stated & closure(world, others)
    assert stated <= closure(world, first)
    whole = covered(world, added("ft+oracle", world))
    assert whole & closure(world, others)  # which is left out, and would be seen
    # All that rules infer from the first half alone is there.
    assert stated == whole & closure(world, first)
    assert 0.3 < len(first) / len(world.facts) < 0.7
    assert len(rows("ft", world)) == len(world.documents)


@pytest.mark.parametrize("family", SMALL)
def test_questions_are_told_apart_by_what_they_take(family: str) -> None:
    world = small(family)
    first = given(world, 50)
    asked = set(inferred_questions(world, 50))
    assert 0 < len(asked) < len(world.questions)
    for question in world.questions:
        assert (question.id in asked) == set(question.proof).issubset(first)
    # No fact is half given: its two directions, and premises that only stand together, are one.
    directions: dict[frozenset[str], set[bool]] = {}
    for fact in world.facts:
        directions.setdefault(frozenset(fact.arguments), set()).add(fact.id in first)
    together = [{fact in first for fact in d.facts} for d in world.documents] if family == "syllogism" else []
    assert {len(values) for values in (*directions.values(), *together)} == {1}


def test_a_smaller_part_lies_in_a_larger_one_and_the_seed_draws_it() -> None:
    world = generate("reversal", 0, {"n_facts": 40, "misleading": 0.0})
    parts = [given(world, percent) for percent in (10, 25, 50, 75, 90, 100)]
    assert [len(part) for part in parts] == [4, 10, 20, 30, 36, 40]
    assert all(small < large for small, large in pairwise(parts))
    assert given(generate("reversal", 0, {"n_facts": 40, "misleading": 0.0}), 50) == parts[2]
    assert given(generate("reversal", 1, {"n_facts": 40, "misleading": 0.0}), 50) != parts[2]


def test_what_a_model_wrote_is_cut_likewise() -> None:
    world = generate("reversal", 0, {"n_facts": 4, "documents_per_fact": 1, "misleading": 0.0})
    first = given(world, 50)
    inside = next(document for document in world.documents if first.issuperset(document.facts))
    outside = next(document for document in world.documents if first.isdisjoint(document.facts))
    facts = {fact.id: fact for fact in world.facts}
    told, untold = (facts[document.facts[0]] for document in (inside, outside))
    false = told.text.replace("more", "LESS").replace("less", "more").replace("LESS", "less")
    written = [
        Statement(f"{told.text} {untold.text}", inside.id, None, "local", *[None] * 4),
        Statement(untold.text, outside.id, None, "local", *[None] * 4),
        Statement(false, inside.id, None, "local", *[None] * 4),
        Statement("Nothing that can be read.", inside.id, None, "local", *[None] * 4),
        Statement("Nothing either.", outside.id, None, "local", *[None] * 4),
    ]
    half = Arm(name="half", corpus=["documents", "local"], inferred=50)
    made = [row["text"] for row in rows_of(half, world, half.corpus, {"local": written})]
    assert made[len(world.documents) :] == [told.text, false, "Nothing that can be read."]


def test_the_share_documented_in_both_directions_is_a_part_of_the_reversals() -> None:
    world = small("reversal")
    auditor = family_of("reversal").auditor
    assert auditor
    ways = {verdict.inference for verdict in auditor(world).audit(added("ft+reversal@50", world))}
    assert ways == {"reversed"}


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(UsageError, match="documents and no inferences"):
        corpus_parts(small("reversal"), arm("ft@50"))
    with pytest.raises(UsageError, match="not told by a sentence of its own"):
        corpus_parts(made("process"), arm("ft+oracle@50"))
    own = replace(small("reversal"), family="own")
    with pytest.raises(UsageError, match="inferred"):
        corpus_parts(own, Arm(name="x", corpus=["documents", "local"], inferred=50))
    with pytest.raises(ValidationError, match="less than or equal to 100"):
        Arm(name="x", corpus=["documents", "oracle"], inferred=101)
    with pytest.raises(UsageError, match="no arm 'ft\\+orcale@50'"):
        arm("ft+orcale@50")
    assert arm("ft+oracle@50").inferred == 50 and arm("ft+oracle").inferred == 100
    assert FAMILIES["process"].auditor
