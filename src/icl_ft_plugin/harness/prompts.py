r"""How a question is asked: the one place where a prompt is rendered, to be scored, counted or listed.

The wordings are data, ``recipes/prompts/questions/*.yaml``, chosen by ``--metadata '{"prompt": "instruct"}'``.

``plain`` is the study's own prompt (the documents, an empty line, the stem). ``instruct`` asks an instruction-tuned model::

    The following statements are true.

    Did you know that femp are more dangerous than glon?

    Complete the sentence with what follows from the statements. Answer with a comparison ("more ... than ..." or ...

    glon are

A template sees ``question``, ``documents`` (one string, empty where the book is closed), ``options`` (pairs of letter and
text, empty where none are shown) and ``form`` (what an answer looks like). It stays one user turn under lm-eval's
``--apply_chat_template``, and as it is without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from string import ascii_uppercase
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from icl_ft_plugin.config import parsed, read_yaml
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.family import PHRASE
from icl_ft_plugin.guard.templates import render
from icl_ft_plugin.paths import PLAIN, prompt_file
from icl_ft_plugin.schema import Doc, content_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def closed_prompt(doc: Doc) -> str:
    """Return the closed-book prompt of a task document: the bare question, unless its world names another prompt."""
    return prompt_with("", doc)


def prompt_with(documents: str, doc: Doc) -> str:
    """Return the prompt of a task document by the template that its ``world`` field names.

    Args:
        documents: What stands in the context; empty for a closed book.
        doc: The task document; its ``options`` are shown if it has any.
    """
    spec = json.loads(doc["world"])
    return load_question_prompt(spec.get("prompt", PLAIN)).render(
        doc["question"],
        documents=documents,
        options=doc.get("options", ()),
        form=family_of(spec["family"]).split(doc["split"]).form,
    )


def bare_prompt(doc: Doc) -> str:
    """Return the prompt of a task document without documents and with the last word of its question alone.

    It says that an answer comes and nothing about which: the domain premise of PMI_DC (arXiv 2104.08315). Of "glon are" it
    is "are".
    """
    return prompt_with("", {**doc, "question": doc["question"].split()[-1]})


def as_turn(prompt: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a prompt as the user's turn of a chat, with what the model's own template puts before its answer."""
    turns = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


class QuestionPrompt(BaseModel):
    """One way to ask a question.

    Attributes:
        name: What tables call it.
        version: Raised with every change of the wording.
        template: Jinja source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    template: str = Field(min_length=1)

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the file but its comments, as 64 hex digits."""
        return content_hash(self.model_dump())

    def render(self, question: str, *, documents: str = "", options: Sequence[str] = (), form: str = PHRASE) -> str:
        """Return the prompt, without whitespace at its ends.

        Args:
            question: The bare stem.
            documents: What stands in the context; empty for a closed book.
            options: The options in the order in which they are shown; none hides them.
            form: What an answer looks like.

        Raises:
            UsageError: The template asks for something that is not there, or for what the sandbox forbids.
        """
        lettered = list(zip(ascii_uppercase, options, strict=False))
        seen = {"question": question, "documents": documents, "options": lettered, "form": form}
        # trim_blocks: a line that holds a tag alone leaves no empty line behind.
        return render(self.template, f"prompt {shown(self.name)}", seen, trim_blocks=True).strip()


_PLANNED: ContextVar[Mapping[str, QuestionPrompt]] = ContextVar("_PLANNED", default=MappingProxyType({}))


@contextmanager
def as_planned(name: str, prompt: QuestionPrompt) -> Iterator[None]:
    """Have the tasks that ask by a prompt's name take it as it was read once, whatever its file says by now."""
    token = _PLANNED.set({**_PLANNED.get(), name: prompt})
    try:
        yield
    finally:
        _PLANNED.reset(token)


def load_question_prompt(name: str) -> QuestionPrompt:
    """Return a prompt: that of ``as_planned``, else what its file said when it was first read here.

    Args:
        name: A file, or the name of one that ships in ``recipes/prompts/questions``.

    Raises:
        UsageError: See ``read_question_prompt``.
    """
    return _PLANNED.get().get(name) or _remembered(name)


def read_question_prompt(name: str) -> QuestionPrompt:
    """Read a prompt's file.

    Args:
        name: A file, or the name of one that ships in ``recipes/prompts/questions``.

    Raises:
        UsageError: It does not exist, something in it is wrong, or it loses the question, the documents or the options.
    """
    path = prompt_file(name, "questions")
    prompt = parsed(QuestionPrompt, read_yaml(path), str(path))
    try:
        text = prompt.render("the question", documents="the documents", options=["first option", "second option"])
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    for part in ("the question", "the documents", "first option", "second option"):
        if part not in text:
            raise UsageError(
                f"{path}: template: rendered, it lacks {shown(part)}; it must show question, documents and options"
            )
    return prompt


_remembered = lru_cache(maxsize=16)(read_question_prompt)
