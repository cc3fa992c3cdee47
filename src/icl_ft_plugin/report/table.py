"""The comparison table: arms by splits, with intervals, chance, and what each arm cost.

As Markdown, for example (``↓`` marks below chance)::

    | arm        | n (facts) | rephrase          | reversal           |
    |------------|-----------|-------------------|--------------------|
    | chance     |           | 50.0              | 50.0               |
    | pretrained | 20 (20)   | 50.0 [28.4, 71.6] | 45.0 [24.4, 67.5]  |
    | ft         | 60 (20)   | 96.7 [81.7, 99.5] | 21.7 [9.2, 43.0] ↓ |

The same numbers go to ``table.md``, ``table.csv`` and ``table.json``. They hold no times, so that a study that was
interrupted and resumed gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.report.items import Study, read_study
from icl_ft_plugin.report.summary import Block, build_blocks

if TYPE_CHECKING:
    from rich.table import Table

NOTE = (
    "Accuracy in % [95% interval, clustered by fact, pooled over seeds]; n = scored items per split; "
    "↓ = the whole interval is below chance. Gradient steps and training tokens are per training run."
)


def accuracy_rows(block: Block) -> list[list[str]]:
    """Return as text the header, the chance line and one row per arm."""
    chance = {split: record["chance"] for (_, split), record in block.accuracy.items()}
    rows = [
        ["arm", "n (facts)", *block.splits],
        ["chance", "", *(f"{100 * chance[split]:.1f}" for split in block.splits)],
    ]
    for arm in block.arms:
        records = [block.accuracy.get((arm, split)) for split in block.splits]
        found = [record for record in records if record]
        n = f"{_range(record['n'] for record in found)} ({_range(record['facts'] for record in found)})"
        rows.append([arm, n, *map(_cell, records)])
    return rows


def compute_rows(block: Block) -> list[list[str]]:
    """Return as text what each arm cost."""
    header = ["arm", "training runs", "gradient steps", "training tokens", "prompt tokens per question"]
    keys = ("training_runs", "steps", "training_tokens", "prompt_tokens")
    return [header, *([arm, *(f"{block.compute[arm][key]:,}" for key in keys)] for arm in block.arms)]


def label_rows(block: Block) -> dict[str, list[list[str]]]:
    """Return per title, e.g. ``"gold word: less / more"``, the accuracies by a label that has 2 to 6 values."""
    tables = {}
    for label in dict.fromkeys(label for record in block.accuracy.values() for label in record["labels"]):
        found = {key: record["labels"].get(label, {}) for key, record in block.accuracy.items()}
        values = sorted({value for entries in found.values() for value in entries})
        if 2 <= len(values) <= 6:
            tables[f"{label.replace('_', ' ')}: {' / '.join(values)}"] = [
                ["arm", *block.splits],
                *(
                    [arm, *(_parts(found.get((arm, split), {}), values) for split in block.splits)]
                    for arm in block.arms
                ),
            ]
    return tables


def _parts(entries: dict[str, dict[str, float]], values: list[str]) -> str:
    return " / ".join(f"{100 * entries[value]['accuracy']:.1f}" if value in entries else "-" for value in values)


def _cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    accuracy, low, high = (f"{100 * record[key]:.1f}" for key in ("accuracy", "low", "high"))
    return f"{accuracy} [{low}, {high}]{' ↓' if record['against_chance'] == 'below' else ''}"


def _range(numbers: Iterable[int]) -> str:
    distinct = sorted(set(numbers))
    return "-".join(map(str, distinct[:1] + distinct[1:][-1:]))


def _tables(block: Block) -> dict[str, list[list[str]]]:
    return {
        "accuracy": accuracy_rows(block),
        **{f"accuracy by {title}": rows for title, rows in label_rows(block).items()},
        "compute": compute_rows(block),
    }


def to_markdown(study: Study, blocks: list[Block]) -> str:
    """Return the whole report as Markdown."""
    parts = [f"# {study.name}", *filter(None, [missing_note(study)]), NOTE]
    for block in blocks:
        for title, rows in _tables(block).items():
            header, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
            lines = [header, ["---"] * len(header), *body]
            parts += [
                f"## {block.worlds}, {block.model}: {title}",
                "\n".join(f"| {' | '.join(line)} |" for line in lines),
            ]
    return "\n\n".join(parts) + "\n"


def to_csv(blocks: list[Block]) -> str:
    """Return one line per arm and split, with the arm's cost."""
    records = [
        {key: value for key, value in {**block.compute[arm], **record}.items() if not isinstance(value, dict)}
        for block in blocks
        for (arm, _), record in block.accuracy.items()
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def to_json(study: Study, blocks: list[Block]) -> str:
    """Return all numbers, also those by label, by training seed and by world seed."""
    data = {
        "study": study.name,
        "version": study.version,
        "cells": {"planned": study.planned, "complete": len(study.cells)},
        "accuracy": [record for block in blocks for record in block.accuracy.values()],
        "compute": [record for block in blocks for record in block.compute.values()],
        "comparisons": [record for block in blocks for record in block.comparisons],
        "gap_closed": [record for block in blocks for record in block.gaps],
        "orderings": [record for block in blocks for record in block.orderings],
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def missing_note(study: Study) -> str:
    """Say how much of the study is still to do; empty if nothing is."""
    missing = study.planned - len(study.cells)
    return f"{missing} of {study.planned} cells are missing: run the study again to complete them." if missing else ""


def write_table(folder: Path) -> tuple[Study, list[Block], list[Path]]:
    """Read a study's folder and write ``table.md``, ``table.csv`` and ``table.json`` into it.

    Args:
        folder: What ``icl-ft study --out`` wrote.

    Returns:
        The study, its numbers and the files.

    Raises:
        UsageError: The folder holds no study, or no complete cell yet.
    """
    study = read_study(folder)
    blocks = build_blocks(study)
    texts = {"md": to_markdown(study, blocks), "csv": to_csv(blocks), "json": to_json(study, blocks)}
    files = []
    for suffix, text in texts.items():
        file = folder / f"table.{suffix}"
        draft = folder / f".table.{suffix}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
        files.append(file)
    return study, blocks, files


def to_rich(block: Block) -> list[Table]:
    """Return the tables for a terminal, intervals under their means."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    tables = []
    for title, (header, *body) in _tables(block).items():
        table = Table(title=escape(f"{block.worlds}, {block.model}: {title}"), title_justify="left", box=SIMPLE_HEAD)
        for i, name in enumerate(header):
            table.add_column(escape(name), justify="right" if i else "left", overflow="fold")
        for row in body:
            table.add_row(
                *(escape(cell.replace(" [", "\n[")) for cell in row), style="dim" if row[0] == "chance" else None
            )
        tables.append(table)
    return tables
