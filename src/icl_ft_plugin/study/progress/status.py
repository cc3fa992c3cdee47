"""How far a study has come, read from its folder alone: while it runs, after it ended, after it was killed.

For example ``icl-ft study status runs/demo``::

    demo: 7 of 11 cells complete, 1 failed, 1 running; about 4 minutes left
                               done  of  failed  running  seconds a cell
    nano, reversal, ft            2   3       0        1            71.2
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import ConfigDict

from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, cut, printable
from icl_ft_plugin.files import read_json
from icl_ft_plugin.guard.locks import Timeout, locked
from icl_ft_plugin.study.cell import Labels
from icl_ft_plugin.study.estimate.rates import scoring_seconds
from icl_ft_plugin.study.progress.show import aligned
from icl_ft_plugin.study.records import LEDGER, CellLedger, Record, read
from icl_ft_plugin.study.store import LOCK, fault


class Running(Record):
    """Who runs a cell.

    Attributes:
        host: The machine.
        pid: The process.
        since: Seconds since the epoch.
    """

    host: str
    pid: int
    since: float


class Failure(Record):
    """Why a cell has failed.

    Attributes:
        error: In one message.
        attempts: After how many.
    """

    error: str
    attempts: int = 1


class _Entry(Record):
    """A cell of ``study.json``, whose other keys are its labels."""

    model_config = ConfigDict(frozen=True, extra="allow")

    key: str
    splits: list[str]


class _Plan(Record):
    name: str
    cells: list[_Entry]


@dataclass(frozen=True, slots=True)
class CellStatus:
    """One cell of the plan.

    Attributes:
        labels: What tables call it.
        seconds: What it took; None where it is not complete, or does not say.
        done: Whether it is complete.
        running: None where nobody runs it.
        failure: None where it has not failed.
        damage: What of its results is not as it was written; None where nothing is, or it has none.
    """

    labels: Labels
    seconds: float | None
    done: bool
    running: Running | None
    failure: Failure | None
    damage: str | None = None


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
        """Return how many cells are ``done``, ``running`` or have a ``failure`` or ``damage``."""
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
        spent = (time.time() - cell.running.since if cell.running else 0.0 for cell in left)
        total = sum(max(0.0, (took or 0.0) - past) for took, past in zip(expected, spent, strict=True))
        return total / max(1, self.count("running"))

    def _expected(self, labels: Labels) -> float | None:
        nearest: tuple[Callable[[Labels], object], ...] = (
            lambda of: of.group,
            lambda of: (of.model, of.worlds, of.training_seed is None),
            lambda of: (of.model, of.training_seed is None),
            lambda of: of.training_seed is None,
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
    file = folder / "study.json"
    if not file.exists():
        raise UsageError(f"{folder}: no study there (no study.json)")
    plan = parsed(_Plan, read_json(file), str(file), strict=False)
    labels = [parsed(Labels, entry.model_extra, f"{file}: {cut(entry.key)}", strict=False) for entry in plan.cells]
    at_work = _locked(folder)
    cells = tuple(_cell(folder, e.key, named, at_work) for e, named in zip(plan.cells, labels, strict=True))
    return Status(plan.name, at_work, cells)


def _locked(folder: Path) -> bool:
    """Whether a run holds the folder; the system drops its lock when it dies."""
    if not (folder / LOCK).is_file():
        return False
    try:
        with locked(folder / LOCK, wait=False):
            return False
    except Timeout:
        return True
    except (
        OSError
    ):  # somebody else's study, or a read-only disk; its run removes the folder of what is at work when it ends
        return (folder / "running").is_dir()


def _cell(folder: Path, key: str, labels: Labels, at_work: bool) -> CellStatus:
    path = folder / "cells" / key
    if path.is_dir() and not (reason := fault(path)):
        return CellStatus(labels, _seconds(path), True, None, None)
    reason = reason if path.is_dir() else None
    running = read(folder / "running" / f"{key}.json", Running) if at_work else None
    if running and running.host == socket.gethostname() and not _alive(running.pid):
        running = None  # its process was killed; the run will notice
    failure = None if running else read(folder / "failures" / f"{key}.json", Failure)
    return CellStatus(labels, None, False, running, failure, reason)


def _seconds(cell: Path) -> float | None:
    """Return what a complete cell took; cells of earlier versions know its parts only."""
    ledger = read(cell / LEDGER, CellLedger) or CellLedger()
    if ledger.seconds is not None:
        return ledger.seconds
    parts = [scoring_seconds(file) for file in cell.rglob("results_*.json")]
    return sum(parts) + (ledger.training.seconds if ledger.training else 0.0) or None


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
        groups.setdefault(cell.labels.group, []).append(cell)
    rows = [("", "done", "of", "failed", "running", "seconds a cell"), *map(_row, groups, groups.values())]
    now = [f"  {cell.labels}: {_since(cell.running)}" for cell in status.cells if cell.running]
    wrong = [f"  {cell.labels}: {_why(cell.failure)}" for cell in status.cells if cell.failure]
    hurt = [f"  {cell.labels}: {cell.damage}" for cell in status.cells if cell.damage]
    parts = {"running:": now, "failed:": wrong, "damaged (made again by the next run):": hurt}
    told = [line for title, inner in parts.items() if inner for line in (title, *inner)]
    return [printable(text), *aligned(rows), *map(printable, told)]


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


def _since(running: Running) -> str:
    return f"for {_duration(time.time() - running.since)} (process {running.pid} on {running.host})"


def _why(failure: Failure) -> str:
    return f"{failure.error}{f' ({failure.attempts} attempts)' if failure.attempts > 1 else ''}"
