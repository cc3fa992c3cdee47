"""Key/value caches that go forth and back along one path of a prefix tree.

Full-attention layers keep one row per token, so going back is a crop. Layers that forget (a sliding window) or fold
the past into a state (convolution, recurrence) cannot go back: there every stretch works on a copy.

    cache = PathCache(croppable=True)      # context: 1500 tokens
    cache.enter(); model(..., cache=cache.current)        # + question: 14 tokens
    cache.leave(14)                        # context again
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer, DynamicSlidingWindowLayer

if TYPE_CHECKING:
    from transformers import PretrainedConfig


NAMES = ("cache", "past_key_values")
"""What a key/value cache is called as an argument and in an output: since transformers 5.24, and before."""


def cache_name(names: Iterable[str]) -> str | None:
    """Return which of these names is a key/value cache's, None if none is."""
    return next((name for name in NAMES if name in names), None)


def fork(cache: Cache, rows: int) -> Cache:
    """Copy a one-row cache into ``rows`` rows; the original stays as it is.

    ``reorder_cache`` is the one operation that every kind of layer has and that makes new tensors, also for states.
    """
    copied = copy.copy(cache)
    copied.layers = []
    for layer in cache.layers:
        layer = copy.copy(layer)
        for name, value in vars(layer).items():
            if isinstance(value, dict):  # states live in dicts that the copy must not share
                setattr(layer, name, dict(value))
        copied.layers.append(layer)
    copied.reorder_cache(torch.zeros(rows, dtype=torch.long))
    return copied


def cache_bytes(cache: Cache) -> int:
    """Return the bytes of all tensors that a cache holds."""
    held = 0
    for layer in cache.layers:
        for value in vars(layer).values():
            for item in value.values() if isinstance(value, dict) else [value]:
                if isinstance(item, torch.Tensor):
                    held += item.numel() * item.element_size()
    return held


def layer_types(config: PretrainedConfig) -> set[type]:
    """Return the kinds of cache layer that a model with this config uses."""
    return {type(layer) for layer in DynamicCache(config=config).layers}


def is_full_attention(config: PretrainedConfig) -> bool:
    """Say whether every layer caches every token, so that a cache can be cropped."""
    return layer_types(config) == {DynamicLayer}


def is_state_only(config: PretrainedConfig) -> bool:
    """Say whether no layer keeps keys and values."""
    return not any(issubclass(kind, CacheLayerMixin) for kind in layer_types(config))


def is_attention_only(config: PretrainedConfig) -> bool:
    """Say whether no layer carries a state; a sliding window is attention too."""
    return layer_types(config) <= {DynamicLayer, DynamicSlidingWindowLayer}


class PathCache:
    """The cache of the current path of the tree, one row.

    Attributes:
        current: What to pass as the model's cache next; None before the first token of a copying cache.
        length: Tokens in it.
        peak_bytes: Most bytes held at once, without the rows made by ``fork``.
    """

    def __init__(self, *, croppable: bool) -> None:
        self.croppable = croppable
        self.current: Cache | None = DynamicCache() if croppable else None
        self.length = 0
        self.peak_bytes = 0
        self._kept: list[Cache | None] = []

    def enter(self) -> None:
        """Start a stretch that ``leave`` will take back."""
        if not self.croppable:
            self._kept.append(self.current)
            self.current = None if self.current is None else fork(self.current, 1)

    def extended(self, cache: Cache | None, tokens: int) -> None:
        """Take over the cache that the model returned after ``tokens`` more tokens."""
        if not isinstance(cache, Cache):
            raise TypeError(f"the model returned {type(cache).__name__} as its cache, not a transformers Cache")
        self.current = cache
        self.length += tokens
        held = sum(cache_bytes(kept) for kept in [*self._kept, cache] if kept is not None)
        self.peak_bytes = max(self.peak_bytes, held)

    def leave(self, tokens: int) -> None:
        """Go back by the ``tokens`` of the last stretch."""
        if self.croppable:
            assert self.current is not None
            self.current.crop(-tokens)
        else:
            self.current = self._kept.pop()
        self.length -= tokens
