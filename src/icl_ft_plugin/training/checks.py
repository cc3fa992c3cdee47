"""What would train without an error and to no use: rows cut short, tables too small, weights that are not finite.

For example a row of 300 tokens under ``max_length: 256`` raises ``full.yaml: max_length: 256 would cut row 17, which has
300 tokens``, where TRL cuts it, and the end-of-text token with it, without a word.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.training.recipes.recipe import Recipe

if TYPE_CHECKING:
    from transformers import Trainer
    from trl import SFTConfig


def load_tokenizer(model: str | PreTrainedModel) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model.

    Raises:
        UsageError: The model is no folder, or its tokenizer cannot be loaded.
    """
    name = model if isinstance(model, str) else model.config.name_or_path
    if os.sep in name and not Path(name).is_dir():
        raise UsageError(f"model: {name!r} is not a folder")
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UsageError(f"model: {name!r}: its tokenizer cannot be loaded: {error}") from error


def check_lengths(
    rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, args: SFTConfig, recipe: Recipe
) -> None:
    """Refuse rows that training would cut: the cut is silent and takes the end-of-text token with it.

    Raises:
        UsageError: A row is longer than ``max_length``; the tokenizer has no end-of-text token, or for chats no template.
    """
    eos = args.eos_token or tokenizer.eos_token
    if eos is None:
        raise UsageError("tokenizer: it has no end-of-text token, which ends each row; set eos_token in the recipe")
    if args.max_length is None or (args.packing and args.packing_strategy != "bfd"):
        return
    lengths = _lengths(rows, tokenizer, eos)
    longest = max(range(len(rows)), key=lengths.__getitem__)
    if lengths[longest] > args.max_length:
        raise UsageError(
            f"{recipe.path}: max_length: {args.max_length} would cut row {longest}, which has {lengths[longest]} tokens; "
            "raise max_length, shorten the row, or set packing: true with packing_strategy: bfd_split, which splits it"
        )


def longest_row(
    rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, eos_token: str | None = None
) -> int:
    """Return the tokens of the longest training row, with the token that ends it.

    Args:
        rows: As ``as_trl`` returns them; of many, the thousand with the most characters are counted.
        tokenizer: The model's.
        eos_token: The recipe's, in the place of the tokenizer's.
    """
    longest = nlargest(1000, rows, key=lambda row: sum(len(str(value)) for value in row.values()))
    return max(_lengths(longest, tokenizer, eos_token or tokenizer.eos_token or ""), default=0)


def _lengths(rows: Sequence[Mapping[str, Any]], tokenizer: PreTrainedTokenizerBase, eos: str) -> list[int]:
    if rows and isinstance(rows[0].get("prompt"), list):
        return [_turns(row, tokenizer) for row in rows]
    texts = ["".join(row.values()) for row in rows]
    ended = [text + eos * (not text.endswith(eos)) for text in texts]
    return [len(ids) for ids in tokenizer(ended)["input_ids"]] if ended else []


def _turns(row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the tokens of a chat.

    Raises:
        UsageError: The template lays out a chat otherwise as soon as it goes on, so that nothing could be asked as trained.
    """
    if tokenizer.chat_template is None:
        raise UsageError(
            "tokenizer: it has no chat template, so that rows of messages cannot be laid out: rows: documents"
        )
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
    whole = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=True)["input_ids"]
    if whole[: len(prompt)] != prompt:
        raise UsageError(
            f"tokenizer: its chat template does not go on where it asks: {shown(tokenizer.decode(prompt[-12:]))} is no "
            "beginning of the assistant's turn: write rows: completion, or take another model"
        )
    return len(whole)


def check_model(trainer: Trainer, recipe: Recipe) -> None:
    """Refuse a model whose embedding or position table is too small for what it will be fed.

    An embedding table larger than the tokenizer is fine: many are padded.

    Raises:
        UsageError: A row holds a token that the model has no embedding for, or is longer than its window.
    """
    rows = [row["input_ids"] for row in trainer.train_dataset]
    check_tokens(trainer, rows)
    longest, window = max(map(len, rows)), window_of(trainer)
    if window is not None and longest > window:
        raise UsageError(f"{recipe.path}: a row of {longest} tokens is longer than the model's window of {window}")


def check_tokens(trainer: Trainer, rows: Sequence[Sequence[int]]) -> None:
    """Refuse rows of token ids, or a token that pads them, for which the model has no embedding.

    Raises:
        UsageError: The tokenizer is another model's.
    """
    embeddings = trainer.model.get_input_embeddings().num_embeddings
    largest = max(map(max, rows))
    if max(largest, trainer.processing_class.pad_token_id) >= embeddings:
        raise UsageError(
            f"tokenizer: it makes token {largest}, the model has {embeddings} embeddings: they do not match"
        )


def window_of(trainer: Trainer) -> int | None:
    """Return how many tokens the model takes; None where its config does not say."""
    window: int | None = getattr(trainer.model.config.get_text_config(), "max_position_embeddings", None)
    return window


def check_finite(model: torch.nn.Module, recipe: Recipe) -> None:
    """Refuse to save weights that would score at chance without a word.

    Raises:
        UsageError: A weight is NaN or infinite.
    """
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise UsageError(f"{recipe.path}: training diverged: the weights are not finite; lower learning_rate")
