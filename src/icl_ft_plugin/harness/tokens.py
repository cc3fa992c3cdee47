"""How many tokens a text has: the one place where they are counted, for budgets, windows, ledgers and lists alike.

For example ``tokens_of({"pretrained": "runs/ft"}).count("glon are")`` is 2, whatever the tokenizer adds around a text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json
from icl_ft_plugin.prefix.encode import StemEncoder
from icl_ft_plugin.schema import Doc

if TYPE_CHECKING:
    from lm_eval.api.model import LM


logger = logging.getLogger(__name__)
WINDOWS = ("n_positions", "max_position_embeddings", "n_ctx")  # keys of config.json, in the order of lm-eval's hf model


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A model's tokenizer and window.

    Attributes:
        model: Its name.
        window: Most tokens of a prompt and its answer; None where the checkpoint does not say.
        count: Returns the number of tokens of a piece of text.
        needed: Returns that of a whole input, with what the tokenizer puts around it.
        tokenizer: The tokenizer itself.
    """

    model: str
    window: int | None
    count: Callable[[str], int]
    needed: Callable[[str], int]
    tokenizer: Any


@dataclass(frozen=True, slots=True)
class _Model:
    """What is needed to load a model's tokenizer and window."""

    name: str
    tokenizer: str
    max_length: int | None
    gguf_file: str | None
    trust_remote_code: bool


def tokens_of(metadata: Mapping[str, Any]) -> Tokens | None:
    """Return the tokenizer of the model that lm-eval's metadata names; None, with a warning, where it cannot be loaded."""
    name = metadata.get("pretrained") or metadata.get("model")
    if not isinstance(name, str):
        return None
    tokenizer = str(metadata.get("tokenizer") or name)
    trust = bool(metadata.get("trust_remote_code", False))
    return _load(_Model(name, tokenizer, metadata.get("max_length"), metadata.get("gguf_file"), trust))


def tokens_needed(metadata: Mapping[str, Any], place: str) -> Tokens:
    """Return the tokenizer of the model that lm-eval's metadata names.

    Args:
        metadata: Of a task.
        place: What needs it, for the message.

    Raises:
        UsageError: It names none, or none that can be loaded.
    """
    found = tokens_of(metadata)
    if found is None and (name := metadata.get("pretrained") or metadata.get("model")):
        raise UsageError(f"{place}: the tokenizer of {name} cannot be loaded")
    if found is None:
        raise UsageError(
            f"{place} needs the model's tokenizer: name the model (pretrained=...) among the model arguments or in the metadata"
        )
    return found


@lru_cache(maxsize=4)
def _load(model: _Model) -> Tokens | None:
    from transformers import AutoTokenizer

    extra = {
        "trust_remote_code": model.trust_remote_code,
        **({"gguf_file": model.gguf_file} if model.gguf_file else {}),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, **extra)
        window = int(model.max_length) if model.max_length else _window(model.name, extra)
    except (OSError, ValueError) as error:
        logger.warning("%s: window not checked: %s", model.name, error)
        return None
    encode = StemEncoder(lambda text: tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer)
    return Tokens(
        model.name, window, lambda text: len(encode(text)), lambda text: len(tokenizer(text)["input_ids"]), tokenizer
    )


def _window(name: str, extra: Mapping[str, object]) -> int:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(name, **extra).get_text_config()
    return next((int(window) for key in WINDOWS if (window := getattr(config, key, None))), 2048)  # as in lm-eval


def tokens_in(folder: Path, model: str) -> Tokens:
    """Return the tokenizer of a checkpoint's ``tokenizer.json``, read without ``transformers``, which takes seconds to load.

    Args:
        folder: The checkpoint.
        model: What it is called.

    Raises:
        UsageError: There is no ``tokenizer.json``.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(f"--model {model}: tokenizer.json cannot be read: {error}") from None
    config = read_json(folder / "config.json")
    config = {**config, **(config.get("text_config") or {})}
    return Tokens(
        model,
        next((config[key] for key in WINDOWS if key in config), None),
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        lambda text: len(tokenizer.encode(text).ids),
        tokenizer,
    )


def least_tokens(tokens: Tokens, characters: int) -> int:
    """Return how many tokens a text of so many characters has at least, without reading it: all of them the longest one."""
    return characters // _longest(tokens)


@lru_cache(maxsize=4)
def _longest(tokens: Tokens) -> int:
    return max(map(len, tokens.tokenizer.get_vocab()))


def tokens_read(lm: LM, text: str) -> int | None:
    """Count the tokens that a loaded lm-eval model makes of an input; None where lm-eval gives it no tokenizer."""
    from lm_eval.api.model import TemplateLM

    if not isinstance(lm, TemplateLM):
        return None
    ids = lm.tok_encode(text)
    return len(ids) if all(isinstance(token, int) for token in ids) else None


def most_needed(docs: Iterable[Doc], prompt: Callable[[Doc], str], tokens: Tokens, written: int) -> int:
    """Return the tokens of the longest prompt with its answer, the longest by characters.

    Args:
        docs: Task documents.
        prompt: Returns the prompt of one.
        tokens: The model's tokenizer.
        written: Most tokens of an answer that is written; 0 where it is chosen, and its longest choice counts.
    """
    longest = max(docs, key=lambda doc: len(prompt(doc)) + max(map(len, doc["choices"])))
    if written:
        return tokens.needed(prompt(longest)) + written
    return tokens.needed(f"{prompt(longest)} {max(longest['choices'], key=len)}")
