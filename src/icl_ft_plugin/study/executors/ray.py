"""Runs the cells of a study as Ray tasks: ``icl-ft study paper --out /shared/paper --executor ray --gpus-per-cell 1``.

One cell is one task that asks for its CPUs and GPUs. Results go to the study's folder, which must be on a file system
that all nodes share and that knows file locks; so must the models be, and the same environment must be on every node.
``RAY_ADDRESS`` names the cluster; without it, Ray takes the one that runs here, or starts one of this machine alone.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.executors.local import Ended, attempt
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store

if TYPE_CHECKING:
    import ray


_JOINING = 60.0  # seconds that nodes have to join the cluster
_PATIENCE = 20.0  # seconds until a shared file system shows what another node has written


class Ray:
    """Runs cells as tasks of a Ray cluster.

    Args:
        study: The study.
        folder: Its folder, shared by all nodes.
        cpus: CPUs that each cell asks for, and its number of threads.
        gpus: GPUs that each cell asks for; a part of one is possible.

    Raises:
        UsageError: Ray is not installed, the cluster cannot be reached, or none of its nodes is large enough.
    """

    def __init__(self, study: StudyConfig, folder: Path, cpus: float = 1, gpus: float = 0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that is started here reports to nobody
        try:
            import ray
        except ImportError as error:
            raise UsageError("--executor ray: Ray is not installed (pip install 'icl-ft-plugin[ray]')") from error
        self._ray: ModuleType = ray
        self._study = study
        self._folder = folder.resolve()
        self._running: dict[ray.ObjectRef, Cell] = {}
        self._joined = not ray.is_initialized()
        if self._joined:
            _check_address()
            try:
                ray.init(include_dashboard=False, log_to_driver=True)
            except Exception as error:  # Ray raises bare ones too, e.g. where a node does not start within 30 seconds
                ray.shutdown()
                raise UsageError(f"--executor ray: the cluster cannot be reached or started: {error}") from error
        try:
            self._check(cpus, gpus)
        except UsageError:
            self.close()
            raise
        # Lost tasks are given again by the study, which counts the attempts for all executors alike.
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_attempt)

    def _check(self, cpus: float, gpus: float) -> None:
        """Refuse what no node has, a minute long: Ray would wait for such a node for ever."""
        limit = time.monotonic() + _JOINING
        while True:
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            if any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
                return
            if time.monotonic() > limit:
                break
            time.sleep(1)
        largest = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise UsageError(
            f"--executor ray: no node has {cpus:g} CPUs and {gpus:g} GPUs for a cell "
            f"(--cpus-per-cell, --gpus-per-cell); the nodes have: {largest}"
        )

    @property
    def room(self) -> bool:
        """Ray queues what does not fit yet, and a cluster that grows with its queue sees it."""
        return True

    def start(self, cell: Cell) -> None:
        """Give the cell to the cluster."""
        self._running[self._task.remote(cell, self._study, self._folder, Path.cwd())] = cell

    def wait(self) -> list[Ended]:
        """Return the cells that have ended; those of a lost node or worker as lost."""
        tasks = list(self._running)
        if tasks and self._ray.wait(tasks, timeout=1.0)[0]:
            ready, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
            return [self._ended(task, self._running.pop(task)) for task in ready]
        return []

    def _ended(self, task: ray.ObjectRef, cell: Cell) -> Ended:
        errors = self._ray.exceptions
        try:
            error = self._ray.get(task)
        except errors.RayTaskError as failure:  # before attempt() began: the package is not there, say
            return Ended(cell, str(failure))
        except errors.RayError as failure:
            return Ended(cell, f"its node or worker was lost ({type(failure).__name__})", lost=True)
        if error is None and not self._visible(cell):
            return Ended(cell, f"complete on its node, and not in {self._folder} here: do all nodes share that folder?")
        return Ended(cell, error)

    def _visible(self, cell: Cell) -> bool:
        folder = Store(self._folder).cell(cell)
        limit = time.monotonic() + _PATIENCE
        while not folder.is_dir() and time.monotonic() < limit:
            time.sleep(0.5)
            if folder.parent.is_dir():
                os.listdir(folder.parent)  # noqa: PTH208 - makes NFS ask its server again
        return folder.is_dir()

    def close(self) -> None:
        """Stop the tasks, and leave the cluster if it was joined here."""
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()
        if self._joined:
            self._ray.shutdown()


def _attempt(cell: Cell, study: StudyConfig, folder: Path, working_folder: Path) -> str | None:
    """Run one cell on a node, in the working folder of the study: what it names by a relative path is found."""
    os.chdir(working_folder)
    return attempt(cell, study, folder)


def _check_address() -> None:
    """Try the address in ``RAY_ADDRESS`` once: Ray itself tries for many minutes.

    Raises:
        UsageError: Nothing listens there.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:  # unset, or a word such as auto
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise UsageError(f"--executor ray: RAY_ADDRESS={address}: the cluster cannot be reached: {error}") from error
