"""What else a study's folder holds: audits of augmented corpora, and what was seen during training.

- ``augmentations/*/audit.json``: any JSON object; ``{"precision": 0.9, "coverage": {"reversed": 0.8}}`` becomes the row
  ``{"precision": "0.9", "coverage, reversed": "0.8"}``.
- ``cells/*/ledger.json``: the training loss over the steps.
- ``cells/*/curve.jsonl``: ``{"step": 50, "split": "reversal", "accuracy": 0.45}`` a line, where a run was evaluated
  while it trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.files import read_json, read_jsonl
from icl_ft_plugin.report.store.read import ScoredCell, Study
from icl_ft_plugin.report.table_rows import Rows


@dataclass(frozen=True, slots=True)
class Point:
    """A value seen during training.

    Attributes:
        arm: The arm.
        run: World and training seed.
        step: Gradient step.
        value: A loss in nats per target token, or an accuracy.
    """

    arm: str
    run: str
    step: int
    value: float


def audit_table(study: Study) -> Rows:
    """Return the audits of the study's augmentations as a table, header first; empty if there are none.

    Raises:
        UsageError: A file is not a JSON object.
    """
    audits: dict[str, dict[str, str]] = {}
    called = _called(study)
    for file in sorted(study.folder.glob("augmentations/[!.]*/audit.json")):
        name = _augmentation(file.parent, called)
        audits[f"{name} ({file.parent.name[:8]})" if name in audits else name] = dict(_flat(read_json(file)))
    columns = list(dict.fromkeys(key for audit in audits.values() for key in audit))
    if not audits:
        return []
    return [
        ["augmentation", *columns],
        *([name, *(audit.get(c, "") for c in columns)] for name, audit in sorted(audits.items())),
    ]


def _called(study: Study) -> dict[str, str]:
    """Return what to call each augmentation, by its hash: its strategy, and for which world it was made."""
    there = [cell for cell in study.cells if cell.ledger.augmentation]
    several = {key: len({getattr(cell.labels, key) for cell in there}) > 1 for key in ("model", "worlds")}
    called: dict[str, str] = {}
    for cell in there:
        labels = cell.labels
        where = [getattr(labels, key) for key, many in several.items() if many] + [f"world {labels.world_seed}"]
        for strategy, written in (cell.ledger.augmentation or {}).items():
            called.setdefault(written.hash or "", ", ".join([cut(strategy), *where]))
    return called


def _augmentation(folder: Path, called: Mapping[str, str]) -> str:
    """Return what to call an augmentation that no cell of the study names: its strategy, and the folder's name."""
    name = next((name for key, name in called.items() if key.startswith(folder.name)), "")
    file = folder / "augmentation.json"
    if name or not file.is_file():
        return name or folder.name
    told = read_json(file)
    strategies = told.get("strategies") or [(told.get("identity") or {}).get("strategy") or "augmentation"]
    return cut(f"{'+'.join(map(str, strategies))} ({folder.name[:8]})")


def _flat(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, entry in value.items():
        name = cut(f"{prefix}{str(key).replace('_', ' ')}")
        if isinstance(entry, Mapping):
            yield from _flat(entry, f"{name}, ")
        elif isinstance(entry, float):
            yield name, f"{entry:.3g}"
        elif isinstance(entry, str | int) or entry is None:
            yield name, cut(str(entry))
        # Lists are examples and journals, which do not fit a table.


def losses(cells: Sequence[ScoredCell]) -> list[Point]:
    """Return the training losses of cells, in nats per target token."""
    return [
        Point(cell.labels.arm, _run(cell), step, loss)
        for cell in cells
        if cell.ledger.training
        for step, loss in cell.ledger.training.losses
    ]


def curves(cells: Sequence[ScoredCell]) -> dict[str, list[Point]]:
    """Return accuracies during training by split.

    Raises:
        UsageError: A line is not of the form above.
    """
    found: dict[str, list[Point]] = {}
    for cell in cells:
        file = cell.folder / "curve.jsonl"
        for line in read_jsonl(file) if file.is_file() else ():
            try:
                point = Point(cell.labels.arm, _run(cell), int(line["step"]), float(line["accuracy"]))
                found.setdefault(cut(str(line["split"])), []).append(point)
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise UsageError(f"{file}: not a line of a learning curve: {shown(error)}") from error
    return found


def _run(cell: ScoredCell) -> str:
    return f"{cell.labels.world_seed}-{cell.labels.run}"
