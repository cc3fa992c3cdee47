"""Tokens are counted alike, whoever asks and by whichever library the tokenizer is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.harness.context import context_of
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.prompts import prompt_with
from icl_ft_plugin.harness.tokens import tokens_in, tokens_needed, tokens_of
from icl_ft_plugin.paths import models_dir

NANO = models_dir() / "nano"
TEXTS = [
    document.text
    for document in generate("reversal", 0, {"n_facts": 3, "documents_per_fact": 1, "misleading": 0}).documents
]


def test_both_libraries_count_what_the_tokenizer_counts() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    slow, fast = tokens_of({"pretrained": str(NANO)}), tokens_in(NANO, "nano")
    assert slow and slow.window == fast.window == 8192
    docs = task_documents("reversal", "reversal", n_facts=30)
    prompts = [prompt_with(context_of(doc), doc) for doc in docs]  # of which the common beginning is encoded once
    for text in ("", "glon are", *TEXTS, *prompts):
        assert slow.count(text) == fast.count(text) == len(tokenizer(text, add_special_tokens=False)["input_ids"])
        assert slow.needed(text) == fast.needed(text) == len(tokenizer(text)["input_ids"])


def test_what_a_tokenizer_puts_around_an_input_is_needed_and_no_part_of_the_text(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(NANO / name, tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    for tokens in (tokens_of({"pretrained": str(tmp_path)}), tokens_in(tmp_path, "mine")):
        assert tokens and [tokens.needed(text) - tokens.count(text) for text in TEXTS] == [1, 1, 1]


def test_a_model_that_is_not_named_or_has_no_tokenizer_is_an_error_of_use() -> None:
    assert tokens_of({}) is None
    with pytest.raises(UsageError, match="here needs the model's tokenizer: name the model"):
        tokens_needed({}, "here")
    with pytest.raises(UsageError, match="here: the tokenizer of no/such cannot be loaded"):
        tokens_needed({"pretrained": "no/such"}, "here")
    with pytest.raises(UsageError, match=r"--model mine: tokenizer\.json cannot be read"):
        tokens_in(NANO.parent, "mine")
