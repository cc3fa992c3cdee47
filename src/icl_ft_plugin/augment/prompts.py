r"""Prompts are data: ``recipes/prompts/*.yaml``, versioned, rendered by jinja in a sandbox, and hashed into the corpus.

For example ``nano-local.yaml``, which is the form of the embedded model's pretraining text::

    name: nano-local
    version: 1
    strategy: local
    unit: sentence
    template: "Text: {{ text }}\nFollows:"
    stop: ["\n\n"]
    max_tokens: 160
    marker: "Follows:"

A template sees ``text`` (what is asked about), ``documents`` (the context of a global prompt) and the file's own
``examples``. A chat prompt has ``messages`` in the place of ``template``. An answer is one statement a line; of the strategies
``qa`` and ``qa-global``, questions and their answers behind "Q:" and "A:".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import regex
from jinja2 import TemplateError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from icl_ft_plugin.arms.arm import Strategy
from icl_ft_plugin.config import parsed, read_yaml
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families.pairs import cut, pairs_of, written
from icl_ft_plugin.guard.templates import compiled, render
from icl_ft_plugin.models.find import has_chat_template, speaks_as
from icl_ft_plugin.paths import prompt_file
from icl_ft_plugin.schema import content_hash

_OPTIONS = {"keep_trailing_newline": True}
_SECONDS = 1  # that the marker of a line may be looked for


class Message(BaseModel):
    """One turn of a chat prompt; the content is a template."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(BaseModel):
    """One way to ask a model for what follows from a text.

    Attributes:
        name: Its id in the corpus.
        version: Raised with every change of the wording.
        strategy: ``"local"`` or ``"qa"`` (the text alone), ``"global"`` or ``"qa-global"`` (the documents, then the text).
        unit: What is asked about: every ``"sentence"`` by itself, or a whole ``"document"``.
        template: Plain text; for base models.
        messages: Turns; for chat models. Exactly one of the two is given.
        stop: Strings that end a generation.
        max_tokens: Most new tokens of a generation.
        marker: Regular expression of what stands before a statement and is no part of it.
        examples: What the template may show, in any form.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    strategy: Strategy
    unit: Literal["sentence", "document"]
    template: str | None = None
    messages: list[Message] | None = Field(default=None, min_length=1)
    stop: list[str] = []
    max_tokens: int = Field(ge=1)
    marker: str = ""
    examples: list[dict[str, object]] = []

    @model_validator(mode="after")
    def _check(self) -> Prompt:
        if (self.template is None) == (self.messages is None):
            raise ValueError("give exactly one of template and messages")
        try:
            regex.compile(self.marker)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise ValueError(f"marker: {shown(self.marker)}: {error}") from error
        try:
            for source in self.sources:
                compiled(source, **_OPTIONS)
        except TemplateError as error:
            raise ValueError(f"template: {error}") from error
        return self

    @property
    def sources(self) -> list[str]:
        """The jinja sources."""
        return [self.template] if self.template is not None else [message.content for message in self.messages or []]

    @property
    def reads_all(self) -> bool:
        """Whether the documents stand before the text."""
        return self.strategy in ("global", "qa-global")

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the file but its comments, as 64 hex digits."""
        return content_hash(self.model_dump())

    def render(self, text: str, documents: Sequence[str] = ()) -> str | list[dict[str, str]]:
        """Return what the model reads: a string, or the turns of a chat.

        Raises:
            UsageError: The template asks for something that is not there, or for what the sandbox forbids.
        """
        seen = {"text": text, "documents": documents, "examples": self.examples}
        texts = [render(source, f"prompt {shown(self.name)}", seen, **_OPTIONS) for source in self.sources]
        if self.messages is None:
            return texts[0]
        return [{"role": turn.role, "content": content} for turn, content in zip(self.messages, texts, strict=True)]

    def statements(self, raw: str) -> list[str]:
        """Cut a generation into its statements: the lines, without markers and without an end that is cut off; or its pairs."""
        marker = regex.compile(rf"^\s*(?:{self.marker})\s*")
        try:
            lines = [marker.sub("", line, count=1, timeout=_SECONDS).strip() for line in raw.split("\n")]
        except TimeoutError as error:
            raise UsageError(
                f"prompt {shown(self.name)}: marker: {shown(self.marker)}: a line takes more than {_SECONDS} s to match"
            ) from error
        # Only the last line can be cut off, by the limit of new tokens or in the middle of a stop string.
        whole = re.match(r"(?s).*[.!?][\"')\]]*(?=\s|$)", lines[-1])
        found = [line for line in (*lines[:-1], whole.group() if whole else "") if line]
        return [written(*pair) for pair in pairs_of(cut("\n".join(found)))] if self.strategy.startswith("qa") else found


def load_prompt(name: str, strategy: Strategy) -> Prompt:
    """Return a prompt for a strategy.

    Args:
        name: A file, or the name of one that ships in ``recipes/prompts``.
        strategy: What it must be for.

    Raises:
        UsageError: It does not exist, something in it is wrong, or it is for another strategy.
    """
    prompt = read_prompt(name)
    if prompt.strategy != strategy:
        raise UsageError(f"prompt {shown(name)}: it is for {prompt.strategy} augmentation, not for {strategy}")
    return prompt


def read_prompt(name: str) -> Prompt:
    """Return a prompt.

    Args:
        name: A file, or the name of one that ships in ``recipes/prompts``.

    Raises:
        UsageError: It does not exist, or something in it is wrong.
    """
    path = prompt_file(name)
    return parsed(Prompt, read_yaml(path), str(path))


def default_prompt(strategy: Strategy, model: str, model_args: Mapping[str, object]) -> str:
    """Return the name of the prompt for a model, by what it is: the embedded one's own, a chat's, else few-shot text.

    A checkpoint is known by its tokenizer: the embedded model's, one with a chat template, or another.

    Args:
        strategy: One of ``Strategy``.
        model: Name of the lm-eval model, e.g. ``"icl_ft_hf"``.
        model_args: Its arguments.
    """
    folder = Path(str(model_args.get("pretrained") or "no folder"))
    kind = speaks_as(folder) or ("chat" if "chat" in model or has_chat_template(folder) else "base")
    return f"{kind}-{strategy}"
