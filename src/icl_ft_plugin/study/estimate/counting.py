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
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.records import PromptCost
from icl_ft_plugin.worlds import retrieval
from icl_ft_plugin.worlds.context import chosen_by, context_documents


def metadata_of(cell: Cell) -> dict[str, Any]:
    """Return what the cell's tasks are built from."""
    metadata = {"seed": cell.world.seed, "context_copies": cell.arm.context_copies, **cell.world.config}
    metadata |= {**chosen_by(cell.arm.model_dump(), cell.arm.name), **({"pmi": True} if cell.pmi else {})}
    if cell.arm.prompt != PLAIN:
        metadata["prompt"] = cell.arm.prompt
    if cell.context_seed:
        metadata["context_seed"] = cell.context_seed
    if family_of(cell.world.family).generate is None:  # the splits are the author's, and one task asks them all
        metadata["split"] = list(cell.tasks)
    return metadata


def tokens_of_cell(cell: Cell) -> Tokens:
    """Return the tokenizer of the cell's model."""
    return tokens_needed(cell.model.loading, cell.model.name)


def prompts_expected(cell: Cell) -> int:
    """Return the tokens of the prompts that the cell's model will get."""
    if cell.arm.baseline:
        return 0
    tokens = tokens_of_cell(cell)
    metadata = {**metadata_of(cell), **cell.model.loading, "split": list(cell.tasks)}
    in_context = cell.arm.condition == "icl"
    total = 0
    with as_planned(cell.arm.prompt, cell.prompt):
        choice = choice_of(metadata, cell.arm.name) if in_context else None
        for doc in task_documents(cell.world.family, **metadata):
            prompt = prompt_with(context_of(doc, choice) if in_context else "", doc)
            total += tokens.count(as_turn(prompt, tokens.tokenizer) if cell.arm.chat_template else prompt)
    return total


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
    count = tokens_of_cell(cell).count
    found: dict[str, Any] = {}
    if "evidence" in rows[0]:
        sizes = [int(row["documents"]) for row in rows]
        whole = [bool(row["evidence"]) for row in rows if not math.isnan(row["evidence"])]
        by = "BM25" if cell.arm.context_distractors is None else "The proof"
        documents = len(context_documents(cell.world.make(), cell.arm.context_copies, cell.context_seed))
        found["retrieved"] = retrieval.summary(by, sizes, whole, documents, cell.arm.context_tokens)
    return PromptCost(questions=len(rows), prompt_tokens=sum(map(count, prompts)), **found)
