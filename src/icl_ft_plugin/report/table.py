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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.report.findings import retrieval_notes
from icl_ft_plugin.report.read import Study, read_study
from icl_ft_plugin.report.summary import Block, build_blocks
from icl_ft_plugin.report.table_rows import (
    accuracy_rows,
    compute_rows,
    gap_reasons,
    gap_rows,
    label_rows,
    ordering_rows,
)

if TYPE_CHECKING:
    from rich.table import Table

NOTE = (
    "Accuracy in % [95% interval, clustered by fact, pooled over seeds]; n = scored items per split; "
    "↓ = the whole interval is below chance. Gradient steps and training tokens are per training run."
)


def _tables(block: Block) -> dict[str, list[list[str]]]:
    return {
        "accuracy": accuracy_rows(block),
        **{f"accuracy by {title}": rows for title, rows in label_rows(block).items()},
        **({"gap between ft and icl closed": rows} if len(rows := gap_rows(block)) > 1 else {}),
        **({"the paper's orderings": rows} if len(rows := ordering_rows(block)) > 1 else {}),
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
        parts += [f"No gap to close: {reason}" for reason in gap_reasons(block)]
        parts += retrieval_notes(block)
    return "\n\n".join(parts) + "\n"


def csv_records(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return one flat record per arm and split, with the arm's cost."""
    return [
        {key: value for key, value in {**block.compute[arm], **record}.items() if not isinstance(value, dict)}
        for block in blocks
        for (arm, _), record in block.accuracy.items()
    ]


def to_csv(blocks: Sequence[Block]) -> str:
    """Return one line per arm and split, with the arm's cost."""
    records = csv_records(blocks)
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
