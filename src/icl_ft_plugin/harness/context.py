r"""What stands in front of a question in the in-context condition.

The plain prompt is the chosen documents, one a line, a blank line, then the bare question (arXiv 2505.00661, section 3);
others are data (``prompts``)::

    Did you know that femp are more dangerous than glon?
    In general, bonx are less common than wild.

    glon are

Which documents: ``context_copies`` for each fact, or as many as fit into ``context_tokens`` of the model's own tokenizer.
In that budget stand all documents that the questions of a world need, and others as far as there is room; own documents,
whose questions may need more than it holds, are chosen for each question (``retrieval``). ``context_nearest`` chooses for
each question whatever the family, and so does ``context_distractors``, which knows the proof. ``context_seed`` draws another
order of them, and other copies; own documents keep their author's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import family_of
from icl_ft_plugin.harness.documents import world_of
from icl_ft_plugin.harness.prompts import prompt_with
from icl_ft_plugin.harness.tokens import Tokens, tokens_needed
from icl_ft_plugin.schema import Doc, Document, canonical_json
from icl_ft_plugin.worlds import retrieval
from icl_ft_plugin.worlds.context import chosen_by, context_documents, documents_within, join_documents


@dataclass(frozen=True, slots=True)
class Budget:
    """Most tokens of the documents in front of a question, and the tokenizer that they are counted with."""

    size: int
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Choice:
    """How documents are chosen, where they are not simply those of ``context_copies``; one of the first three is given.

    Attributes:
        budget: As many as it holds.
        nearest: So many, the nearest to the question.
        distractors: Those that the question needs, and so many others.
        distance: How many of the others stand behind the needed ones.
    """

    budget: Budget | None = None
    nearest: int | None = None
    distractors: int | None = None
    distance: int | None = None


def choice_of(metadata: Mapping[str, Any], place: str) -> Choice | None:
    """Return how a task's metadata chooses documents, if it does.

    Args:
        metadata: Of the task.
        place: The task, for the message.

    Raises:
        UsageError: A knob is wrong, or the metadata names no model whose tokenizer can be loaded.
    """
    given = chosen_by(metadata, place)
    if not given:
        return None
    size = given.pop("context_tokens", None)
    budget = None if size is None else Budget(size, tokens_needed(metadata, f"{place}: context_tokens={size!r}"))
    return Choice(budget, **{name.removeprefix("context_"): value for name, value in given.items()})


def in_context_prompt(doc: Doc) -> str:
    """Return the in-context prompt of a task document: the world's documents, a blank line, the bare question."""
    return prompt_with(context_of(doc), doc)


def context_of(doc: Doc, choice: Choice | None = None) -> str:
    """Return the text in front of the question of a task document.

    Raises:
        UsageError: The budget is too small for the documents that the questions need, or for any at all; or it is not known
            what the question needs.
    """
    if per_question(choice, json.loads(doc["world"])["family"]):
        return join_documents(retrieved(doc, choice))
    return _context(doc["world"], choice.budget if choice else None)


def per_question(choice: Choice | None, family: str) -> TypeGuard[Choice]:
    """Whether documents are chosen for each question, and not for all questions of the world."""
    return choice is not None and (choice.budget is None or family_of(family).generate is None)


def retrieved(doc: Doc, choice: Choice) -> tuple[Document, ...]:
    """Return the documents that are chosen for a question.

    Raises:
        UsageError: They are to be those that it needs, and it names none.
    """
    if choice.distractors is not None and not doc["proof"]:
        raise UsageError(
            f"context_distractors={choice.distractors}: question {shown(doc['id'])} names no evidence; context_nearest "
            "and context_tokens need none"
        )
    return _retrieved(doc["world"], doc["id"], doc["question"], tuple(doc["proof"]), choice)


def evidence(doc: Doc, documents: Sequence[Document]) -> float:
    """Return 1 where documents state all that a question needs, 0 where they do not, NaN where it is not known."""
    stated = {fact for document in documents for fact in document.facts}
    return float(stated.issuperset(doc["proof"])) if doc["proof"] else math.nan


@lru_cache(maxsize=8)
def _context(key: str, budget: Budget | None) -> str:
    if budget is None:
        return join_documents(_pool(_pool_key(key)))
    seed = json.loads(key).get("context_seed", 0)
    return join_documents(documents_within(world_of(key), budget.size, budget.tokens.count, seed))


def _pool_key(key: str) -> str:
    """Return what of a ``world`` field the documents of its prompt depend on, and not how it asks."""
    return canonical_json({name: value for name, value in json.loads(key).items() if name != "prompt"})


@lru_cache(maxsize=8)
def _pool(key: str) -> tuple[Document, ...]:
    """Return the documents that ``context_copies`` puts into the prompt."""
    spec = json.loads(key)
    return tuple(context_documents(world_of(key), spec["context_copies"], spec.get("context_seed", 0)))


@lru_cache(maxsize=100_000)
def _retrieved(key: str, id_: str, question: str, proof: tuple[str, ...], choice: Choice) -> tuple[Document, ...]:
    spec, budget = json.loads(key), choice.budget
    found = _retriever(_pool_key(key), budget.tokens if budget else None)
    if choice.distractors is not None:
        seed = f"distractors-{spec['seed']}-{spec.get('context_seed', 0)}-{id_}"
        return tuple(found.needed(proof, choice.distractors, seed, choice.distance))
    stem = family_of(spec["family"]).stem(question)
    if choice.nearest is not None:
        return tuple(found.nearest(stem, choice.nearest))
    assert budget is not None
    return tuple(found.chosen(stem, budget.size))


@lru_cache(maxsize=4)
def _retriever(key: str, tokens: Tokens | None) -> retrieval.Retriever:
    """Count and index the documents of a world once, and not once per question."""
    return retrieval.Retriever(_pool(key), tokens.count if tokens else len)
