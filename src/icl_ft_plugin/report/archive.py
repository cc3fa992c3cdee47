"""A study in few small files, from which anyone makes its report again: ``icl-ft report runs/qwen --archive evidence/qwen``.

The folder is read like a study's own (``read.read_study``). ``study.json`` is the plan, ``items.parquet`` every scored question
(``export``), and ``cells.jsonl`` what else is told of a cell, one line each::

    {"key": "15114b2781f304a3", "ledger": {"training": null, "evaluation": {...}}, "again": [], "inferred": null}

Audits of augmentations and learning curves lie where they lay. Prompts, weights and what a model wrote stay behind.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from icl_ft_plugin.files import atomic_folder, write_jsonl
from icl_ft_plugin.report.export import write_table
from icl_ft_plugin.report.read import CELLS, Study

_KEPT = ("study.json", "augmentations/[!.]*/audit.json", "augmentations/[!.]*/augmentation.json", "cells/*/curve.jsonl")


def write_archive(study: Study, out: Path) -> None:
    """Write what a study's report is made from into a new folder.

    Args:
        study: What was scored.
        out: The folder to make.

    Raises:
        UsageError: The folder exists, or cannot be written.
    """
    with atomic_folder(out) as draft:
        for file in (file for pattern in _KEPT for file in study.folder.glob(pattern)):
            place = draft / file.relative_to(study.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        write_table(study, draft)
        rows = [
            {
                "key": cell.folder.name,
                "ledger": cell.ledger.model_dump(mode="json", exclude_unset=True),
                "again": [row.model_dump(mode="json") for row in cell.again],
                "inferred": cell.inferred and cell.inferred.model_dump(mode="json", by_alias=True),
            }
            for cell in study.cells
        ]
        write_jsonl(draft / CELLS, rows)
