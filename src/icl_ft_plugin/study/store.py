"""The folder of a study: where its cells, checkpoints and augmentations are, and who may write there.

For example ``Store(Path("runs/demo")).cell(cell)`` is ``runs/demo/cells/1f0c9a37e5b2d846``; ``study`` shows the whole folder.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import damage, write_json, write_text
from icl_ft_plugin.guard.locks import Timeout, locked
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.identity import before_key
from icl_ft_plugin.study.records import LEDGER, CellLedger, read

LOCK = ".lock"  # in the study's folder; held while a run is at work
DAMAGED = ".damaged-"  # before the name of a folder that was moved aside
REASON = "reason.txt"  # in it, beside its manifest


def fault(cell: Path, *, hashes: bool = False) -> str | None:
    """Tell what of a complete cell's folder is not as it was written; None where nothing is.

    Args:
        cell: Its folder.
        hashes: Whether to read every byte; otherwise sizes are compared.
    """
    return damage(cell, hashes=hashes) or (None if read(cell / LEDGER, CellLedger) else f"{LEDGER} cannot be read")


class Store:
    """The folder of one study.

    Args:
        folder: It is made if it does not exist.

    Raises:
        UsageError: The folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            foreign = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        except OSError as error:
            raise UsageError(f"--out {folder}: cannot be made or read ({error.strerror})") from error
        if foreign and not (folder / "study.json").is_file():
            raise UsageError(f"--out {folder}: holds {foreign[0]!r} and no study; name an empty or a new folder")

    def cell(self, cell: Cell) -> Path:
        """Return where the cell's results are or will be."""
        return self.folder / "cells" / cell.key

    def checkpoint(self, key: str) -> Path:
        """Return where trained weights are or will be."""
        return self.folder / "checkpoints" / key

    def augmentation(self, key: str) -> Path:
        """Return where what a base model wrote is or will be."""
        return self.folder / "augmentations" / key

    def answers(self, cell: Cell) -> Path:
        """Return where the answers of a server are kept until the cell is complete (lm-eval's own cache, by a prefix)."""
        folder = self.folder / "answers" / cell.key
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "answers"

    def drop_answers(self, cell: Cell) -> None:
        """Remove these answers, which stand in the complete cell."""
        shutil.rmtree(self.folder / "answers" / cell.key, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.folder / "answers").rmdir()

    def before(self, cell: Cell) -> Path:
        """Return where the answers of the cell's base model to what else it is asked are or will be."""
        return self.folder / "before" / before_key(cell)

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return the cells that have no results yet."""
        folder = self.folder / "cells"
        complete = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return [cell for cell in cells if cell.key not in complete]

    def write_plan(self, name: str, cells: Sequence[Cell]) -> None:
        """Write ``study.json``."""
        entries = [
            {"key": cell.key, **labels.to_dict(), "splits": list(cell.tasks)}
            for cell in cells
            for labels in (cell.labels, *cell.also)
        ]
        write_json(self.folder / "study.json", {"name": name, "version": __version__, "cells": entries})

    def shared(self, cell: Cell) -> set[str]:
        """Return the folders, below this one, that the cell may share with others: augmentations, weights, first answers."""
        shared = {f"augmentations/{writing.key}" for writing in cell.writings.values()}
        shared |= {f"before/{before_key(cell)}"} if cell.kept else set()
        return {*shared, f"checkpoints/{cell.training_key}"} if cell.training_key else shared

    def unmade(self, cell: Cell) -> set[str]:
        """Return what of that nobody has made yet."""
        return {name for name in self.shared(cell) if not (self.folder / name).is_dir()}

    @contextmanager
    def making(self, folder: Path) -> Iterator[bool]:
        """Wait until no other process makes this folder; yield whether it still has to be made.

        Args:
            folder: A checkpoint, an augmentation or a cell; one that is damaged is moved aside.
        """
        locks = self.folder / ".locks"
        locks.mkdir(exist_ok=True)
        with locked(locks / folder.name):
            if folder.is_dir() and (reason := damage(folder, hashes=True)):
                self.set_aside(folder, reason)
            yield not folder.is_dir()

    def set_aside(self, folder: Path, reason: str) -> None:
        """Move a damaged folder out of the way, so that it is made again; why is noted in it."""
        places = (folder.with_name(f"{DAMAGED}{folder.name}-{number}") for number in itertools.count(1))
        aside = next(place for place in places if not place.exists())
        folder.replace(aside)
        write_text(aside / REASON, f"{reason}\n")

    def set_damaged_aside(self, cells: Sequence[Cell]) -> dict[str, str]:
        """Move aside the cells whose results are not as they were written, every byte compared; return why, by cell."""
        reasons = {}
        for cell in cells:
            folder = self.cell(cell)
            if folder.is_dir() and (reason := fault(folder, hashes=True)):
                self.set_aside(folder, reason)
                reasons[str(cell)] = reason
        return reasons

    def failure(self, cell: Cell) -> Path:
        """Return the file that says why a cell has failed; there is none for any other cell."""
        return self.folder / "failures" / f"{cell.key}.json"

    def write_failure(self, cell: Cell, error: str, attempts: int) -> None:
        """Note that a cell has failed, in this run and after so many attempts."""
        file = self.failure(cell)
        file.parent.mkdir(exist_ok=True)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"key": cell.key, "labels": cell.labels.to_dict(), "error": error, "time": time, "attempts": attempts}
        write_json(file, note)

    def unmark(self, cell: Cell) -> None:
        """Remove the note that a cell is at work, which a lost process leaves behind."""
        (self.folder / "running" / f"{cell.key}.json").unlink(missing_ok=True)

    def clear_failures(self) -> None:
        """Forget the failures of an earlier run: its cells are tried again."""
        shutil.rmtree(self.folder / "failures", ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second run out of the folder, and clear what killed processes left, before and after.

        Raises:
            UsageError: Another run is at work here, or the folder cannot be written or is full.
        """
        try:
            with locked(self.folder / LOCK, wait=False):
                self._sweep()
                try:
                    yield
                finally:
                    self._sweep()
        except Timeout as error:
            raise UsageError(
                f"--out {self.folder}: another run is at work here; wait for it or name another"
            ) from error
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise UsageError(f"--out {self.folder}: cannot be written ({error.strerror})") from error
            raise

    def _sweep(self) -> None:
        for leftover in [*self.folder.glob("cells/.*"), self.folder / "running"]:
            if not leftover.name.startswith(DAMAGED):
                shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def log(self) -> Iterator[None]:
        """Send what the process and its children print to ``log.txt``."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            streams = (sys.stdout, sys.stderr)
            for stream in streams:
                stream.flush()
            kept = os.dup(1), os.dup(2)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                yield
            finally:
                for number, (stream, copy) in enumerate(zip(streams, kept, strict=True), start=1):
                    stream.flush()
                    os.dup2(copy, number)
                    os.close(copy)

    def drop_checkpoints(self, cells: Sequence[Cell]) -> None:
        """Delete trained weights that none of the missing cells needs."""
        needed = {cell.training_key for cell in self.missing(cells)}
        for key in {cell.training_key for cell in cells if cell.training_key} - needed:
            self.drop_checkpoint(key)

    def drop_checkpoint(self, key: str) -> None:
        """Delete trained weights, if they are there."""
        checkpoint = self.checkpoint(key)
        if checkpoint.is_dir():
            # Renamed first, so that a kill in between leaves no half of a checkpoint to be used.
            doomed = checkpoint.with_name(f".{checkpoint.name}.dropped")
            checkpoint.replace(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
