"""Scores a prefix tree with a causal model: each stretch of tokens is computed once.

Two ways, by what the model's attention allows:

- packed: subtrees lie one behind the other in a single row behind the cached prefix, and a mask lets each token see
  its own path only. No padding, no copied cache, every token of the tree exactly once.
- rows: paths are the rows of a right-padded batch, on a copy of the cached prefix per row. For sliding windows,
  states, and attention kernels that take no mask.

      TreeScorer(model, packed=True).run(build_tree(requests), limit=512, on_score=...)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from icl_ft_plugin.prefix.cache import PathCache, cache_bytes, cache_name, fork
from icl_ft_plugin.prefix.tree import Extend, Node, Pack, Retreat, Rows, path_length, plan_packs, plan_rows

PLACES = 64
"""Positions whose log-softmax is computed at a time."""

OnScore = Callable[[int, float, bool], None]
"""Called with (index of the request, log-probability of one target, whether it is the most likely token)."""


def base_forward_parameters(model: Any) -> set[str]:
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
        model: Any,
        *,
        packed: bool,
        device: torch.device | str = "cpu",
        softmax_dtype: torch.dtype | None = None,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.model = model
        self.packed = packed
        self.device = device
        self.softmax_dtype = softmax_dtype
        self.autocast = autocast
        takes = base_forward_parameters(model)
        self.keeps_logits = "logits_to_keep" in takes
        self.cache_argument = cache_name(takes) or ""
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
        max_rows: int = 64,
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
            max_rows: Most rows of a batch (rows only).
            max_bytes: Most bytes that the copies of the cached prefix may take (rows only).
            min_shared: Shortest shared stretch that gets its own cache (rows only).
            floor: Every piece of a shared prefix ends behind so many tokens, see ``positions``.
        """
        cache = PathCache(croppable=self.packed)
        steps = plan_packs(root, limit) if self.packed else plan_rows(root, limit, max_rows, min_shared)
        done: set[int] = set()
        with torch.no_grad():
            for step in steps:
                match step:
                    case Extend(nodes):
                        cache.enter()
                        self._extend(cache, self._fresh(nodes, done), nodes, (chunk or limit, limit, floor), on_score)
                    case Retreat(nodes):
                        cache.leave(path_length(nodes))
                    case Pack(nodes):
                        self._pack(cache, nodes, on_score)
                    case Rows(rows):
                        at_once = rows_within(cache.current, max_bytes, len(rows))
                        for start in range(0, len(rows), at_once):
                            self._rows(cache, rows[start : start + at_once], done, on_score)
        self.peak_cache_bytes = max(self.peak_cache_bytes, cache.peak_bytes)

    def prefill(self, tokens: Sequence[int], *, chunk: int, floor: int = 0) -> PathCache:
        """Cache a prefix without scoring anything, in passes of ``chunk`` tokens; the first ends behind ``floor``."""
        cache = PathCache(croppable=self.packed)
        node = Node(list(tokens), 0)
        with torch.no_grad():
            self._extend(cache, [], [node], (chunk, chunk, floor), lambda *_: None)
        return cache

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

    def _pack(self, cache: PathCache, nodes: list[Node], on_score: OnScore) -> None:
        tokens = [token for node in nodes for token in node.tokens]
        at = pack_offsets(nodes)
        targets = [(0, at[id(node)] + offset, tok, who) for node in nodes for offset, tok, who in node.targets]
        positions = [position for node in nodes for position in range(node.start, node.end)]
        mask = pack_mask(nodes, cache.length, self.device)
        past = self._forward(
            [tokens],
            cache.current,
            targets,
            on_score,
            use_cache=True,
            position_ids=torch.tensor([positions], device=self.device),
            attention_mask=additive_mask(mask, self.model.dtype),
        )
        cache.extended(past, len(tokens))
        cache.leave(len(tokens))

    def _rows(self, cache: PathCache, rows: list[list[Node]], done: set[int], on_score: OnScore) -> None:
        targets = []
        for row, path in enumerate(rows):
            for node in self._fresh(path, done):
                shift = node.start - path[0].start
                targets += [(row, shift + offset, tok, who) for offset, tok, who in node.targets]
        longest = max(path_length(path) for path in rows)
        tokens = [[token for node in path for token in node.tokens] for path in rows]
        padded = [row + [0] * (longest - len(row)) for row in tokens]  # behind every target, so never seen
        past = None if cache.current is None else fork(cache.current, len(rows))
        if past is not None:
            self.peak_cache_bytes = max(self.peak_cache_bytes, cache.peak_bytes + cache_bytes(past))
        self._forward(padded, past, targets, on_score, use_cache=past is not None)

    def _forward(
        self,
        tokens: list[list[int]],
        past: Any,
        targets: list[tuple[int, int, int, int]],
        on_score: OnScore,
        **kwargs: Any,
    ) -> Any:
        """Run one pass over ``[rows, length]`` tokens; score (row, position, token, request) targets."""
        ids = torch.tensor(tokens, dtype=torch.long, device=self.device)
        kept = sorted({position for _, position, _, _ in targets})
        if self.keeps_logits:
            kwargs["logits_to_keep"] = torch.tensor(kept, device=self.device) if kept else 1
        with self.autocast():
            out = self.model(input_ids=ids, **{self.cache_argument: past}, **kwargs)
        self.tokens_computed += ids.numel()
        self.passes += 1
        if targets:
            column = {position: index for index, position in enumerate(kept)} if self.keeps_logits else None
            self._score(out.logits, targets, column, on_score)
        return out.get(cache_name(out)) if kwargs["use_cache"] else None

    def _score(
        self,
        logits: torch.Tensor,
        targets: list[tuple[int, int, int, int]],
        column: dict[int, int] | None,
        on_score: OnScore,
    ) -> None:
        """Hand out the targets' scores from ``[rows, positions, vocabulary]`` logits, a slice of places at a time.

        The slices keep the float copies of the logits small beside the logits themselves.
        """
        by_place: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for row, at, token, who in targets:
            by_place.setdefault((row, at if column is None else column[at]), []).append((token, who))
        places = sorted(by_place)
        for start in range(0, len(places), PLACES):
            some = places[start : start + PLACES]
            picked = logits[[row for row, _ in some], [at for _, at in some]]
            scores = torch.nn.functional.log_softmax(picked, dim=-1, dtype=self.softmax_dtype)
            index = [i for i, place in enumerate(some) for _ in by_place[place]]
            asked = [target for place in some for target in by_place[place]]
            wanted = torch.tensor([token for token, _ in asked], device=scores.device)
            values = scores[index, wanted].tolist()
            hits = (scores.argmax(dim=-1)[index] == wanted).tolist()
            for (_, who), value, hit in zip(asked, values, hits, strict=True):
                on_score(who, value, hit)


def rows_within(cache: Any, max_bytes: int | None, rows: int) -> int:
    """Return how many rows a batch on this cached prefix may have: a layer at a time is held twice while it grows."""
    if cache is None or max_bytes is None:
        return rows
    return max(1, min(rows, max_bytes // max(1, 2 * cache_bytes(cache))))


def pack_offsets(nodes: Sequence[Node]) -> dict[int, int]:
    """Return where each node (by ``id``) begins in the packed row."""
    offsets, at = {}, 0
    for node in nodes:
        offsets[id(node)] = at
        at += len(node.tokens)
    return offsets


def pack_mask(nodes: Sequence[Node], cached: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return which keys each packed token sees.

    A subtree lies in one piece behind its first token, so a later token sees an earlier one where it lies before the
    end of the subtree of the earlier one's node.

    Args:
        nodes: Whole subtrees behind the cached prefix, each node before its children and all below it.
        cached: Tokens in the cached prefix, all of which every packed token sees.
        device: Where the mask is made.

    Returns:
        bool ``[packed, cached + packed]``: the prefix, the token's ancestors, its own stretch up to itself.
    """
    offsets = pack_offsets(nodes)
    lengths = torch.tensor([len(node.tokens) for node in nodes], device=device)
    ends = torch.tensor([offsets[id(node)] + node.size for node in nodes], device=device)
    key_ends = ends.repeat_interleave(lengths)
    place = torch.arange(len(key_ends), device=device)
    own = (place[:, None] >= place) & (place[:, None] < key_ends)
    return torch.nn.functional.pad(own, (cached, 0), value=True)


def additive_mask(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Turn a bool ``[q, k]`` mask into the ``[1, 1, q, k]`` summand that eager and SDPA attention both take."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[None, None]
