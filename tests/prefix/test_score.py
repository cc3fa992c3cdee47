from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prefix_models import WAY, WORDS, tiny_model

from icl_ft_plugin.prefix.pack import additive_mask, pack_mask
from icl_ft_plugin.prefix.positions import positions_of
from icl_ft_plugin.prefix.score import TreeScorer, rows_within
from icl_ft_plugin.prefix.tree import build_tree, walk

SHARING = [name for name, way in WAY.items() if way != "stock"]


def test_mask_shows_the_cached_prefix_the_ancestors_and_the_own_past():
    # 0 1 -> (2 -> 4), (3); behind two cached tokens
    root = build_tree([([0, 1, 2, 4], [9]), ([0, 1, 3], [9])])
    mask = pack_mask([list(walk(list(root.children.values())))], cached=2)
    assert mask[0].int().tolist() == [
        [1, 1, 1, 0, 0, 0, 0],  # 0
        [1, 1, 1, 1, 0, 0, 0],  # 1
        [1, 1, 1, 1, 1, 0, 0],  # 2 after 0 1
        [1, 1, 1, 1, 1, 1, 0],  # 4 after 0 1 2
        [1, 1, 1, 1, 0, 0, 1],  # 3 after 0 1, not after 2 or 4
    ]
    added = additive_mask(mask, torch.float32)
    assert added.shape == (1, 1, 5, 7)
    assert torch.equal(added[:, 0] == 0, mask)


def test_mask_of_two_subtrees_side_by_side():
    # 5 -> (0 -> 1, 2), (3): the cached 5 is seen by all, the subtrees do not see each other
    root = build_tree([([5, 0, 1], [9]), ([5, 0, 2], [9]), ([5, 3], [9])])
    (trunk,) = root.children.values()
    assert pack_mask([list(walk(list(trunk.children.values())))], cached=1)[0].int().tolist() == [
        [1, 1, 0, 0, 0],  # 0
        [1, 1, 1, 0, 0],  # 1 after 0
        [1, 1, 0, 1, 0],  # 2 after 0, not after 1
        [1, 0, 0, 0, 1],  # 3
    ]


@st.composite
def trees(draw):
    rng = random.Random(draw(st.integers(0, 2**32)))

    def ids(low, high):
        return [rng.randrange(WORDS) for _ in range(rng.randrange(low, high))]

    stems = [ids(0, 30)]
    for _ in range(draw(st.integers(1, 4))):
        stems.append(rng.choice(stems) + ids(1, 20))
    made = []
    for _ in range(draw(st.integers(1, 8))):
        inputs = rng.choice(stems) + ids(1, 8)
        scored = rng.randrange(1, min(len(inputs), 12) + 1)
        made.append((inputs, [*inputs[len(inputs) - scored + 1 :], rng.randrange(WORDS)]))
    return made


MODELS = {}


@pytest.mark.parametrize("name", SHARING)
@settings(max_examples=12, deadline=None)
@given(made=trees(), limit=st.integers(1, 60), min_shared=st.integers(0, 40))
def test_every_target_scores_as_in_a_plain_pass(name, made, limit, min_shared):
    model = MODELS.setdefault(name, tiny_model(name))
    scorer = TreeScorer(model, packed=WAY[name] == "packed")
    found = [[] for _ in made]
    size = 0
    parts = positions_of(model.config).parts([inputs for inputs, _ in made])
    for members, floor in parts:
        root = build_tree([made[i] for i in members])
        size += root.size
        scorer.run(
            root,
            limit=limit,
            max_rows=3,
            min_shared=min_shared,
            floor=floor,
            on_score=lambda place, *score, members=members: found[members[place]].append(score),
        )
    for who in (who for members, _ in parts for who in members):
        (inputs, continuation), scores = made[who], found[who]
        with torch.no_grad():
            plain = model(torch.tensor([inputs])).logits[0].log_softmax(-1)[-len(continuation) :]
        assert len(scores) == len(continuation)
        for position, (token, (value, hit)) in enumerate(zip(continuation, scores, strict=True)):
            assert value == pytest.approx(plain[position, token].item(), abs=1e-4)
            assert hit == (plain[position].argmax().item() == token)
    if scorer.packed and min_shared == 0:  # else rows are padded
        assert scorer.tokens_computed == size


def test_only_wanted_logits_are_made():
    model = tiny_model("llama")
    seen = []
    model.lm_head.register_forward_hook(lambda module, args, out: seen.append(out.shape[1]))
    context = list(range(60))
    made = [([*context, 70 + q, 5], [9]) for q in range(4)]
    TreeScorer(model, packed=True).run(build_tree(made), limit=20, on_score=lambda *_: None)
    assert seen == [1, 1, 1, 4]  # three chunks of context; one pack of four questions


def test_copies_of_the_prefix_stay_within_the_bytes_allowed():
    model = tiny_model("mistral")
    made = [([*range(50), 60 + q, 5], [9]) for q in range(8)]
    small, large = TreeScorer(model, packed=False), TreeScorer(model, packed=False)
    large.run(build_tree(made), limit=500, on_score=lambda *_: None)
    small.run(build_tree(made), limit=500, on_score=lambda *_: None, max_bytes=1)
    assert small.passes == large.passes + 7
    assert small.peak_cache_bytes < large.peak_cache_bytes / 2
    assert rows_within(None, 1, 8) == 8
