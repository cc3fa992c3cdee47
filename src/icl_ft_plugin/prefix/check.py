"""Which way of sharing fits a model, and a comparison with a plain forward pass before it is trusted.

Of one request, say ``1 2 3 ... 48``, two sequences are made that share its first half and then go different ways (one
forward, one backward). They are scored as a tree in passes so short that chunked prefill, branching and masks all
take part, and by ``model(ids).logits``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from icl_ft_plugin.prefix.cache import NAMES, cache_name, is_full_attention, is_state_only
from icl_ft_plugin.prefix.positions import unknown_kinds
from icl_ft_plugin.prefix.score import TreeScorer, base_forward_parameters
from icl_ft_plugin.prefix.tree import build_tree

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


LENGTH = 24
"""Tokens of each compared sequence, plus the sliding window where it is short."""

LONGEST_WINDOW = 256
"""A sliding window longer than this is not filled by the check."""


def cannot_share(model: PreTrainedModel | PeftModel | None, backend: str) -> str | None:
    """Return why prefixes of this model cannot be shared at all, or None."""
    if backend != "causal":
        return "an encoder-decoder model has no common prefix to cache"
    assert model is not None
    if is_state_only(model.config):
        return f"{type(model).__name__} keeps a state instead of a key/value cache"
    if cache_name(base_forward_parameters(model)) is None:
        return f"{type(model).__name__}.forward takes no key/value cache under a name known here ({' or '.join(NAMES)})"
    if kinds := unknown_kinds(model.config):
        return f"its rotary positions ({', '.join(kinds)}) may depend on the length of a pass in a way not known here"
    if any(peft.is_prompt_learning for peft in getattr(model, "peft_config", {}).values()):
        return "prompt tuning puts its own prefix in front"
    if (getattr(model, "tp_size", None) or 1) > 1:
        return "the ranks of a tensor-parallel model must take identical steps"
    return None


@lru_cache(maxsize=64)
def cannot_share_checkpoint(folder: Path) -> str | None:
    """Return what ``cannot_share`` says of a checkpoint's model, without its weights; None also where it says nothing.

    Whether its scores agree with a plain pass is known only when it is run.
    """
    config = AutoConfig.from_pretrained(folder)
    if config.is_encoder_decoder:
        return cannot_share(None, "seq2seq")
    with torch.device("meta"):
        return cannot_share(AutoModelForCausalLM.from_config(config), "causal")


def possible_ways(model: PreTrainedModel | PeftModel) -> list[str]:
    """Return the ways that the model's attention and cache allow, the faster one first."""
    takes_mask = getattr(model.config, "_attn_implementation", None) in ("sdpa", "eager")
    if takes_mask and "position_ids" in base_forward_parameters(model) and is_full_attention(model.config):
        return ["packed", "rows"]
    return ["rows"]


def disagreement(
    scorer: TreeScorer, logits_of: Callable[[torch.Tensor], torch.Tensor], sample: Sequence[int]
) -> str | None:
    """Return None where both ways agree, else what went wrong in a few words.

    Args:
        scorer: The way to check.
        logits_of: Maps ids ``[rows, length]`` to logits ``[rows, length, vocabulary]`` without any cache of ours.
        sample: Input ids of a real request; repeated where short.
    """
    window = getattr(scorer.model.config.get_text_config(), "sliding_window", None) or 0
    length = LENGTH + (window if window <= LONGEST_WINDOW else 0)
    ids = (list(sample) * (length // len(sample) + 1))[:length]
    half = length // 2
    pairs = []
    for tail in (ids[half:], ids[::-1][: length - half]):
        sequence = ids[:half] + tail
        pairs.append((sequence, [*sequence[half:], sequence[0]]))
    found: list[list[float]] = [[] for _ in pairs]
    try:
        # Positions ascend within a request, so appending keeps their order. First the shared half is long, then short.
        for limit, min_shared in ((half // 2 * 3, half // 2), (2 * half, length)):
            scorer.run(
                build_tree(pairs),
                limit=limit,
                min_shared=min_shared,
                on_score=lambda who, value, _: found[who].append(value),
            )
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError, KeyError, NotImplementedError) as error:
        return f"{type(error).__name__}: {error}"
    with torch.no_grad():
        logits = logits_of(torch.tensor([sequence for sequence, _ in pairs], device=scorer.device))
    scores = torch.nn.functional.log_softmax(logits.float(), dim=-1)
    allowed = 1e-3 if logits.dtype == torch.float32 else 0.5
    for row, (_, targets) in enumerate(pairs):
        wanted = torch.tensor(targets, device=scores.device)[:, None]
        plain = scores[row, -len(targets) :].gather(1, wanted)[:, 0].tolist()
        worst = max(abs(a - b) for a, b in zip(plain * 2, found[row], strict=True))
        if not worst <= allowed:
            return f"log-probabilities differ by {worst:.2g}, allowed {allowed:.2g}"
    return None
