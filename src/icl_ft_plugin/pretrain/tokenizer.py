r"""The embedded model's tokenizer: BPE with byte fallback in which a word has one spelling wherever it stands.

``"Yes.\nfemp are"`` becomes ``["▁Yes", ".", "\n", "▁fe", "mp", "▁are"]``: a word at the start of a text or of a line
gets the same tokens as one after a space, so that a reversal need not map one spelling of a name to another. Numbers
fall into digits, punctuation stands alone. Decoding restores the text, but for spaces at the start of a line.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<unk>", "<eos>", "<pad>")


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train the tokenizer.

    Args:
        texts: Training text.
        vocab_size: Number of tokens, the 256 bytes and the special tokens included.
        max_length: The model's window in tokens.

    Returns:
        A fast tokenizer that adds no special tokens by itself.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token=SPECIAL[0]))
    tokenizer.normalizer = normalizers.Replace(Regex(r"\n(?=[^\n ])"), "\n ")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Split(Regex(r"\n+"), "isolated"),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Metaspace(prepend_scheme="always"),
            decoders.Fuse(),
            decoders.Replace("\n ", "\n"),
        ]
    )
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=[*SPECIAL, *byte_tokens], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=_plain_bytes(tokenizer),
        unk_token=SPECIAL[0],
        eos_token=SPECIAL[1],
        pad_token=SPECIAL[2],
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def _plain_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer with its byte tokens in the vocabulary only: a text that spells one is just text."""
    import json

    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if token["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(spec))
