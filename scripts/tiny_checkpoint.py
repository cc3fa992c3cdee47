"""Makes a tiny random Llama checkpoint: ``python scripts/tiny_checkpoint.py DIR`` writes 0.3 MB that any harness loads.

It knows nothing and answers at chance. Its tokenizer has one token for each of our pseudowords and one for all else,
so that even a long context is short; its window holds the largest context that the tasks make by default.
"""

from __future__ import annotations

import sys
from importlib.resources import files


def main(folder: str) -> None:
    """Write config, weights (safetensors, seed 0) and tokenizer to ``folder``."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = files("icl_ft_plugin").joinpath("families/data/words.txt").read_text(encoding="utf-8").split()
    vocabulary = {word: index for index, word in enumerate(["<unk>", "<eos>", *words[:4000]])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",  # noqa: S106
        eos_token="<eos>",  # noqa: S106
        pad_token="<eos>",  # noqa: S106
    ).save_pretrained(folder)

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=65536,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
