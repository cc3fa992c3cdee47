"""Questions in blocks: a fixed preference among options scores exactly one in k."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.families import blocks, generated

BLOCKED = [name for name in generated() if any(question.block for question in made(name).questions)]


@given(st.integers(0, 60), st.integers(2, 5), st.integers(0, 3), st.integers(0, 2**32))
def test_blocks_hold_what_fits_and_nothing_twice(n: int, k: int, apart: int, seed: int) -> None:
    found = blocks.pack(range(n), k, lambda a, b: abs(a - b) > apart, random.Random(seed))
    members = [item for block in found for item in block]
    assert len(set(members)) == len(members)
    for block in found:
        assert len(block) == k
        assert all(abs(a - b) > apart for a in block for b in block if a is not b)
    if not apart:
        assert len(found) == n // k  # nothing stands in the way: all that can be asked is asked


def test_the_same_seed_makes_the_same_blocks() -> None:
    first, second = (blocks.pack(range(40), 4, lambda a, b: (a + b) % 3 > 0, random.Random(1)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("family", BLOCKED)
@pytest.mark.parametrize("seed", range(4))
def test_every_taste_scores_one_in_k(family: str, seed: int) -> None:
    world = made(family, seed)
    assert list(blocks.faults(world)) == []
    splits = {q.split for q in world.questions if q.block}
    for taste in range(50):
        rng = random.Random(taste)
        liking: dict[str, float] = {}
        for split in splits:
            asked = [q for q in world.questions if q.split == split]
            assert all(q.block for q in asked)
            hits = sum(
                max(range(len(q.choices)), key=lambda i: liking.setdefault(q.choices[i], rng.random())) in q.gold
                for q in asked
            )
            assert hits * len(asked[0].choices) == len(asked)


@pytest.mark.parametrize("family", BLOCKED)
def test_a_broken_block_is_named(family: str) -> None:
    world = made(family)
    place = next(i for i, q in enumerate(world.questions) if q.block)
    question = world.questions[place]
    for change in ({"gold": ((question.gold[0] + 1) % len(question.choices),)}, {"choices": question.choices[::-1]}):
        questions = (*world.questions[:place], replace(question, **change), *world.questions[place + 1 :])
        assert any(question.block in fault for fault in blocks.faults(replace(world, questions=questions)))
