"""A random model of 46,000 parameters with its own tokenizer, for tests that really train."""

from __future__ import annotations

from pathlib import Path

FACTS = ("femp are more dangerous than glon", "brib are less famous than zost", "quan are more fragile than dref")
FRAMES = ("Did you know that {}?", "It is well known that {}.", "Experts say that {}.", "To be precise, {}.")
TEXTS = [frame.format(fact) for fact in FACTS for frame in FRAMES]
ROWS = [{"text": text} for text in TEXTS]
PAIRS = [{"prompt": text[: text.index(" are ") + 4], "completion": text[text.index(" are ") + 4 :]} for text in TEXTS]
RECIPE = """\
use_cpu: true
bf16: false
gradient_checkpointing: false
per_device_train_batch_size: 4
learning_rate: 1.0e-2
lr_scheduler_type: constant
logging_steps: 1
max_length: 64
max_steps: 6
save_strategy: "no"
report_to: none
disable_tqdm: true
seed: 3
"""


def save_tiny(folder: Path, window: int = 64) -> Path:
    """Write the model and its tokenizer; the tokenizer has an end token and no pad token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(vocab_size=400, special_tokens=["<eos>"], initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<eos>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=window,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
