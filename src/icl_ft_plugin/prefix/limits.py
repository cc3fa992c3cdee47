"""How many tokens a forward pass may have within so many bytes, beside the weights and the cached prefix.

For SmolLM2-135M in fp32 behind 1,500 cached tokens and 4 GB: packs of the 512 asked for, and a context in one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import torch

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


LEAST = 16
"""No pass is cut shorter than this, whatever the bytes."""


def free_bytes(device: torch.device) -> int:
    """Return the free memory of the device, or of the machine for a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def pack_tokens(model: PreTrainedModel | PeftModel, depth: int, most: int, allowed: int) -> int:
    """Return how many tokens a pack may have.

    Args:
        model: The model.
        depth: Tokens of the longest request; the keys that a packed token may see.
        most: Upper limit.
        allowed: Bytes for logits at every position, the mask, and what attention makes of it.
    """
    config = model.config.get_text_config()
    limit = most
    while limit > LEAST and limit * (2 * 4 * config.vocab_size + _mask_bytes(model, depth + limit)) > allowed:
        limit //= 2
    return limit


def chunk_tokens(model: PreTrainedModel | PeftModel, depth: int, allowed: int) -> int:
    """Return how many tokens of a prefix to compute in one piece; the whole needs no mask and runs fastest."""
    config = model.config.get_text_config()
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    inner = max(inner) if isinstance(inner, list) else inner
    activations = model.dtype.itemsize * (8 * config.hidden_size + 4 * inner)
    limit = depth
    while limit > LEAST:
        masked = limit < depth or config._attn_implementation == "eager"
        if limit * (activations + (_mask_bytes(model, depth) if masked else 0)) <= allowed:
            break
        limit = (limit + 1) // 2
    return max(limit, LEAST)


def _mask_bytes(model: PreTrainedModel | PeftModel, keys: int) -> int:
    """Return the bytes of one query's mask, and of its attention weights where they are made."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads if config._attn_implementation == "eager" else 1
    return int(keys * model.dtype.itemsize * (1 + 2 * heads))
