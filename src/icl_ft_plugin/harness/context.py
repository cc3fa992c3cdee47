r"""What stands in front of a question in the in-context condition.

The plain prompt is the chosen documents, one a line, a blank line, then the bare question (arXiv 2505.00661, section 3);
others are data (``prompts``)::

    Did you know that femp are more dangerous than glon?
    In general, bonx are less common than wild.

    glon are

Which documents: ``context_copies`` for each fact, or as many as fit into ``context_tokens`` of the model's own tokenizer.
In that budget stand all documents that the questions of a world need, and others as far as there is room; own documents,
whose questions may need more than it holds, are chosen for each question (``retrieval``). ``context_seed`` draws another
order of them, and other copies; own documents keep their author's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from icl_ft_plugin.families import family_of
from icl_ft_plugin.harness.documents import world_key, world_of
from icl_ft_plugin.harness.prompts import prompt_with
from icl_ft_plugin.harness.tokens import Tokens, tokens_needed
from icl_ft_plugin.schema import Document
from icl_ft_plugin.worlds import retrieval
from icl_ft_plugin.worlds.context import context_documents, documents_within, join_documents


@dataclass(frozen=True, slots=True)
class Budget:
    """Most tokens of the documents in front of a question, and the tokenizer that they are counted with."""

    size: int
    tokens: Tokens


def budget_of(metadata: Mapping[str, Any], place: str) -> Budget | None:
    """Return the budget that a task's metadata names, if it names one.

    Args:
        metadata: Of the task.
        place: The task, for the message.

    Raises:
        UsageError: The metadata names no model whose tokenizer can be loaded.
    """
    size = metadata.get("context_tokens")
    return None if size is None else Budget(size, tokens_needed(metadata, f"{place}: context_tokens={size!r}"))


def in_context_prompt(doc: Mapping[str, Any]) -> str:
    """Return the in-context prompt of a task document: the world's documents, a blank line, the bare question."""
    return prompt_with(context_of(doc), doc)


def context_of(doc: Mapping[str, Any], budget: Budget | None = None) -> str:
    """Return the text in front of the question of a task document.

    Raises:
        UsageError: The budget is too small for the documents that the questions need, or for any at all.
    """
    if budget and per_question(json.loads(doc["world"])["family"]):
        return join_documents(retrieved(doc, budget))
    return _context(doc["world"], budget)


def per_question(family: str) -> bool:
    """Whether documents within a budget are chosen for each question, and not for all questions of the world."""
    return family_of(family).generate is None


def retrieved(doc: Mapping[str, Any], budget: Budget) -> tuple[Document, ...]:
    """Return the documents that a budget has room for and that are nearest to the question."""
    return _retrieved(doc["world"], doc["question"], budget)


@lru_cache(maxsize=8)
def _context(key: str, budget: Budget | None) -> str:
    world, spec = world_of(key), json.loads(key)
    seed = spec.get("context_seed", 0)
    if budget is None:
        return join_documents(context_documents(world, spec["context_copies"], seed))
    return join_documents(documents_within(world, budget.size, budget.tokens.count, seed))


@lru_cache(maxsize=100_000)
def _retrieved(key: str, question: str, budget: Budget) -> tuple[Document, ...]:
    stem = family_of(json.loads(key)["family"]).stem(question)
    return tuple(_retriever(world_key(key), budget.tokens).chosen(stem, budget.size))


@lru_cache(maxsize=4)
def _retriever(key: str, tokens: Tokens) -> retrieval.Retriever:
    """Count and index the documents of a world once, and not once per question."""
    return retrieval.Retriever(world_of(key).documents, tokens.count)
