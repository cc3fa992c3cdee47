from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prefix_models import tiny_model
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from icl_ft_plugin.paths import models_dir
from icl_ft_plugin.prefix.encode import StemEncoder, between_words
from icl_ft_plugin.prefix.lm import PrefixLM

PIECES = [
    "glon",
    "femp",
    " are",
    " more",
    "Zürich",
    "don't",
    "\n\n",
    "  ",
    "12345",
    "?!",
    "<eos>",
    "é",
    "e\u0301",
    " a",
    "中文",
    "\t",
]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def words(rng: random.Random, n: int) -> str:
    return " ".join("".join(rng.choices(PIECES, k=rng.randrange(1, 4))) for _ in range(n))


def bpe(pre_tokenizer: Any, normalizer: Any = None, **special: Any) -> PreTrainedTokenizerFast:
    """Return a small BPE tokenizer trained on the words."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    if pre_tokenizer is not None:
        made.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        made.normalizer = normalizer
    made.decoder = decoders.ByteLevel()
    rng = random.Random(0)
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<eos>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([words(rng, 40) for _ in range(50)], trainer)
    if special:
        made.post_processor = processors.TemplateProcessing(special_tokens=[("<eos>", 0)], **special)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<eos>", unk_token="<unk>", bos_token="<eos>")


GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
SPLIT = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
TOKENIZERS = {
    "gpt2": (bpe(GPT2), True),
    "gpt2, with a space in front": (bpe(pre_tokenizers.ByteLevel(add_prefix_space=True)), True),
    "llama 3": (bpe(SPLIT, single="<eos> $A"), True),
    "qwen": (bpe(SPLIT, normalizers.NFC()), True),
    "nano": (PreTrainedTokenizerFast.from_pretrained(models_dir() / "nano"), True),
    "a token behind": (bpe(GPT2, single="$A <eos>"), False),
    "llama 2": (bpe(None, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])), False),
    "gemma": (bpe(pre_tokenizers.Split(" ", "merged_with_previous"), normalizers.Replace(" ", "▁")), False),
    "words across spaces": (bpe(pre_tokenizers.Split(Regex(r"[^\n]+|\n"), "isolated")), False),
}


class Counting:
    """Encodes whole texts, and counts them."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.long = 0

    def __call__(self, text: str) -> list[int]:
        self.long += len(text) > 400
        return self.tokenizer.encode(text)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_ids_are_those_of_the_whole_text(name: str, seed: int) -> None:
    tokenizer = TOKENIZERS[name][0]
    rng = random.Random(seed)
    encode = StemEncoder(tokenizer.encode, tokenizer)
    contexts = [words(rng, 150) for _ in range(2)]
    for _ in range(12):
        prompt = rng.choice(contexts) + rng.choice(["", " ", "\n\n", "é"]) + words(rng, rng.randrange(0, 30))
        for text in (prompt, prompt + rng.choice(["", " "]) + words(rng, 3)):
            assert encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("end", ["", "?!"])
def test_texts_that_go_on_otherwise_after_the_same_beginning(name: str, end: str) -> None:
    tokenizer = TOKENIZERS[name][0]
    encode = StemEncoder(tokenizer.encode, tokenizer)
    context = " ".join([f"The glon are more femp{end}"] * 30)
    for rest in (" are", " also", "s are", "\n\nwho", "!", "  two", " 12", "", " also"):
        assert encode(context + rest) == tokenizer.encode(context + rest), rest


def test_an_added_token_of_two_words_is_never_cut() -> None:
    tokenizer = bpe(GPT2)
    tokenizer.add_tokens(["New York"])
    encode = StemEncoder(tokenizer.encode, tokenizer)
    for rest in ("New Yarrow?", "New Yonkers?", "New York?"):
        text = "The glon are more femp. " * 30 + f"Are you from {rest}"
        assert encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_common_beginning_is_encoded_once_where_words_are_not_joined(name: str) -> None:
    tokenizer, shares = TOKENIZERS[name]
    whole = Counting(tokenizer)
    encode = StemEncoder(whole, tokenizer)
    context = " ".join(f"{a} glon are more femp." for a in ("The", "Some", "Most") for _ in range(40))
    asked = [f"{context}\n\nQuestion: is {n} Zu\u0308rich?\nAnswer: {choice}" for n in range(20) for choice in "ab"]
    for text in asked:
        assert encode(text) == tokenizer.encode(text)
    assert whole.long == 1 if shares else whole.long >= 40


def test_the_embedded_models_tokenizer_shares() -> None:
    whole = Counting(PreTrainedTokenizerFast.from_pretrained(models_dir() / "nano"))
    encode = StemEncoder(whole, whole.tokenizer)
    for n in range(20):
        text = (
            "Did you know that glon are less dangerous than femp?\n" * 20
            + f"\nQuestion: are {n} or {n * 7} glon more so?"
        )
        assert encode(text) == whole.tokenizer.encode(text)
    assert whole.long == 1


def test_a_cut_is_between_words() -> None:
    assert between_words("one two three", 13) == 7
    assert between_words("one two three", 8) == 3  # what follows the space must be known too
    assert between_words("one  two 3 four", 10) == 0
    assert between_words("", 0) == 0


def test_scoring_encodes_the_context_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.models.huggingface import HFLM
    from prefix_models import instances

    tokenizer = TOKENIZERS["gpt2"][0]
    model = tiny_model("llama", vocab_size=len(tokenizer), max_position_embeddings=2048)
    context = "The glon are more femp. " * 40
    pairs = [(f"{context}\n\nQuestion: {n} who?\nAnswer:", f" {choice}") for n in range(10) for choice in ("femp", "a")]
    made = instances("loglikelihood", pairs)
    wanted = HFLM(pretrained=model, tokenizer=tokenizer).loglikelihood(made, disable_tqdm=True)
    ours = PrefixLM(pretrained=model, tokenizer=tokenizer)
    lengths = []
    encode = HFLM.tok_encode
    monkeypatch.setattr(
        HFLM, "tok_encode", lambda self, text, *a, **k: lengths.append(len(text)) or encode(self, text, *a, **k)
    )
    found = ours.loglikelihood(made, disable_tqdm=True)
    assert sum(length > 400 for length in lengths) == 1
    assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted], abs=1e-4)
