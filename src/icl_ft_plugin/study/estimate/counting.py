"""What a cell's tasks are built from, and how many tokens their prompts have or had.

For example ``prompts_expected(cell)`` is 1398 before the cell is run, and ``prompt_cost(cell, results).prompt_tokens`` is
the same number, counted in the requests that its model got.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from icl_ft_plugin.families import family_of
from icl_ft_plugin.harness.context import choice_of, context_of
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.prompts import as_planned, as_turn, prompt_with
from icl_ft_plugin.harness.tokens import Tokens, tokens_needed
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.study.cell import Cell, Model
from icl_ft_plugin.study.records import PromptCost
from icl_ft_plugin.worlds import retrieval
from icl_ft_plugin.worlds.context import chosen_by, context_documents


def metadata_of(cell: Cell) -> dict[str, Any]:
    """Return what the cell's tasks are built from."""
    metadata = {"seed": cell.world.seed, "context_copies": cell.arm.context_copies, **cell.world.config}
    metadata |= {**chosen_by(cell.arm.model_dump(), cell.arm.name), **({"pmi": True} if cell.pmi else {})}
    if cell.arm.prompt != PLAIN or cell.answers != "chosen":  # which ask by another prompt where none is named
        metadata["prompt"] = cell.arm.prompt
    if cell.context_seed:
        metadata["context_seed"] = cell.context_seed
    if family_of(cell.world.family).generate is None:  # the splits are the author's, and one task asks them all
        metadata["split"] = list(cell.tasks)
    return metadata


def tokens_of_cell(cell: Cell) -> Tokens:
    """Return the tokenizer of the cell's model, which has a checkpoint."""
    return tokens_needed(cell.model.loading, cell.model.name)


def tokens_of_model(model: Model) -> Tokens | None:
    """Return the tokenizer of a model; None where only its engine has it, and names no tokenizer."""
    return tokens_needed(model.counting, model.name) if model.counting else None


def prompts_expected(cell: Cell) -> int | None:
    """Return the tokens of the prompts that the cell's model will get; None where its tokenizer is not known."""
    if cell.arm.baseline:
        return 0
    tokens = tokens_of_model(cell.model)
    if tokens is None:
        return None
    metadata = {**metadata_of(cell), **cell.model.counting}
    shown = cell.answers == "options"
    # Which place an option has depends on the questions of its split.
    asked = list(cell.tasks) if shown and family_of(cell.world.family).generate is not None else [list(cell.tasks)]
    in_context = cell.arm.condition == "icl"
    total = 0
    with as_planned(cell.arm.prompt, cell.prompt):
        choice = choice_of(metadata, cell.arm.name) if in_context else None
        for split in asked:
            given = {**metadata, "split": split, **({"options": "shown"} if shown else {})}
            for doc in task_documents(cell.world.family, **given):
                prompt = prompt_with(context_of(doc, choice) if in_context else "", doc)
                total += tokens.count(_as_asked(cell, tokens, prompt))
    return total


def _as_asked(cell: Cell, tokens: Tokens, prompt: str) -> str:
    """Return a prompt as a turn of a chat where the arm says so; a server lays out the turn itself."""
    if cell.arm.chat_template and tokens.tokenizer.chat_template:
        return as_turn(prompt, tokens.tokenizer)
    return prompt


def prompt_cost(cell: Cell, samples: Mapping[str, list[dict[str, Any]]], prompts: Iterable[str]) -> PromptCost:
    """Return what was asked, as if no prefix were shared; the choices are not counted.

    Where documents were chosen per question, ``retrieved`` says how many, and for which share of the questions that
    name their evidence all of it was there.

    Args:
        cell: The cell.
        samples: By task, as lm-eval logs them.
        prompts: What its model has read, one a question.
    """
    rows = [sample for task in samples.values() for sample in task]
    if cell.arm.baseline:
        return PromptCost(questions=len(rows), prompt_tokens=0)
    tokens = tokens_of_model(cell.model)
    found: dict[str, Any] = {}
    if "evidence" in rows[0]:
        sizes = [int(row["documents"]) for row in rows]
        whole = [bool(row["evidence"]) for row in rows if not math.isnan(row["evidence"])]
        by = "BM25" if cell.arm.context_distractors is None else "The proof"
        documents = len(context_documents(cell.world.make(), cell.arm.context_copies, cell.context_seed))
        found["retrieved"] = retrieval.summary(by, sizes, whole, documents, cell.arm.context_tokens)
    chats = cell.engine is not None and cell.engine.chats  # whose log has turns, and not what they become
    total = prompts_expected(cell) if chats else sum(map(tokens.count, prompts)) if tokens else None
    return PromptCost(questions=len(rows), prompt_tokens=total, **found)
