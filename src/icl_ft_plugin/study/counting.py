"""What a cell's tasks are built from, and how many tokens their prompts have.

For example ``prompt_cost(cell, world).prompt_tokens`` is 1398.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin.families import family_of
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import Question, World
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.records import PromptCost
from icl_ft_plugin.worlds import retrieval
from icl_ft_plugin.worlds.context import context_text, documents_within, join_documents


def metadata_of(cell: Cell) -> dict[str, Any]:
    """Return what the cell's tasks are built from."""
    metadata = {"seed": cell.world.seed, "context_copies": cell.arm.context_copies, **cell.world.config}
    if cell.arm.context_tokens:
        metadata["context_tokens"] = cell.arm.context_tokens
    if cell.arm.prompt != PLAIN:
        metadata["prompt"] = cell.arm.prompt
    if family_of(cell.world.family).generate is None:  # the splits are the author's, and one task asks them all
        metadata["split"] = list(cell.tasks)
    return metadata


def prompt_cost(cell: Cell, world: World) -> PromptCost:
    """Count the prompt tokens of the cell's questions as if no prefix were shared; the choices are not counted.

    Where documents were chosen per question, ``retrieved`` says how many, and for which share of the questions that
    name their evidence all of it was there.
    """
    arm, family = cell.arm, family_of(world.family)
    questions = [question for question in world.questions if question.split in cell.tasks]
    if arm.baseline:
        return PromptCost(questions=len(questions), prompt_tokens=0)
    count = _counter(cell.model.path)
    contexts = [""] * len(questions)
    found: dict[str, Any] = {}
    if arm.condition == "icl" and arm.context_tokens and family.generate is None:
        chosen = [
            retrieval.chosen(world.documents, family.stem(q.prompt), arm.context_tokens, count) for q in questions
        ]
        contexts = [join_documents(documents) for documents in chosen]
        found["retrieved"] = retrieval.summary(chosen, questions, len(world.documents), arm.context_tokens)
    elif arm.condition == "icl":
        contexts = [_context(cell, world, count)] * len(questions)
    if arm.prompt == PLAIN and not arm.chat_template:
        tokens = sum(map(count, contexts)) + sum(count(question.prompt) for question in questions)
    else:
        pairs = zip(questions, contexts, strict=True)
        tokens = sum(count(_prompt(cell, question, context)) for question, context in pairs)
    return PromptCost(questions=len(questions), prompt_tokens=tokens, **found)


def _context(cell: Cell, world: World, count: Callable[[str], int]) -> str:
    if cell.arm.context_tokens:
        return join_documents(documents_within(world, cell.arm.context_tokens, count))
    return context_text(world, cell.arm.context_copies)


def _prompt(cell: Cell, question: Question, context: str) -> str:
    """Return the whole prompt of a question as the arm asks it."""
    family = family_of(cell.world.family)
    asked = question.prompt if cell.arm.prompt == PLAIN else family.stem(question.prompt)  # it sets off the question
    text = cell.prompt.render(asked, documents=context, form=family.split(question.split).form)
    if not cell.arm.chat_template:
        return text
    turns = [{"role": "user", "content": text}]
    return str(tokenizer_of(cell.model.path).apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


@lru_cache(maxsize=2)
def _counter(model: Path) -> Callable[[str], int]:
    """Return what counts a text's tokens; it remembers, for a context stands before many questions."""
    tokenizer = tokenizer_of(model)
    return lru_cache(maxsize=100_000)(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))


@lru_cache(maxsize=2)
def tokenizer_of(model: Path) -> Any:
    """Return the tokenizer of a checkpoint."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)
