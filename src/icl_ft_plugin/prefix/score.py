"""Scores a prefix tree with a causal model: each stretch of tokens is computed once.

Two ways, by what the model's attention allows:

- packed: a mask lets each token see its own path only. Behind a long cached prefix subtrees lie one behind the other
  in a single row: no padding, no copied cache. Where nothing, or less than ``min_shared``, is cached, each is a row
  of a right-padded batch. Every token of the tree is computed exactly once.
- rows: paths are the rows of a right-padded batch, on a copy of the cached prefix per row. For sliding windows,
  states, and attention kernels that take no mask.

      TreeScorer(model, packed=True).run(build_tree(requests), limit=512, on_score=...)
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from icl_ft_plugin.prefix.cache import PathCache, cache_bytes, cache_name, fork
from icl_ft_plugin.prefix.pack import additive_mask, pack_ids, pack_mask, pack_targets, padded
from icl_ft_plugin.prefix.plan import Extend, Pack, Retreat, Rows, plan_packs, plan_rows
from icl_ft_plugin.prefix.tree import Node, path_length

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache


PLACES = 64
"""Positions whose log-softmax is computed at a time."""

Target = tuple[int, int, int, int]
"""(row, position in the row, token to score there, index of the request)."""

OnScore = Callable[[int, float, bool], None]
"""Called with (index of the request, log-probability of one target, whether it is the most likely token)."""


def base_forward_parameters(model: PreTrainedModel | PeftModel) -> set[str]:
    """Return the names that the model's own ``forward`` takes, below a PEFT wrapper."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return set(inspect.signature(base.forward).parameters)


class TreeScorer:
    """Computes the log-probability of every target of a tree.

    Args:
        model: A causal ``transformers`` model (or a PEFT model around one).
        packed: The way, see the module's docstring; ``packed`` needs full attention and an ``sdpa`` or ``eager`` mask.
        device: Where the inputs go.
        softmax_dtype: As lm-eval's argument: dtype of the log-softmax, None for the logits' own.
        autocast: Makes the context of every forward pass.

    Attributes:
        tokens_computed: Input positions that went through the model, padding included.
        passes: Forward passes.
        peak_cache_bytes: Most bytes of caches held at once.
        bytes_per_token: Of the last cached prefix.
    """

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        *,
        packed: bool,
        device: torch.device | str = "cpu",
        softmax_dtype: torch.dtype | None = None,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.model = model
        self.packed = packed
        self.device = device
        self.softmax_dtype = softmax_dtype
        self.autocast = autocast
        self.cache_argument = cache_name(base_forward_parameters(model)) or ""
        self.tokens_computed = 0
        self.passes = 0
        self.peak_cache_bytes = 0
        self.bytes_per_token = 0.0

    def run(
        self,
        root: Node,
        *,
        limit: int,
        on_score: OnScore,
        chunk: int | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        min_shared: int = 32,
        floor: int = 0,
    ) -> None:
        """Score all targets below ``root``.

        Args:
            root: From ``build_tree``.
            limit: Most tokens of a pack or a batch, and the smallest subtree that is not computed in one pass.
            chunk: Most tokens of a pass over a shared prefix; None takes ``limit``.
            on_score: Receives every target once, in the order of computation.
            max_rows: Most rows of a batch; None for as many as ``limit`` allows.
            max_bytes: Most bytes that the copies of the cached prefix may take.
            min_shared: Shortest shared stretch that gets its own cache (rows), or that is not copied for the rows of
                a batch (packed).
            floor: Every piece of a shared prefix ends behind so many tokens, see ``positions``.
        """
        cache = PathCache(croppable=self.packed)
        plan = plan_packs if self.packed else plan_rows
        done: set[int] = set()
        with torch.no_grad():
            for step in plan(root, limit, max_rows or limit, min_shared):
                match step:
                    case Extend(nodes):
                        cache.enter()
                        self._extend(cache, self._fresh(nodes, done), nodes, (chunk or limit, limit, floor), on_score)
                    case Retreat(nodes):
                        cache.leave(path_length(nodes))
                    case Pack(rows):
                        for part in self._within(cache, rows, max_bytes):
                            self._pack(cache, part, on_score)
                    case Rows(rows):
                        for part in self._within(cache, rows, max_bytes):
                            self._rows(cache, part, done, on_score)
        self.peak_cache_bytes = max(self.peak_cache_bytes, cache.peak_bytes)

    def prefill(self, tokens: Sequence[int], *, chunk: int, floor: int = 0) -> PathCache:
        """Cache a prefix without scoring anything, in passes of ``chunk`` tokens; the first ends behind ``floor``."""
        cache = PathCache(croppable=self.packed)
        node = Node(list(tokens), 0)
        with torch.no_grad():
            self._extend(cache, [], [node], (chunk, chunk, floor), lambda *_: None)
        return cache

    @staticmethod
    def _within(cache: PathCache, rows: list[list[Node]], max_bytes: int | None) -> Iterator[list[list[Node]]]:
        """Yield the rows of a batch in parts whose copies of the cached prefix fit."""
        at_once = rows_within(cache.current, max_bytes, len(rows)) if cache.length else len(rows)
        for start in range(0, len(rows), at_once):
            yield rows[start : start + at_once]

    @staticmethod
    def _fresh(nodes: Sequence[Node], done: set[int]) -> list[Node]:
        """Return the nodes whose targets no earlier row or prefix has scored, and mark them as scored."""
        fresh = [node for node in nodes if id(node) not in done]
        done.update(id(node) for node in fresh)
        return fresh

    def _extend(
        self, cache: PathCache, fresh: list[Node], nodes: list[Node], limits: tuple[int, int, int], on_score: OnScore
    ) -> None:
        """Cache the nodes' tokens in passes of ``limits[0]`` tokens; of ``limits[1]`` where many logits are wanted.

        A pass that would end before ``limits[2] + 1`` tokens is made as long as that.
        """
        tokens = [token for node in nodes for token in node.tokens]
        first = nodes[0].start
        wanted = [(node.start - first + at, tok, who) for node in fresh for at, tok, who in node.targets]
        limit = limits[0] if len(wanted) <= limits[1] else min(limits[:2])
        first = max(limit, limits[2] + 1 - cache.length)
        for start in (0, *range(first, len(tokens), limit)):
            chunk = tokens[start : start + limit if start else first]
            targets = [(0, at - start, tok, who) for at, tok, who in wanted if start <= at < start + len(chunk)]
            past = self._forward([chunk], cache.current, targets, on_score, use_cache=True)
            cache.extended(past, len(chunk))
        if cache.length:
            self.bytes_per_token = cache_bytes(cache.current) / cache.length

    def _pack(self, cache: PathCache, rows: list[list[Node]], on_score: OnScore) -> None:
        tokens, positions = pack_ids(rows)
        inputs = {
            "position_ids": torch.tensor(positions, device=self.device),
            "attention_mask": additive_mask(pack_mask(rows, cache.length, self.device), self.model.dtype),
        }
        if cache.length and len(rows) == 1:
            past = self._forward(tokens, cache.current, pack_targets(rows), on_score, use_cache=True, **inputs)
            cache.extended(past, len(tokens[0]))
            cache.leave(len(tokens[0]))
        else:
            past = self._copies(cache, len(rows))
            self._forward(tokens, past, pack_targets(rows), on_score, use_cache=past is not None, **inputs)

    def _rows(self, cache: PathCache, rows: list[list[Node]], done: set[int], on_score: OnScore) -> None:
        targets: list[Target] = []
        for row, path in enumerate(rows):
            for node in self._fresh(path, done):
                shift = node.start - path[0].start
                targets += [(row, shift + offset, tok, who) for offset, tok, who in node.targets]
        tokens = [[token for node in path for token in node.tokens] for path in rows]
        past = self._copies(cache, len(rows))
        self._forward(padded(tokens), past, targets, on_score, use_cache=past is not None)

    def _copies(self, cache: PathCache, rows: int) -> Cache | None:
        """Return a copy of the cached prefix for each row of a batch, None where nothing is cached."""
        if cache.length == 0:
            return None
        past = fork(cache.current, rows)
        self.peak_cache_bytes = max(self.peak_cache_bytes, cache.peak_bytes + cache_bytes(past))
        return past

    def _forward(
        self, tokens: list[list[int]], past: Cache | None, targets: list[Target], on_score: OnScore, **kwargs: Any
    ) -> Cache | None:
        """Run one pass over ``[rows, length]`` tokens; score (row, position, token, request) targets."""
        ids = torch.tensor(tokens, dtype=torch.long, device=self.device)
        by_place: dict[int, list[tuple[int, int]]] = {}
        for row, at, token, who in targets:
            by_place.setdefault(row * ids.shape[1] + at, []).append((token, who))
        with self.autocast(), self._logits_only_at(sorted(by_place) or [0]):
            out = self.model(input_ids=ids, **{self.cache_argument: past}, **kwargs)
        self.tokens_computed += ids.numel()
        self.passes += 1
        self._score(out.logits[0], [by_place[place] for place in sorted(by_place)], on_score)
        return out.get(cache_name(out)) if kwargs["use_cache"] else None

    @contextmanager
    def _logits_only_at(self, places: list[int]) -> Iterator[None]:
        """Give the output layer these places of the flattened batch alone, as one row.

        ``logits_to_keep`` would take the same positions of every row, wanted there or not.
        """

        def pick(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            (hidden,) = inputs
            return (hidden.flatten(0, 1)[torch.tensor(places, device=hidden.device)][None],)

        handle = self.model.get_output_embeddings().register_forward_pre_hook(pick)
        try:
            yield
        finally:
            handle.remove()

    def _score(self, logits: torch.Tensor, asked: list[list[tuple[int, int]]], on_score: OnScore) -> None:
        """Hand out the scores of each row of ``[places, vocabulary]`` logits, a slice of places at a time.

        The slices keep the float copies of the logits small beside the logits themselves.
        """
        for start in range(0, len(asked), PLACES):
            some = asked[start : start + PLACES]
            scores = torch.nn.functional.log_softmax(
                logits[start : start + len(some)], dim=-1, dtype=self.softmax_dtype
            )
            index = [i for i, targets in enumerate(some) for _ in targets]
            wanted = torch.tensor([token for targets in some for token, _ in targets], device=scores.device)
            values = scores[index, wanted].tolist()
            hits = (scores.argmax(dim=-1)[index] == wanted).tolist()
            for (_, who), value, hit in zip(itertools.chain(*some), values, hits, strict=True):
                on_score(who, value, hit)


def rows_within(cache: Cache | None, max_bytes: int | None, rows: int) -> int:
    """Return how many rows a batch on this cached prefix may have: a layer at a time is held twice while it grows."""
    if cache is None or max_bytes is None:
        return rows
    return max(1, min(rows, max_bytes // max(1, 2 * cache_bytes(cache))))
