"""What else a study's folder holds: audits of augmented corpora, and what was seen during training.

- ``augmentations/*/audit.json``: any JSON object; ``{"precision": 0.9, "coverage": {"reversed": 0.8}}`` becomes the row
  ``{"precision": "0.9", "coverage, reversed": "0.8"}``.
- ``cells/*/ledger.json``: the training loss over the steps.
- ``cells/*/curve.jsonl``: ``{"step": 50, "split": "reversal", "accuracy": 0.45}`` a line, where a run was evaluated
  while it trained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.read import ScoredCell, Study

Rows = list[list[str]]


def audit_table(study: Study) -> Rows:
    """Return the audits of the study's augmentations as a table, header first; empty if there are none.

    Raises:
        UsageError: A file is not a JSON object.
    """
    audits: dict[str, dict[str, str]] = {}
    for file in sorted(study.folder.glob("augmentations/*/audit.json")):
        try:
            audits[_augmentation(file.parent)] = dict(_flat(json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(f"{file}: not an audit: {error}") from error
    columns = list(dict.fromkeys(key for audit in audits.values() for key in audit))
    if not audits:
        return []
    return [
        ["augmentation", *columns],
        *([name, *(audit.get(c, "") for c in columns)] for name, audit in audits.items()),
    ]


def _augmentation(folder: Path) -> str:
    """Return what to call an augmentation: its strategies, where its folder says them, and the folder's name."""
    file = folder / "augmentation.json"
    strategies = json.loads(file.read_text(encoding="utf-8")).get("strategies") if file.is_file() else None
    return f"{'+'.join(strategies)} ({folder.name})" if strategies else folder.name


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, entry in value.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(entry, Mapping):
            yield from _flat(entry, f"{name}, ")
        elif isinstance(entry, float):
            yield name, f"{entry:.3g}"
        elif isinstance(entry, str | int) or entry is None:
            yield name, str(entry)
        # Lists are examples and journals, which do not fit a table.


def loss_rows(cells: Sequence[ScoredCell]) -> list[dict[str, Any]]:
    """Return the training losses of cells: ``arm``, ``run``, ``step`` and ``value`` (nats per target token) each."""
    return [
        {"arm": str(cell.labels["arm"]), "run": _run(cell), "step": step, "value": loss}
        for cell in cells
        if cell.ledger["training"]
        for step, loss in cell.ledger["training"].get("losses", ())
    ]


def curve_rows(cells: Sequence[ScoredCell]) -> dict[str, list[dict[str, Any]]]:
    """Return accuracies during training by split: ``arm``, ``run``, ``step`` and ``value`` each.

    Raises:
        UsageError: A line is not of this form.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        file = cell.folder / "curve.jsonl"
        if not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                point = json.loads(line)
                row = {"step": int(point["step"]), "value": float(point["accuracy"])}
                found.setdefault(str(point["split"]), []).append(
                    {"arm": str(cell.labels["arm"]), "run": _run(cell), **row}
                )
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{file}: not a line of a learning curve: {error!r}") from error
    return found


def _run(cell: ScoredCell) -> str:
    return f"{cell.labels['world_seed']}-{cell.labels['training_seed']}"
