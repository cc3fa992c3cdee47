"""How far a study has come, read from its folder alone: while it runs, after it ended, after it was killed.

For example ``icl-ft study status runs/demo``::

    demo: 7 of 11 cells complete, 1 failed, 1 running; about 4 minutes left
                               done  of  failed  running  seconds a cell
    nano, reversal, ft            2   3       0        1            71.2
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import line_of

Labels = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CellStatus:
    """One cell of the plan.

    Attributes:
        labels: What tables call it.
        seconds: What it took; None where it is not complete, or does not say.
        done: Whether it is complete.
        running: Who runs it and since when (``host``, ``pid``, ``since``); None where nobody does.
        failure: Why it failed, and after how many attempts (``error``, ``attempts``); None where it has not.
    """

    labels: Labels
    seconds: float | None
    done: bool
    running: Mapping[str, Any] | None
    failure: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Status:
    """A study.

    Attributes:
        name: From its file.
        at_work: Whether a run is at work in its folder.
        cells: In the plan's order.
    """

    name: str
    at_work: bool
    cells: tuple[CellStatus, ...]

    def count(self, what: str) -> int:
        """Return how many cells are ``done``, ``running`` or have a ``failure``."""
        return sum(bool(getattr(cell, what)) for cell in self.cells)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, with as many cells at a time as are running now; None where nothing was measured.

        A cell takes the mean of the complete ones of the same model, worlds and arm, else of the nearest to it.
        """
        left = [cell for cell in self.cells if not cell.done]
        expected = [self._expected(cell.labels) for cell in left]
        if None in expected:
            return None
        spent = (time.time() - cell.running["since"] if cell.running else 0.0 for cell in left)
        total = sum(max(0.0, (took or 0.0) - past) for took, past in zip(expected, spent, strict=True))
        return total / max(1, self.count("running"))

    def _expected(self, labels: Labels) -> float | None:
        nearest: tuple[Callable[[Labels], Any], ...] = (
            lambda of: (of["model"], of["worlds"], of["arm"], of.get("hyperparameters")),
            lambda of: (of["model"], of["worlds"], of["training_seed"] is None),
            lambda of: (of["model"], of["training_seed"] is None),
            lambda of: of["training_seed"] is None,
        )
        for key in nearest:
            alike = [c.seconds for c in self.cells if c.seconds is not None and key(c.labels) == key(labels)]
            if alike:
                return fmean(alike)
        return None


def read_status(folder: Path) -> Status:
    """Read how far a study has come.

    Raises:
        UsageError: The folder holds no study.
    """
    try:
        plan = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder}: no study there (study.json: {error})") from error
    at_work = _locked(folder / ".lock")
    cells = tuple(_cell(folder, entry, at_work) for entry in plan["cells"])
    return Status(plan["name"], at_work, cells)


def _locked(file: Path) -> bool:
    """Whether a run holds the folder; the system drops its lock when it dies."""
    try:
        with file.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _cell(folder: Path, entry: Mapping[str, Any], at_work: bool) -> CellStatus:
    labels = {key: value for key, value in entry.items() if key not in ("key", "splits")}
    path = folder / "cells" / entry["key"]
    if path.is_dir():
        return CellStatus(labels, _seconds(path), True, None, None)
    running = _object(folder / "running" / f"{entry['key']}.json") if at_work else None
    if running and running["host"] == socket.gethostname() and not _alive(running["pid"]):
        running = None  # its process was killed; the run will notice
    failure = None if running else _object(folder / "failures" / f"{entry['key']}.json")
    return CellStatus(labels, None, False, running, failure)


def _seconds(cell: Path) -> float | None:
    """Return what a complete cell took; cells of earlier versions know its parts only."""
    ledger = _object(cell / "ledger.json") or {}
    if "seconds" in ledger:
        return float(ledger["seconds"])
    scored = [_object(file) or {} for file in cell.rglob("results_*.json")]
    parts = [float(result.get("total_evaluation_time_seconds") or 0) for result in scored]
    parts += [float((ledger.get("training") or {}).get("seconds") or 0)]
    return sum(parts) or None


def _object(file: Path) -> dict[str, Any] | None:
    """Return a JSON object; None where there is none, or none any more."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def lines(status: Status) -> list[str]:
    """Return what a person reads."""
    done, running, failed = (status.count(what) for what in ("done", "running", "failure"))
    left = _left(status)
    text = f"{status.name}: {done} of {len(status.cells)} cells complete, {failed} failed, {running} running; {left}"
    groups: dict[str, list[CellStatus]] = {}
    for cell in status.cells:
        hyper = f", {name}" if (name := cell.labels.get("hyperparameters")) else ""
        groups.setdefault(f"{cell.labels['model']}, {cell.labels['worlds']}, {cell.labels['arm']}{hyper}", []).append(
            cell
        )
    rows = [("", "done", "of", "failed", "running", "seconds a cell"), *map(_row, groups, groups.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    found = [text, *("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)]
    now = [cell for cell in status.cells if cell.running]
    if now:
        found += ["running:", *(f"  {line_of(cell.labels)}: {_since(cell.running or {})}" for cell in now)]
    wrong = [cell for cell in status.cells if cell.failure]
    if wrong:
        found += ["failed:", *(f"  {line_of(cell.labels)}: {_why(cell.failure or {})}" for cell in wrong)]
    return found


def _left(status: Status) -> str:
    if status.count("done") == len(status.cells):
        return "nothing left"
    seconds = status.seconds_left
    guess = "time left not known yet" if seconds is None else f"about {_duration(seconds)} left"
    return guess if status.at_work else f"no run is at work here ({guess})"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} minutes"
        if seconds < 5400
        else f"{seconds / 3600:.1f} hours"
    )


def _row(name: str, cells: list[CellStatus]) -> tuple[str, ...]:
    took = [cell.seconds for cell in cells if cell.seconds is not None]
    counts = [sum(bool(getattr(cell, what)) for cell in cells) for what in ("done", "failure", "running")]
    return (name, str(counts[0]), str(len(cells)), *map(str, counts[1:]), f"{fmean(took):.1f}" if took else "")


def _since(running: Mapping[str, Any]) -> str:
    return f"for {_duration(time.time() - running['since'])} (process {running['pid']} on {running['host']})"


def _why(failure: Mapping[str, Any]) -> str:
    attempts = failure.get("attempts", 1)
    return f"{failure.get('error')}{f' ({attempts} attempts)' if attempts > 1 else ''}"
