"""Reads what a study's cells hold: one item per scored question, from lm-eval's own sample files.

For example ``Item(split="reversal", fact="f0", correct=1.0, correct_norm=1.0, chance=0.5, labels={"gold_word": "less"})``.
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
        split: Its split.
        fact: The fact it asks about; unique within a world.
        correct: 1 where the best-scored choice is right.
        correct_norm: The same by log-likelihood per character.
        chance: What a uniform guesser gets.
        labels: Breakdown labels.
    """

    split: str
    fact: str
    correct: float
    correct_norm: float
    chance: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScoredCell:
    """A complete cell.

    Attributes:
        labels: ``model``, ``worlds``, ``family``, ``world_seed``, ``arm``, ``training_seed``, ``splits``.
        ledger: Its ``training`` (None where nothing was trained) and its ``evaluation``.
        items: Its scored questions.
    """

    labels: Mapping[str, Any]
    ledger: Mapping[str, Any]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """A study as far as it has come.

    Attributes:
        name: From the study file.
        version: Of the package that ran it.
        planned: Number of cells in the plan.
        cells: The complete ones, in the plan's order.
    """

    name: str
    version: str
    planned: int
    cells: tuple[ScoredCell, ...]


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
    return Study(plan["name"], plan["version"], len(entries), cells)


def _read_cell(entry: Mapping[str, Any], path: Path) -> ScoredCell:
    ledger = json.loads((path / "ledger.json").read_text(encoding="utf-8"))
    labels = {key: value for key, value in entry.items() if key != "key"}
    return ScoredCell(labels, ledger, tuple(read_samples(path)))


def read_samples(folder: Path) -> list[Item]:
    """Read every ``samples_*.jsonl`` under a folder.

    Raises:
        UsageError: There is none, or a sample is not of one of our tasks.
    """
    files = sorted(folder.rglob("samples_*.jsonl"))
    if not files:
        raise UsageError(f"{folder}: no samples_*.jsonl there")
    return [_item(line, file) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _item(line: str, file: Path) -> Item:
    try:
        sample = json.loads(line)
        doc = sample["doc"]
        return Item(
            split=doc["split"],
            fact=doc["clusters"]["fact"],
            correct=float(sample["acc"]),
            correct_norm=float(sample["acc_norm"]),
            chance=float(doc["chance"]),
            labels={key: value for key, value in doc["labels"].items() if value is not None},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: not a sample of an icl_ft task: {error!r}") from error
