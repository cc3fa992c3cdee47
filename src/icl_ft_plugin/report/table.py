"""The comparison table: arms by splits, with intervals, chance, and what each arm cost.

As Markdown, for example (``↓`` marks below chance)::

    | arm        | n (facts) | rephrase          | reversal           |
    |------------|-----------|-------------------|--------------------|
    | chance     |           | 50.0              | 50.0               |
    | pretrained | 60 (60)   | 50.0 [28.4, 71.6] | 45.0 [24.4, 67.5]  |
    | ft         | 60 (60)   | 96.7 [81.7, 99.5] | 21.7 [9.2, 43.0] ↓ |

The same numbers go to ``table.md``, ``table.tex`` (booktabs), ``table.csv`` and ``table.json``. They hold no times, so that a study that was
interrupted and resumed gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import write_text
from icl_ft_plugin.report.findings import retrieval_notes
from icl_ft_plugin.report.measures.kept import kept_rows
from icl_ft_plugin.report.measures.matched import matched_rows, matched_title
from icl_ft_plugin.report.measures.partial import part_rows
from icl_ft_plugin.report.measures.verbatim import verbatim_rows
from icl_ft_plugin.report.records import Block, plain
from icl_ft_plugin.report.stats.scale import scaled
from icl_ft_plugin.report.store.read import Study, read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table_rows import (
    Rows,
    accuracy_rows,
    compute_rows,
    contamination_rows,
    gap_reasons,
    gap_rows,
    joint_rows,
    label_rows,
    legend,
    pmi_rows,
    prompt_rows,
    scale_rows,
    verdict_rows,
)
from icl_ft_plugin.report.words import about

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.table import Table


def _tables(block: Block) -> dict[str, Rows]:
    some = {
        "accuracy, prior-corrected (PMI)": pmi_rows(block),
        "before and after finetuning, by prompt": prompt_rows(block),
        "gap between ft and icl closed": gap_rows(block),
        "learned and turned round, fact by fact": joint_rows(block),
        "inferences of a part of the facts": part_rows(block.parts),
        "learned against kept": kept_rows(block),
        matched_title(block): matched_rows(block),
        "questions that stand with their answer in the rows, %": verbatim_rows(block),
        "the paper's claims": verdict_rows(block),
        "contamination": contamination_rows(block),
    }
    return {
        "accuracy": accuracy_rows(block),
        **{f"accuracy by {title}": rows for title, rows in label_rows(block).items()},
        **{title: rows for title, rows in some.items() if len(rows) > 1},
        "compute": compute_rows(block),
    }


def _heading(block: Block, title: str) -> str:
    return f"{block.worlds}, {block.model}: {title}{f', {block.scope}' if block.scope else ''}"


def to_markdown(study: Study, blocks: list[Block]) -> str:
    """Return the whole report as Markdown."""
    parts = [f"# {study.name}", *filter(None, [missing_note(study)])]
    for block in blocks:
        for title, rows in _tables(block).items():
            parts += [f"## {_heading(block, title)}", *([legend(block), about(block)] if title == "accuracy" else [])]
            parts.append(markdown(rows))
        parts += [f"No gap to close: {reason}" for reason in gap_reasons(block)]
        parts += retrieval_notes(block)
    if points := scaled(study):
        parts += ["## Along a scale", markdown(scale_rows(points))]
    return "\n\n".join(parts) + "\n"


def markdown(rows: Rows) -> str:
    """Return a table as Markdown, header first."""
    header, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *body])


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↓": r"$\downarrow$",
    "°": r"$^{\circ}$",
    "[": "{[}",  # behind the end of a row it would be taken for a length
}


def to_latex(blocks: Sequence[Block]) -> str:
    """Return the tables as LaTeX, a ``table`` each with its rules of ``booktabs``."""
    parts = ["% \\usepackage{booktabs}"]
    for block in blocks:
        said = f" {legend(block)} {about(block)}"
        for title, rows in _tables(block).items():
            parts.append(latex(rows, f"{_heading(block, title)}.{said if title == 'accuracy' else ''}"))
    return "\n\n".join(parts) + "\n"


def latex(rows: Rows, caption: str) -> str:
    """Return a table as LaTeX, header first."""
    header, *body = [" & ".join(map(_tex, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    opening = ["\\begin{table}", "\\centering", f"\\caption{{{_tex(caption)}}}", f"\\begin{{tabular}}{{{columns}}}"]
    inner = ["\\toprule", header, "\\midrule", *body, "\\bottomrule"]
    return "\n".join([*opening, *inner, "\\end{tabular}", "\\end{table}"])


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def csv_records(blocks: Sequence[Block]) -> list[dict[str, object]]:
    """Return one flat record per arm and split, with the arm's cost."""
    return [
        {
            "model": block.model,
            "entry": block.worlds,
            **{key: value for key, value in {**plain(block.compute[arm]), **plain(record)}.items() if not isinstance(value, dict)},
        }
        for block in blocks
        for (arm, _), record in block.accuracy.items()
    ]  # fmt: skip


def to_csv(records: Sequence[Mapping[str, object]]) -> str:
    """Return records as CSV; a text that a spreadsheet would take for a formula is quoted as text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in record.items()} for record in records)
    return text.getvalue()


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def to_json(study: Study, blocks: list[Block]) -> str:
    """Return all numbers, also those by label, by training seed and by world seed."""
    kinds: dict[str, Callable[[Block], Iterable[DataclassInstance]]] = {
        "accuracy": lambda block: block.accuracy.values(),
        "compute": lambda block: block.compute.values(),
        "comparisons": lambda block: block.pairs,
        "gap_closed": lambda block: block.gaps,
        "joint": lambda block: block.joint,
        "claims": lambda block: block.verdicts,
        "contamination": lambda block: block.contamination,
        "not_interpretable": lambda block: block.gates,
        "parts_of_facts": lambda block: block.parts,
        "kept": lambda block: block.kept,
        "at_equal_learning": lambda block: block.matched,
    }
    data = {
        "study": study.name,
        "version": study.version,
        "cells": {"planned": study.planned, "complete": len(study.cells)},
        **{
            kind: [
                {"model": block.model, "entry": block.worlds, **plain(record)}
                for block in blocks
                for record in of(block)
            ]
            for kind, of in kinds.items()
        },
        **({"scales": [plain(point) for point in points]} if (points := scaled(study)) else {}),
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def missing_note(study: Study) -> str:
    """Say how much of the study is still to do; empty if nothing is."""
    missing = study.planned - len(study.cells)
    return f"{missing} of {study.planned} cells are missing: run the study again to complete them." if missing else ""


def write_table(folder: Path, into: Path | None = None) -> tuple[Study, list[Block], list[Path]]:
    """Read a study's folder and write ``table.md``, ``table.tex``, ``table.csv`` and ``table.json``.

    Args:
        folder: What ``icl-ft study --out`` wrote.
        into: The folder to write into; by default the study's own.

    Returns:
        The study, its numbers and the files.

    Raises:
        UsageError: The folder holds no study, or no complete cell yet.
    """
    study = read_study(folder)
    blocks = build_blocks(study)
    texts = {
        "md": to_markdown(study, blocks),
        "tex": to_latex(blocks),
        "csv": to_csv(csv_records(blocks)),
        "json": to_json(study, blocks),
    }
    files = [(into or folder) / f"table.{suffix}" for suffix in texts]
    try:
        for file, text in zip(files, texts.values(), strict=True):
            write_text(file, text)
    except OSError as error:
        raise UsageError(
            f"{into or folder}: cannot be written ({error.strerror}); --out FILE writes the report elsewhere"
        ) from error
    return study, blocks, files


def to_rich(block: Block) -> list[Table]:
    """Return the tables for a terminal, intervals under their means."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    tables = []
    for title, (header, *body) in _tables(block).items():
        table = Table(title=escape(_heading(block, title)), title_justify="left", box=SIMPLE_HEAD)
        for i, name in enumerate(header):
            table.add_column(escape(name), justify="right" if i else "left", overflow="fold")
        for row in body:
            table.add_row(
                *(escape(cell.replace(" [", "\n[")) for cell in row), style="dim" if row[0] == "chance" else None
            )
        tables.append(table)
    return tables
