"""What a model could do before it was finetuned, and can do after: ``retention: [reading, hellaswag]`` in a study file.

``reading`` is in-context learning itself: a fresh world of the cell's family, its documents in the prompt. A line of
``retention.jsonl`` in the folder of a trained cell::

    {"before": 1.0, "after": 0.0, "task": "reading", "id": "f0-reversal", "ways": ["f0", "f0", "f0", "f0", "f0"], "chance": 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import family_of
from icl_ft_plugin.files import atomic_folder, read_jsonl, write_jsonl
from icl_ft_plugin.harness.index import find_tasks
from icl_ft_plugin.report.store.items import item_of
from icl_ft_plugin.study.cell import Cell, Kept, PlannedWorld
from icl_ft_plugin.study.estimate.counting import metadata_of
from icl_ft_plugin.study.schema import StudyConfig, Worlds
from icl_ft_plugin.study.store import Store
from icl_ft_plugin.worlds.folder import world_of

READING = "reading"
APART = 1_000_000  # between the seed of a world and that of the fresh one


class Answer(TypedDict):
    """A question, and how it was answered."""

    task: str
    id: str
    ways: Sequence[str]
    chance: float | None
    score: float


def planned_retention(study: StudyConfig, entry: Worlds, seed: int) -> Kept | None:
    """Return what the trained arms of a world are asked before and after; None where the study asks nothing.

    Raises:
        UsageError: A fresh world cannot be made.
    """
    if not study.retention:
        return None
    tasks = tuple(name for name in study.retention if name != READING)
    if READING not in study.retention:
        return Kept(tasks, None, (), study.retention_questions)
    if "path" in entry.config or family_of(entry.family).generate is None:
        raise UsageError(
            f"{study.name}: retention: {READING} needs a fresh world, and {shown(entry.label)} is read from files"
        )
    fresh = world_of(entry.family, (seed + APART) % 2**32, entry.config)
    reading = tuple(dict.fromkeys(find_tasks(fresh, entry.splits, "icl").values()))
    world = PlannedWorld(entry.family, fresh.config, fresh.seed, fresh.hash)
    return Kept(tasks, world, reading, study.retention_questions)


def weights_of(cell: Cell, checkpoint: Path | None) -> dict[str, object]:
    """Return the arguments of lm-eval that name the cell's weights; without a checkpoint those of its base model."""
    found = cell.model.loading
    if checkpoint:
        found["peft" if (checkpoint / "adapter_config.json").is_file() else "pretrained"] = str(checkpoint)
    return found


def retention(cell: Cell, checkpoint: Path, batch_size: int, store: Store) -> list[dict[str, object]]:
    """Ask a trained cell what its base model was asked, which is asked now if it was not before.

    Returns:
        One row a question, with the score before and after.

    Raises:
        UsageError: A task does not exist, gives no number a question, or does not fit into the model's window.
    """
    folder = store.before(cell)
    with store.making(folder) as needed:
        if needed:
            with atomic_folder(folder, manifest=True) as temporary:
                write_jsonl(temporary / "answers.jsonl", _answers(cell, None, batch_size))
    after = {row["id"]: row["score"] for row in _answers(cell, checkpoint, batch_size)}
    before = read_jsonl(folder / "answers.jsonl")
    return [{"before": row.pop("score"), "after": after[row["id"]], **row} for row in before]


def _answers(cell: Cell, checkpoint: Path | None, batch_size: int) -> list[Answer]:
    from icl_ft_plugin.harness.evaluate import evaluate

    kept = cell.kept
    assert kept
    results = evaluate(
        [*kept.reading, *kept.tasks],
        model_args=weights_of(cell, checkpoint),
        model="icl_ft_hf",
        metadata=_metadata(cell, kept.world) if kept.world else None,
        batch_size=batch_size,
        limit=kept.questions,
        apply_chat_template=cell.arm.chat_template,
    )
    named = dict.fromkeys(kept.reading, READING)
    for task in kept.tasks:
        named |= dict.fromkeys(_leaves(task, results["group_subtasks"]), task)
    return [_row(named[leaf], leaf, sample) for leaf in named for sample in _first_filter(results["samples"][leaf])]


def _metadata(cell: Cell, world: PlannedWorld) -> dict[str, object]:
    """Return what the tasks about the fresh world are built from: whatever the arm's own prompt holds, all of its documents."""
    arm = Arm(name=cell.arm.name, condition="icl", prompt=cell.arm.prompt)
    return metadata_of(replace(cell, world=world, arm=arm, pmi=False, context_seed=0))


def _leaves(name: str, groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the tasks that a task or a group of lm-eval stands for."""
    if not groups.get(name):
        yield name
    for child in groups.get(name, ()):
        yield from _leaves(child, groups)


def _first_filter(samples: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [sample for sample in samples if sample["filter"] == samples[0]["filter"]]


def _row(task: str, leaf: str, sample: Mapping[str, Any]) -> Answer:
    if task == READING:
        item = item_of(sample, leaf)
        return {"task": task, "id": item.id, "ways": item.ways, "chance": item.chance, "score": item.correct}
    score = sample[sample["metrics"][0]]
    if not isinstance(score, int | float):
        raise UsageError(f"retention: {task}: {sample['metrics'][0]} is no number for each question")
    name = f"{leaf} {sample['doc_id']}"
    return {"task": task, "id": name, "ways": [name] * 5, "chance": None, "score": float(score)}
