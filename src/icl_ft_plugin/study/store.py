"""The folder of a study: where its cells, checkpoints and augmentations are, and who may write there.

For example ``Store(Path("runs/demo")).cell(cell)`` is ``runs/demo/cells/1f0c9a37e5b2d846``; ``study`` shows the whole folder.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import Cell


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

    def checkpoint(self, cell: Cell) -> Path:
        """Return where the cell's trained weights are or will be."""
        return self.folder / "checkpoints" / cell.checkpoint_key

    def augmentation(self, key: str) -> Path:
        """Return where what a base model wrote is or will be."""
        return self.folder / "augmentations" / key

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return the cells that have no results yet."""
        return [cell for cell in cells if not self.cell(cell).is_dir()]

    def write_plan(self, name: str, cells: Sequence[Cell]) -> None:
        """Write ``study.json``."""
        entries = [{"key": cell.key, **cell.labels, "splits": list(cell.tasks)} for cell in cells]
        text = json.dumps({"name": name, "version": __version__, "cells": entries}, indent=2, ensure_ascii=False)
        draft = self.folder / ".study.json"
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(self.folder / "study.json")

    def unmade(self, cell: Cell) -> set[Path]:
        """Return what the cell may share with others and what nobody has made yet: augmentations, trained weights."""
        shared = {self.augmentation(key) for key in cell.augmentations.values()}
        if cell.trained:
            shared.add(self.checkpoint(cell))
        return {folder for folder in shared if not folder.is_dir()}

    @contextmanager
    def making(self, folder: Path) -> Iterator[bool]:
        """Wait until no other process makes this folder; yield whether it still has to be made.

        Args:
            folder: A checkpoint or an augmentation.
        """
        locks = self.folder / ".locks"
        locks.mkdir(exist_ok=True)
        with (locks / folder.name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # dropped by the system when the process dies, however it dies
            yield not folder.is_dir()

    def failure(self, cell: Cell) -> Path:
        """Return the file that says why a cell has failed; there is none for any other cell."""
        return self.folder / "failures" / f"{cell.key}.json"

    def write_failure(self, cell: Cell, error: str, attempts: int) -> None:
        """Note that a cell has failed, in this run and after so many attempts."""
        file = self.failure(cell)
        file.parent.mkdir(exist_ok=True)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"key": cell.key, "labels": cell.labels, "error": error, "time": time, "attempts": attempts}
        draft = file.with_name(f".{file.name}")
        draft.write_text(json.dumps(note, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(file)

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
            with (self.folder / ".lock").open("w") as file:
                # The system drops this lock when the process dies, however it dies.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._sweep()
                try:
                    yield
                finally:
                    self._sweep()
        except BlockingIOError as error:
            raise UsageError(
                f"--out {self.folder}: another run is at work here; wait for it or name another"
            ) from error
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise UsageError(f"--out {self.folder}: cannot be written ({error.strerror})") from error
            raise

    def _sweep(self) -> None:
        for leftover in [*self.folder.glob("cells/.*"), self.folder / "running"]:
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
        needed = {self.checkpoint(cell) for cell in self.missing(cells)}
        for checkpoint in {self.checkpoint(cell) for cell in cells if cell.trained} - needed:
            if checkpoint.is_dir():
                # Renamed first, so that a kill in between leaves no half of a checkpoint to be used.
                doomed = checkpoint.with_name(f".{checkpoint.name}.dropped")
                checkpoint.replace(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
