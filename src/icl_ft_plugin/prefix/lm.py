"""``--model icl_ft_hf``: lm-evaluation-harness' ``hf`` model, with every shared stretch of the prompts computed once.

    lm_eval --model icl_ft_hf --model_args pretrained=HuggingFaceTB/SmolLM2-135M --tasks icl_ft_reversal_icl

Requests that share nothing are batched by length, also at the default batch size of 1. It takes all of ``hf``'s
arguments and gives the same scores. Three arguments are its own:

    on_overflow=error      a prompt that is longer than the model's window is an error (default: truncate, as hf)
    pass_tokens=512        most tokens of one forward pass (default: packs of 512 on a CPU and 4096 on an accelerator,
                           shared prefixes in pieces as large as memory allows)
    pass_bytes=2000000000  most memory of one pass beside weights and context (default: a quarter of what is free)

What cannot share (encoder-decoder and recurrent models, prompt tuning, tensor parallelism) runs as ``hf`` does, with
one warning. See docs/lm-eval.md.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.prefix.check import cannot_share, disagreement, possible_ways
from icl_ft_plugin.prefix.device import refuse_missing_device
from icl_ft_plugin.prefix.encode import StemEncoder
from icl_ft_plugin.prefix.generate import StemGeneration
from icl_ft_plugin.prefix.limits import LEAST, chunk_tokens, free_bytes, pack_tokens
from icl_ft_plugin.prefix.positions import Part
from icl_ft_plugin.prefix.score import TreeScorer
from icl_ft_plugin.prefix.tree import Node, build_tree

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


logger = logging.getLogger(__name__)

Request = tuple[tuple[str, str] | None, list[int], list[int]]
Answer = tuple[float, bool]


class PrefixLM(StemGeneration):
    """HFLM whose scoring and greedy generation share the prompts' common prefixes.

    Args:
        pretrained: As HFLM.
        on_overflow: ``truncate`` drops tokens on the left as HFLM does; ``error`` raises UsageError.
        pass_tokens: Most tokens of one forward pass; None: packs by device, prefixes in pieces as large as fit.
        pass_bytes: Most bytes of one pass beside the weights and the cached prefix; None takes a quarter of what is
            free when scoring starts.
        **kwargs: As HFLM.

    Attributes:
        sharing: ``packed``, ``rows`` or ``stock``: the way in use; None before the first request.
        prefix_stats: Counts of the last call, empty where hf's own path ran: requests, stock_tokens (what hf would compute one by
            one), tree_tokens (the least), computed_tokens (padding included), passes, peak_cache_bytes.

    Raises:
        UsageError: ``on_overflow`` is neither value, or the CUDA device is not there.
    """

    def __init__(
        self,
        pretrained: str | PreTrainedModel | PeftModel,
        *,
        on_overflow: str = "truncate",
        pass_tokens: int | None = None,
        pass_bytes: int | None = None,
        **kwargs: Any,
    ) -> None:
        if on_overflow not in ("truncate", "error"):
            raise UsageError(
                f"model argument on_overflow={on_overflow!r}: write on_overflow=truncate (as hf) or on_overflow=error"
            )
        if isinstance(pretrained, str):
            refuse_missing_device(kwargs.get("device", "cuda"), torch.cuda.device_count())
        self._encoded: OrderedDict[Hashable, list[int]] = OrderedDict()
        self._encoders: dict[Hashable, StemEncoder] = {}
        super().__init__(pretrained, **kwargs)
        self.on_overflow = on_overflow
        self.pass_tokens = None if pass_tokens is None else int(pass_tokens)
        self.pass_bytes = None if pass_bytes is None else int(pass_bytes)
        self.sharing: str | None = None
        self.prefix_stats: dict[str, int] = {}
        self._stem = None
        self._detected: int | None = None
        self._told = set()

    # ------------------------------------------------------------------ scoring

    def tok_encode(self, string: str, *args: Any, **kwargs: Any) -> list[int]:
        """Encode as HFLM; a prompt once for all choices, and what prompts have in common once for all prompts."""
        how = (args, tuple(sorted(kwargs.items())))
        key = (string, how)
        if key not in self._encoded:
            if how not in self._encoders:
                whole = partial(super().tok_encode, **kwargs)
                self._encoders[how] = StemEncoder(lambda text: whole(text, *args), self.tokenizer)
            cut = args[1:] or kwargs.get("left_truncate_len")
            self._encoded[key] = super().tok_encode(string, *args, **kwargs) if cut else self._encoders[how](string)
        self._encoded.move_to_end(key)
        while len(self._encoded) > 2:  # the prompt, and the prompt with a choice
            self._encoded.popitem(last=False)
        return list(self._encoded[key])

    def _loglikelihood_tokens(
        self, requests: list[Request], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[Answer]:
        """Score the requests; the order is kept. Rolling windows (``override_bs``) share nothing and run as stock."""
        inputs = [self._inputs(request) for request in requests]
        for index, (key, context, continuation) in enumerate(requests):
            if self.on_overflow == "error":
                self._refuse_overflow(len(context) + len(continuation) - 1, self.max_length, index, key and key[0])
            if len(inputs[index]) < len(continuation):
                raise UsageError(
                    f"request {index}: the {len(continuation)} tokens of the continuation need a context of one token "
                    f"and a window of {len(continuation)}; they have {len(context)} and {self.max_length}"
                )
        self.prefix_stats = {}
        answers: dict[int, Answer] = {}
        for members, floor in [] if override_bs else self._together(inputs):
            found = self._score_tree([requests[i] for i in members], [inputs[i] for i in members], floor, disable_tqdm)
            answers.update(zip(members, found, strict=True))
        if plain := [i for i in range(len(requests)) if i not in answers]:
            found = super()._loglikelihood_tokens(
                [requests[i] for i in plain], disable_tqdm=disable_tqdm, override_bs=override_bs
            )
            answers.update(zip(plain, found, strict=True))
        return [answers[i] for i in range(len(requests))]

    def get_model_info(self) -> dict[str, object]:
        """Return what lm-eval writes of the model, and how its prefixes were shared (``prefix_sharing``)."""
        return {**super().get_model_info(), "prefix_sharing": self.sharing}

    def _inputs(self, request: Request) -> list[int]:
        """Return the input ids as stock makes them: truncated on the left, without the last token."""
        _, context, continuation = request
        return (context + continuation)[-(self.max_length + 1) :][:-1]

    def _together(self, inputs: list[list[int]]) -> list[Part]:
        """Return the requests that may be computed together; hf's own path takes those that are in none."""
        if len(inputs) < 2 or self._way(inputs[0]) == "stock":
            return []
        return [part for part in self._parts(inputs) if len(part.members) > 1]

    def _score_tree(
        self, requests: list[Request], inputs: list[list[int]], floor: int, disable_tqdm: bool
    ) -> list[Answer]:
        root = build_tree([(ids, request[2]) for ids, request in zip(inputs, requests, strict=True)])
        limit, chunk = self._limits(max(len(ids) for ids in inputs))
        while True:
            try:
                found = self._run_tree(requests, root, (limit, chunk, floor), disable_tqdm)
                break
            except torch.OutOfMemoryError:
                if max(limit, chunk) <= LEAST:
                    raise
                limit = max(LEAST, limit // 2)
                chunk = min(max(LEAST, chunk // 2), 4 * limit)
                logger.warning("out of memory: scoring again, %d tokens a pack, %d a piece of prefix", limit, chunk)
                torch.cuda.empty_cache()
        self.prefix_stats["stock_tokens"] = self.prefix_stats.get("stock_tokens", 0) + sum(map(len, inputs))
        return found

    def _run_tree(
        self, requests: list[Request], root: Node, limits: tuple[int, int, int], disable_tqdm: bool
    ) -> list[Answer]:
        limit, chunk, floor = limits
        sums = [0.0] * len(requests)
        greedy = [True] * len(requests)
        open_targets = [len(continuation) for _, _, continuation in requests]
        bar = tqdm(
            total=len(requests),
            disable=disable_tqdm or self.rank != 0,
            desc="Running loglikelihood requests, prefixes shared",
        )

        def on_score(who: int, value: float, hit: bool) -> None:
            sums[who] += value
            greedy[who] &= hit
            open_targets[who] -= 1
            if open_targets[who] == 0:
                bar.update(1)
                if requests[who][0] is not None:
                    self.cache_hook.add_partial("loglikelihood", requests[who][0], (sums[who], greedy[who]))

        scorer = self._scorer()
        max_rows = self.batch_size if isinstance(self.batch_size, int) and self.batch_size > 1 else None
        most = self._bytes_per_pass()
        scorer.run(root, limit=limit, chunk=chunk, floor=floor, on_score=on_score, max_rows=max_rows, max_bytes=most)
        bar.close()
        counts = {
            "requests": len(requests),
            "tree_tokens": root.size,
            "computed_tokens": scorer.tokens_computed,
            "passes": scorer.passes,
        }
        for name, count in counts.items():
            self.prefix_stats[name] = self.prefix_stats.get(name, 0) + count
        peak = max(self.prefix_stats.get("peak_cache_bytes", 0), scorer.peak_cache_bytes)
        self.prefix_stats["peak_cache_bytes"] = peak
        return list(zip(sums, greedy, strict=True))

    # ------------------------------------------------------------------ way and limits

    def _scorer(self, packed: bool | None = None) -> TreeScorer:
        return TreeScorer(
            self.model,
            packed=self.sharing == "packed" if packed is None else packed,
            device=self.device,
            softmax_dtype=self.softmax_dtype,
            autocast=self._autocast,
        )

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(
            device_type=self.device.type,
            dtype=self.mixed_precision_dtype,
            enabled=self.mixed_precision_dtype is not None,
        )

    def _way(self, sample: list[int]) -> str:
        """Return the way to share, decided once, by the kind of cache and a comparison with stock on a sample."""
        if self.sharing is None:
            reason = cannot_share(self.model, self.backend)
            if reason:
                logger.warning("prefixes are not shared, scoring as hf does: %s", reason)
                self.sharing = "stock"
            else:
                self.sharing = self._checked_way(sample)
        return self.sharing

    def _checked_way(self, sample: list[int]) -> str:
        for way in possible_ways(self.model):
            wrong = disagreement(self._scorer(packed=way == "packed"), self._model_call, sample)
            if wrong is None:
                return way
            logger.warning("sharing prefixes by %s disagrees with hf on this model: %s", way, wrong)
        logger.warning("prefixes are not shared: scoring as hf does")
        return "stock"

    def _detect_batch_size(self, requests: Sequence[object] | None = None, pos: int = 0) -> int:
        """As HFLM, but each data-parallel rank for itself, and once for all groups of generation requests.

        HFLM gathers the ranks' sizes; here ranks differ in how many requests take the plain path, and a gather that
        not all ranks reach would wait forever.
        """
        if requests is None and self._detected is not None:
            return self._detected
        ranks: int = self.world_size
        self._world_size = 1
        try:
            size = int(super()._detect_batch_size(requests, pos))
        finally:
            self._world_size = ranks
        if requests is None:
            self._detected = size
        return size

    def _bytes_per_pass(self) -> int:
        return self.pass_bytes if self.pass_bytes is not None else free_bytes(self.device) // 4

    def _limits(self, depth: int) -> tuple[int, int]:
        """Return the most tokens of a pack and of a piece of a prefix, for requests of up to ``depth`` tokens."""
        allowed = self._bytes_per_pass()
        pack = pack_tokens(self.model, depth, self.pass_tokens or self._usual_pass(), allowed)
        chunk = chunk_tokens(self.model, depth, allowed)
        return pack, min(chunk, self.pass_tokens or chunk)

    def _usual_pass(self) -> int:
        return 512 if self.device.type == "cpu" else 4096
