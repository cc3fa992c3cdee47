"""Tiny random models of many architectures, a word-level tokenizer, and random requests, for the prefix tests."""

from __future__ import annotations

import random
from typing import Any

import torch
import transformers
from lm_eval.api.instance import Instance

VOCABULARY = 120
WORDS = VOCABULARY - 2
WINDOW = 7
SWITCH = 32
"""Length beyond which a model whose positions depend on the length has other frequencies."""

_SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "bos_token_id": WORDS,
    "eos_token_id": WORDS,
    "pad_token_id": WORDS,
}
_GROUPED = {**_SIZE, "num_key_value_heads": 2, "head_dim": 8}
_LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "original_max_position_embeddings": SWITCH,
    "short_factor": [1.0, 1.1, 1.3, 1.5],
    "long_factor": [1.0, 2.0, 4.0, 8.0],
}
_IDS = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), WORDS)

CONFIGS: dict[str, Any] = {
    "llama": lambda: transformers.LlamaConfig(**_GROUPED),
    "qwen3": lambda: transformers.Qwen3Config(**_GROUPED),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3, **_IDS
    ),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_SIZE),
    "opt": lambda: transformers.OPTConfig(
        **{k: v for k, v in _SIZE.items() if k not in ("intermediate_size", "initializer_range")},
        ffn_dim=48,
        init_std=0.3,
        word_embed_proj_dim=32,
    ),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3, **_IDS
    ),
    "mistral": lambda: transformers.MistralConfig(**_GROUPED, sliding_window=WINDOW),
    "gemma2": lambda: transformers.Gemma2Config(**_GROUPED, sliding_window=WINDOW),
    "gemma3": lambda: transformers.Gemma3TextConfig(
        **{**_GROUPED, "num_hidden_layers": 3},
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
    ),
    "phi3": lambda: transformers.Phi3Config(
        **{k: v for k, v in _GROUPED.items() if k != "head_dim"},
        original_max_position_embeddings=SWITCH,
        rope_parameters=dict(_LONG),
    ),
    "llama_dynamic": lambda: transformers.LlamaConfig(
        **{**_GROUPED, "max_position_embeddings": SWITCH},
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0},
    ),
    "gemma3_longrope": lambda: transformers.Gemma3TextConfig(
        **_GROUPED,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": dict(_LONG),
        },
    ),
    "lfm2": lambda: transformers.Lfm2Config(**_GROUPED, layer_types=["conv", "full_attention"]),
    # Large random weights would blow the rounding of its chunked recurrence up to 1e-4.
    "qwen3_next": lambda: transformers.Qwen3NextConfig(
        **{**_GROUPED, "initializer_range": 0.1},
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        num_experts=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        num_experts_per_tok=1,
    ),
    "mamba": lambda: transformers.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=8, **_IDS
    ),
    "jamba": lambda: transformers.JambaConfig(
        **{k: v for k, v in _GROUPED.items() if k != "head_dim"},
        use_mamba_kernels=False,
        num_experts=2,
        attn_layer_period=2,
        attn_layer_offset=1,
    ),
}
"""Architecture -> function that makes its config."""

WAY = dict.fromkeys(("llama", "qwen3", "gpt2", "gpt_neox", "opt", "phi3", "llama_dynamic"), "packed")
WAY |= dict.fromkeys(("bloom", "mistral", "gemma2", "gemma3", "gemma3_longrope", "lfm2", "qwen3_next"), "rows")
WAY |= dict.fromkeys(("mamba", "jamba"), "stock")
"""Architecture -> how PrefixLM is expected to share."""

BY_LENGTH = ("phi3", "llama_dynamic", "gemma3_longrope")
"""Those whose rotary positions depend on the length of a pass."""


def tiny_model(name: str, **changes: Any) -> Any:
    """Return a random fp32 model."""
    torch.manual_seed(0)
    config = CONFIGS[name]()
    for key, value in changes.items():
        setattr(config, key, value)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def tiny_tokenizer() -> Any:
    """Return a tokenizer of the words w0, w1, ..., an end-of-text token, and an unknown token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {f"w{i}": i for i in range(WORDS)} | {"<eos>": WORDS, "<unk>": WORDS + 1}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", unk_token="<unk>", pad_token="<eos>", model_max_length=256
    )


def token_requests(rng: random.Random, contexts: list[int], questions: int) -> list[Any]:
    """Make shuffled ``(key, context, continuation)`` requests over contexts of these lengths."""

    def ids(n: int) -> list[int]:
        return [rng.randrange(WORDS) for _ in range(n)]

    stems = [ids(length) for length in contexts]
    made = []
    for _ in range(questions):
        asked = rng.choice(stems) + ids(rng.randrange(1, 9))
        for _ in range(rng.randrange(1, 4)):
            made.append(((f"context {len(made)}", "choice"), asked, ids(rng.randrange(1, 5))))
    rng.shuffle(made)
    return made


def text(rng: random.Random, words: int) -> str:
    """Make so many words."""
    return " ".join(f"w{rng.randrange(WORDS)}" for _ in range(words))


def instances(kind: str, arguments: list[Any]) -> list[Instance]:
    """Wrap request arguments for lm-eval."""
    return [Instance(kind, {}, args, index) for index, args in enumerate(arguments)]
