from __future__ import annotations

import pytest
import torch
from prefix_models import CONFIGS, WAY, tiny_model

from icl_ft_plugin.prefix.cache import (
    PathCache,
    cache_bytes,
    cache_name,
    fork,
    is_attention_only,
    is_full_attention,
    is_state_only,
)
from icl_ft_plugin.prefix.score import base_forward_parameters

WITH_CACHE = [name for name in CONFIGS if name != "mamba"]
IDS = torch.arange(11)[None]


def states(cache):
    held = []
    for layer in cache.layers:
        for value in vars(layer).values():
            items = value.values() if isinstance(value, dict) else [value]
            held += [item.clone() for item in items if isinstance(item, torch.Tensor)]
    return held


@pytest.mark.parametrize("name", WITH_CACHE)
def test_a_fork_repeats_the_row_and_leaves_the_original_alone(name):
    model = tiny_model(name)
    with torch.no_grad():
        out = model(IDS, use_cache=True)
        cache = out[cache_name(out)]
        before = states(cache)
        forked = fork(cache, 3)
        model(torch.tensor([[5], [6], [7]]), **{cache_name(out): forked}, use_cache=True)
    after = states(cache)
    assert len(before) == len(after) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert cache_bytes(fork(cache, 3)) > 2 * cache_bytes(cache)


@pytest.mark.parametrize("name", WITH_CACHE)
def test_kinds_of_cache_are_recognized(name):
    config = CONFIGS[name]()
    assert is_full_attention(config) == (WAY[name] == "packed" or name == "bloom")
    assert is_attention_only(config) == (name not in ("lfm2", "qwen3_next", "jamba"))
    assert not is_state_only(config) and is_state_only(CONFIGS["mamba"]())


@pytest.mark.parametrize(
    ("name", "croppable"), [("llama", True), ("llama", False), ("mistral", False), ("lfm2", False)]
)
def test_leaving_a_stretch_gives_the_same_next_logits(name, croppable):
    model = tiny_model(name)

    def step(cache, ids):
        name = cache_name(base_forward_parameters(model))
        out = model(torch.tensor([ids]), **{name: cache.current}, use_cache=True)
        cache.extended(out[name], len(ids))
        return out.logits[0, -1]

    with torch.no_grad():
        cache = PathCache(croppable=croppable)
        cache.enter()
        step(cache, list(range(11)))
        cache.enter()
        first = step(cache, [20, 21, 22])
        cache.leave(3)
        cache.enter()
        step(cache, [30] * 9)
        cache.leave(9)
        assert cache.length == 11
        cache.enter()
        again = step(cache, [20, 21, 22])
    torch.testing.assert_close(first, again)
    assert cache.peak_bytes >= cache_bytes(cache.current)


def test_what_is_not_a_cache_is_refused():
    with pytest.raises(TypeError, match="tuple"):
        PathCache(croppable=False).extended((torch.zeros(1),), 1)
