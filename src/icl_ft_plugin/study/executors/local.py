"""Where the cells of a study are run: the form that all executors have, and the simplest of them.

An executor takes cells one by one and says which have ended::

    at = InProcess(study, Path("runs/demo"))
    at.start(cell)
    at.wait()  # [Ended(cell, error=None, lost=False)]: the cell is complete

``workers.Workers`` has processes of this machine, ``ray.Ray`` the nodes of a cluster. What runs is the same
everywhere: ``attempt``.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store


@dataclass(frozen=True, slots=True)
class Ended:
    """A cell that is no longer at work.

    Attributes:
        cell: The cell.
        error: Why it is not complete; None: it is.
        lost: Whether the process or the node was lost, which may go better another time.
    """

    cell: Cell
    error: str | None = None
    lost: bool = False


class Executor(Protocol):
    """What runs cells."""

    @property
    def room(self) -> bool:
        """Whether it takes another cell now."""

    def start(self, cell: Cell) -> None:
        """Begin with a cell."""

    def wait(self) -> list[Ended]:
        """Return the cells that have ended since the last call; after about a second, none."""

    def close(self) -> None:
        """Stop; cells at work are dropped, and nothing that was started goes on."""


def attempt(cell: Cell, study: StudyConfig, folder: Path) -> str | None:
    """Run one cell.

    Args:
        cell: The cell.
        study: Its study.
        folder: The study's folder.

    Returns:
        What went wrong; None: the cell is complete.
    """
    from icl_ft_plugin.study.cells.run_cell import run_cell

    store = Store(folder)
    try:
        with store.making(store.cell(cell)) as needed:  # a lost node may be at it still, or have ended it
            if needed:
                run_cell(cell, study, store)
    except UsageError as error:
        return str(error)
    except Exception as error:  # whatever it is, the other cells can go on
        print(f"\n{cell}:", file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()
        return f"{type(error).__name__}: {error} (traceback in log.txt)"
    return None


class InProcess:
    """Runs one cell after the other in this process, where models and imports stay warm.

    Args:
        study: The study.
        folder: Its folder.
    """

    def __init__(self, study: StudyConfig, folder: Path) -> None:
        self._study = study
        self._folder = folder
        self._cell: Cell | None = None

    @property
    def room(self) -> bool:
        """One cell at a time."""
        return self._cell is None

    def start(self, cell: Cell) -> None:
        """Take a cell, which ``wait`` runs."""
        self._cell = cell

    def wait(self) -> list[Ended]:
        """Run the cell."""
        cell, self._cell = self._cell, None
        return [Ended(cell, attempt(cell, self._study, self._folder))] if cell else []

    def close(self) -> None:
        """Nothing runs between two calls."""
