"""A study in few small files, from which anyone makes its report again: ``icl-ft report runs/qwen --archive evidence/qwen``.

The folder is read like a study's own (``read.read_study``). ``study.json`` is the plan, ``items.parquet`` every scored question
(``export``), and ``cells.jsonl`` what else is told of a cell, one line each::

    {"key": "15114b2781f304a3", "ledger": {"training": null, "evaluation": {...}}, "again": [], "inferred": null}

Audits of augmentations and learning curves lie where they lay. Prompts, weights and what a model wrote stay behind.

An archive grows: what was run in parts, on several machines or days, is put together by the same command, part after part.
"""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.files import atomic_folder, read_json, replacing, write_json, write_jsonl
from icl_ft_plugin.report.store.export import write_table
from icl_ft_plugin.report.store.read import CELLS, ScoredCell, Study, read_study

_KEPT = ("augmentations/[!.]*/audit.json", "augmentations/[!.]*/augmentation.json", "cells/*/curve.jsonl")
_PLAN = "study.json"


def write_archive(study: Study, out: Path) -> None:
    """Write what a study's report is made from into a new folder, or add it to an archive of the study.

    Of an archive that is there, cells with the same key are replaced and all others stay, also those that ``study`` does not plan.

    Args:
        study: What was scored.
        out: The folder to make, or the archive.

    Raises:
        UsageError: The folder exists and is no archive, or one of a study of another name; or it cannot be written.
    """
    plan, cells = read_json(study.folder / _PLAN), study.cells
    there = (out / CELLS).is_file()
    if there:
        old = read_study(out)
        if old.name != study.name:
            raise UsageError(f"{out}: an archive of the study {shown(old.name)}, not of {shown(study.name)}")
        plan, cells = _both(plan, read_json(out / _PLAN)), _merged(study, old)
    with nullcontext(out) if there else atomic_folder(out) as draft:
        for file in (file for pattern in _KEPT for file in study.folder.glob(pattern)):
            place = draft / file.relative_to(study.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        # The plan comes last: until it names them, further questions and cells are not read.
        write_table(replace(study, cells=cells), draft)
        with replacing(draft / CELLS) as file:
            write_jsonl(file, map(_told, cells))
        with replacing(draft / _PLAN) as file:
            write_json(file, plan)


def _merged(study: Study, old: Study) -> tuple[ScoredCell, ...]:
    new = {cell.folder.name for cell in study.cells}
    return (*(cell for cell in old.cells if cell.folder.name not in new), *study.cells)


def _both(plan: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return the plan with the cells of both, the older ones first."""
    known = {entry["key"] for entry in old["cells"]}
    return {**plan, "cells": [*old["cells"], *(entry for entry in plan["cells"] if entry["key"] not in known)]}


def _told(cell: ScoredCell) -> dict[str, object]:
    return {
        "key": cell.folder.name,
        "ledger": cell.ledger.model_dump(mode="json", exclude_unset=True),
        "again": [row.model_dump(mode="json") for row in cell.again],
        "inferred": cell.inferred and cell.inferred.model_dump(mode="json", by_alias=True),
    }
