from __future__ import annotations

import torch
from prefix_models import tiny_model

from icl_ft_plugin.prefix.limits import LEAST, chunk_tokens, free_bytes, pack_tokens


def test_plenty_of_memory_gives_what_is_asked_and_prefixes_in_one_piece():
    model = tiny_model("llama")
    assert pack_tokens(model, 3000, 512, 10**10) == 512
    assert chunk_tokens(model, 3000, 10**10) == 3000


def test_passes_shrink_with_the_bytes_and_the_depth_but_not_to_nothing():
    model = tiny_model("llama")
    assert LEAST <= pack_tokens(model, 100, 512, 400_000) < 512
    assert pack_tokens(model, 10_000, 512, 400_000) < pack_tokens(model, 100, 512, 400_000)
    assert chunk_tokens(model, 10_000, 10**6) < chunk_tokens(model, 10_000, 10**8) <= 10_000
    assert pack_tokens(model, 100, 512, 0) == chunk_tokens(model, 100, 0) == LEAST


def test_eager_attention_counts_its_weights():
    model = tiny_model("llama")
    usual = chunk_tokens(model, 4096, 10**7)
    model.set_attn_implementation("eager")
    assert chunk_tokens(model, 4096, 10**7) < usual


def test_free_memory_is_known():
    assert free_bytes(torch.device("cpu")) > 10**6
