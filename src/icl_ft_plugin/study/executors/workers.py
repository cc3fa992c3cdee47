"""Runs the cells of a study in several processes of this machine: ``icl-ft study demo --out runs/demo --workers 4``.

Each worker keeps its imports warm from cell to cell and has its share of the cores and of the GPUs. Workers stand in
process groups of their own: Ctrl-C reaches only the process that hands out the cells, which then ends each group. A
worker whose parent is gone ends itself and its children, whatever happened to the parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.executors.local import Ended, attempt
from icl_ft_plugin.study.schema import StudyConfig

# A fork would copy locks that threads of torch may hold.
_SPAWN = multiprocessing.get_context("spawn")
_GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass
class _Worker:
    number: int
    process: SpawnProcess
    connection: Connection
    cell: Cell | None = None


class Workers:
    """Runs cells in processes of this machine; each process starts when there is a cell for it.

    Args:
        study: The study.
        folder: Its folder.
        count: Processes at most.
    """

    def __init__(self, study: StudyConfig, folder: Path, count: int) -> None:
        self._study = study
        self._folder = folder
        self._count = count
        self._workers: list[_Worker] = []

    @property
    def room(self) -> bool:
        """Whether a worker is idle or can still be started."""
        return len(self._workers) < self._count or any(worker.cell is None for worker in self._workers)

    def start(self, cell: Cell) -> None:
        """Hand the cell to an idle worker, or to a new one."""
        worker = next((worker for worker in self._workers if worker.cell is None), None) or self._hire()
        worker.cell = cell
        with suppress(BrokenPipeError):  # it died while it was idle; wait() sees that too
            worker.connection.send(cell)

    def wait(self) -> list[Ended]:
        """Return the cells that have ended; a worker that died is named by what killed it."""
        busy = {worker.connection: worker for worker in self._workers if worker.cell is not None}
        ended = []
        for connection in wait(list(busy), timeout=1.0):
            worker = busy[connection]  # type: ignore[index]
            cell, worker.cell = worker.cell, None
            assert cell is not None
            try:
                ended.append(Ended(cell, worker.connection.recv()))
            except (EOFError, OSError):
                self._dismiss(worker)
                ended.append(Ended(cell, f"its worker process was lost ({_death(worker.process)})", lost=True))
        return ended

    def close(self) -> None:
        """End all workers, and all that they have started."""
        for worker in list(self._workers):
            self._dismiss(worker)

    def _hire(self) -> _Worker:
        taken = {worker.number for worker in self._workers}
        number = next(i for i in range(self._count) if i not in taken)
        environment = share(number, self._count, os.environ, len(os.sched_getaffinity(0)), _gpus())
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, environment, self._study, self._folder))
        process.start()
        theirs.close()  # the worker's death is then the end of the file
        self._workers.append(_Worker(number, process, ours))
        return self._workers[-1]

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.connection.close()
        if worker.cell is None:
            worker.process.join(timeout=5)  # it has seen the end of the file
        worker.process.kill()
        if worker.process.pid is not None:
            with suppress(ProcessLookupError):  # what it started may still be at work
                os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.join()


def share(number: int, count: int, environment: Mapping[str, str], cores: int, gpus: list[str]) -> dict[str, str]:
    """Return the variables that give a worker its part of the machine.

    Args:
        number: Which worker, from 0.
        count: How many there are.
        environment: The variables of the whole study; a thread number that stands there is kept.
        cores: Cores of the study.
        gpus: Its GPUs, as CUDA names them.
    """
    variables = {"OMP_NUM_THREADS": environment.get("OMP_NUM_THREADS") or str(max(1, cores // count))}
    if gpus and count > 1:  # one worker alone may train a cell on all of them
        variables["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return variables


def _gpus() -> list[str]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    return [str(i) for i, _ in enumerate(_GPUS.iterdir())] if _GPUS.is_dir() else []


def _death(process: SpawnProcess) -> str:
    code = process.exitcode
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _work(connection: Connection, environment: dict[str, str], study: StudyConfig, folder: Path) -> None:
    """Run the cells that come through the connection until it ends."""
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)  # torch, which reads it, is not imported yet
    while True:
        try:
            cell = connection.recv()
        except EOFError:
            return
        connection.send(attempt(cell, study, folder))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.killpg(0, signal.SIGKILL)
