r"""The in-context condition: what stands in front of a question, and whether the model's window holds it.

The plain prompt is the chosen documents, one a line, a blank line, then the bare question (arXiv 2505.00661, section 3);
others are data (``question_prompts``)::

    Did you know that femp are more dangerous than glon?
    In general, bonx are less common than wild.

    glon are

Which documents: ``context_copies`` for each fact, or as many as fit into ``context_tokens`` of the model's own tokenizer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from lm_eval.api.task import ConfigurableTask

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.harness.prompts import form_of, load_question_prompt
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import World, canonical_json, content_hash
from icl_ft_plugin.worlds import folder
from icl_ft_plugin.worlds.context import context_text, documents_within, join_documents

logger = logging.getLogger(__name__)


def world_of(key: str) -> World:
    """Return the world of a task document from its ``world`` field."""
    return _world(world_key(key))


def world_key(key: str) -> str:
    """Return what of a task document's ``world`` field the world itself depends on, and not its prompt."""
    return canonical_json({k: v for k, v in json.loads(key).items() if k not in ("context_copies", "prompt")})


@lru_cache(maxsize=8)
def _world(key: str) -> World:
    spec = json.loads(key)
    return folder.world_of(spec["family"], spec["seed"], spec["config"])


@lru_cache(maxsize=8)
def context_of(key: str) -> str:
    """Return the documents that stand in front of a task document's question, from its ``world`` field."""
    return context_text(world_of(key), json.loads(key)["context_copies"])


def closed_prompt(doc: Mapping[str, Any]) -> str:
    """Return the closed-book prompt of a task document: the bare question, unless its world names another prompt."""
    return prompt_with("", doc)


def in_context_prompt(doc: Mapping[str, Any]) -> str:
    """Return the in-context prompt of a task document: the world's documents, a blank line, the bare question."""
    return prompt_with(context_of(doc["world"]), doc)


def prompt_with(documents: str, doc: Mapping[str, Any]) -> str:
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
        form=form_of(spec["family"], doc["split"]),
    )


class InContextTask(ConfigurableTask):  # type: ignore[misc]
    """A task whose prompt begins with a long shared context.

    It refuses a context that the model's window cannot hold, where lm-eval would cut it with a warning, and keeps
    the context out of the logged samples, where lm-eval would repeat it once per choice. ``context_tokens`` in its
    metadata chooses documents by the model's tokenizer; task documents stay the same, so that samples pair.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the YAML as upstream's own task class does, which does not know the key that names a class."""
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def doc_to_text(self, doc: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the prompt as the YAML has it, or with as many documents as the budget allows."""
        if "context_tokens" not in (self.config.metadata or {}):
            return super().doc_to_text(doc, *args, **kwargs)
        return prompt_with(self._context(doc), doc)

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build the requests as upstream does, after the check of the window.

        Raises:
            UsageError: The longest prompt does not fit; the message tells the tokens needed and the knob.
        """
        written = (self.config.generation_kwargs or {}).get("max_gen_toks", 0)
        self._check_window(list(self.test_docs()), written, bool(kwargs.get("apply_chat_template")))
        super().build_all_requests(**kwargs)

    def apply_filters(self) -> Any:
        """Filter as upstream does; then shorten the prompts, which were scored by now, for the log."""
        filtered = super().apply_filters()
        for instance in self._instances:
            context = self._context(instance.doc)
            prompt, *rest = instance.arguments
            note = f"[context: {len(context)} characters, sha256 {content_hash(context)[:16]}]"
            instance.arguments = (_replaced(prompt, context, note), *rest)
        return filtered

    def _context(self, doc: Mapping[str, Any]) -> str:
        """Return the documents in front of a question.

        Raises:
            UsageError: The budget is too small for the facts that the questions need, or no tokenizer is known.
        """
        metadata = self.config.metadata or {}
        budget = metadata.get("context_tokens")
        if budget is None:
            return context_of(doc["world"])
        model = model_of(metadata)
        if model is None:
            raise UsageError(
                f"{self.config.task}: context_tokens={budget!r} needs the model's tokenizer: name the model "
                "(pretrained=...) among the model arguments or in the metadata"
            )
        return _context_within(doc["world"], budget, model)

    def _check_window(self, docs: Sequence[Mapping[str, Any]], written: int, chat: bool = False) -> None:
        """Compare the longest in-context prompt, and the tokens written after it, with the model's window."""
        metadata = self.config.metadata or {}
        model = model_of(metadata)
        window_and_tokenizer = None if model is None else load_window(model)
        if window_and_tokenizer is None:
            logger.warning("%s: the model's window is not known and not checked", self.config.task)
            return
        window, tokenizer = window_and_tokenizer
        longest = max(docs, key=lambda doc: len(doc["question"]) + max(map(len, doc["choices"])))
        prompt = self.doc_to_text(longest)
        if chat and tokenizer.chat_template:
            turns = [{"role": "user", "content": prompt}]
            prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        text = prompt + " " + max(longest["choices"], key=len)
        needed = len(tokenizer(text)["input_ids"]) + written
        if needed > window:
            knobs = "n_facts and the like, context_copies or context_tokens"
            raise UsageError(
                f"{self.config.task}: the context and question need {needed} tokens, the window of "
                f"{metadata.get('pretrained') or metadata.get('model')} is {window}; make the world or the context smaller "
                f"({knobs} under --metadata) or take a model with a longer window"
            )


def _replaced(prompt: Any, context: str, note: str) -> Any:
    """Return a prompt with a note in the place of the context; a chat server's prompt is JSON in a named tuple."""
    if isinstance(prompt, str):
        return prompt.replace(context, note, 1)
    return type(prompt)(prompt.prompt.replace(json.dumps(context, ensure_ascii=False)[1:-1], note, 1))


class _Model(NamedTuple):
    """What is needed to load a model's tokenizer and window."""

    name: str
    tokenizer: str
    max_length: int | None
    gguf_file: str | None
    trust_remote_code: bool


def model_of(metadata: Mapping[str, Any]) -> _Model | None:
    """Return the model that lm-eval's metadata names, or None."""
    name = metadata.get("pretrained") or metadata.get("model")
    if not isinstance(name, str):
        return None
    tokenizer = str(metadata.get("tokenizer") or name)
    trust = bool(metadata.get("trust_remote_code", False))
    return _Model(name, tokenizer, metadata.get("max_length"), metadata.get("gguf_file"), trust)


@lru_cache(maxsize=8)
def _context_within(key: str, budget: int, model: _Model) -> str:
    loaded = load_window(model)
    if loaded is None:
        raise UsageError(f"context_tokens={budget}: the tokenizer of {model.name} cannot be loaded")
    tokenizer = loaded[1]
    documents = documents_within(
        world_of(key), budget, lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
    )
    return join_documents(documents)


@lru_cache(maxsize=2)
def load_window(model: _Model) -> tuple[int, Any] | None:
    """Return the model's window in tokens and its tokenizer, or None with a warning."""
    from transformers import AutoConfig, AutoTokenizer

    extra = {
        "trust_remote_code": model.trust_remote_code,
        **({"gguf_file": model.gguf_file} if model.gguf_file else {}),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, **extra)
        if model.max_length:
            return int(model.max_length), tokenizer
        config = AutoConfig.from_pretrained(model.name, **extra).get_text_config()
    except (OSError, ValueError) as error:
        logger.warning("%s: window not checked: %s", model.name, error)
        return None
    for attribute in ("n_positions", "max_position_embeddings", "n_ctx"):  # the order of lm-eval's hf model
        if window := getattr(config, attribute, None):
            return int(window), tokenizer
    return 2048, tokenizer  # what lm-eval falls back to
