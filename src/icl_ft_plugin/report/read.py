"""Reads what a study's cells hold: one item per scored question, from lm-eval's own sample files.

For example ``Item(id="f0-reversal", split="reversal", fact="f0", correct=1.0, ..., question="glon are",
choices=("less dangerous than femp.", "more dangerous than femp."), gold=(0,), scores=(-3.1, -4.4))``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError


@dataclass(frozen=True, slots=True)
class Item:
    """One scored question.

    Attributes:
        id: Its name, unique within a world.
        split: Its split.
        fact: The fact it asks about; unique within a world.
        correct: 1 where the best-scored choice, or the written answer, is right.
        correct_norm: The same by log-likelihood per character; ``correct`` where the answer is written.
        chance: What a uniform guesser gets.
        labels: Breakdown labels.
        question: What was asked, without any context.
        choices: The candidate answers.
        gold: Places of the right ones.
        scores: Log-likelihood of each choice in nats; empty where the answer is written.
    """

    id: str
    split: str
    fact: str
    correct: float
    correct_norm: float
    chance: float
    labels: Mapping[str, str]
    question: str
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoredCell:
    """A complete cell.

    Attributes:
        labels: ``model``, ``worlds``, ``family``, ``world_seed``, ``arm``, ``training_seed``, ``splits``, and
            ``hyperparameters`` where a trained arm is trained with several.
        ledger: Its ``training`` (None where nothing was trained) and its ``evaluation``.
        items: Its scored questions.
        folder: Where it lies.
    """

    labels: Mapping[str, Any]
    ledger: Mapping[str, Any]
    items: tuple[Item, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Study:
    """A study as far as it has come.

    Attributes:
        name: From the study file.
        version: Of the package that ran it.
        planned: Number of cells in the plan.
        cells: The complete ones, in the plan's order.
        folder: Where it lies.
    """

    name: str
    version: str
    planned: int
    cells: tuple[ScoredCell, ...]
    folder: Path


def together(study: Study) -> dict[tuple[str, str], list[ScoredCell]]:
    """Return the cells that stand in tables together, by the labels of their model and worlds.

    Each entry of a study's hyper-parameters has tables of its own, with the untrained arms in each of them::

        {("nano", "reversal, rate 3e-3"): [pretrained, icl, ft, ...], ("nano", "reversal, rate 1e-3"): [pretrained, ...]}
    """
    groups: dict[tuple[str, str], list[ScoredCell]] = {}
    for cell in study.cells:
        groups.setdefault((cell.labels["model"], cell.labels["worlds"]), []).append(cell)
    found: dict[tuple[str, str], list[ScoredCell]] = {}
    for (model, worlds), cells in groups.items():
        names = dict.fromkeys(name for cell in cells if (name := cell.labels.get("hyperparameters")))
        for name in names or [None]:
            key = (model, f"{worlds}, {name}" if name else worlds)
            found[key] = [cell for cell in cells if cell.labels.get("hyperparameters") in (None, name)]
    return found


def read_study(folder: Path) -> Study:
    """Read the complete cells of a study's plan; others that lie in the store are left out.

    Raises:
        UsageError: The folder holds no study, or no complete cell.
    """
    try:
        plan = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder}: no study there (study.json: {error})") from error
    entries = [(entry, folder / "cells" / entry["key"]) for entry in plan["cells"]]
    cells = tuple(_read_cell(entry, path) for entry, path in entries if path.is_dir())
    if not cells:
        raise UsageError(f"{folder}: none of the {len(entries)} cells is complete; run the study again")
    return Study(plan["name"], plan["version"], len(entries), cells, folder)


def _read_cell(entry: Mapping[str, Any], path: Path) -> ScoredCell:
    ledger = json.loads((path / "ledger.json").read_text(encoding="utf-8"))
    labels = {key: value for key, value in entry.items() if key != "key"}
    return ScoredCell(labels, ledger, tuple(read_samples(path)), path)


def read_samples(folder: Path) -> list[Item]:
    """Read every ``samples_*.jsonl`` under a folder.

    Raises:
        UsageError: There is none, or a sample is not of one of our tasks.
    """
    files = sorted(folder.rglob("samples_*.jsonl"))
    if not files:
        raise UsageError(f"{folder}: no samples_*.jsonl there")
    return [item_of(json.loads(line), file) for file in files for line in _lines(file)]


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def item_of(sample: Mapping[str, Any], file: Path) -> Item:
    """Return the item of one line of a sample file.

    Raises:
        UsageError: It is not of one of our tasks.
    """
    try:
        doc = sample["doc"]
        written = "exact_match" in sample
        correct = float(sample["exact_match" if written else "acc"])
        return Item(
            id=doc["id"],
            split=doc["split"],
            fact=doc["clusters"]["fact"],
            correct=correct,
            correct_norm=correct if written else float(sample["acc_norm"]),
            chance=0.0 if written and "options" not in doc else float(doc["chance"]),
            labels={key: value for key, value in doc["labels"].items() if value is not None},
            question=doc["question"],
            choices=tuple(doc["choices"]),
            gold=tuple(doc["gold"]),
            scores=() if written else tuple(float(score) for score, _ in sample["filtered_resps"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: not a sample of an icl_ft task: {error!r}") from error
