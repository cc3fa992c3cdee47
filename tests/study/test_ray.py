"""Runs studies on a Ray cluster of two nodes, both on this machine, and kills one of them."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from tiny_study import COMMAND, save_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.ray import Ray
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="pip install 'icl-ft-plugin[ray]'")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one CPU each; ``RAY_ADDRESS`` names them."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made
    ray.shutdown()
    made.shutdown()


def cells_at_work(node: Any) -> list[psutil.Process]:
    """Return the processes of a node that run a cell now; Ray puts the task's name in their command line."""
    (raylet,) = node.all_processes["raylet"]
    found = []
    for process in psutil.Process(raylet.process.pid).children(recursive=True):
        try:
            if "ray::_attempt" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


def kill(node: Any) -> int:
    """Kill every process of a node at once, as a power cut does; return how many cells were at work there."""
    (raylet,) = node.all_processes["raylet"]
    parent = psutil.Process(raylet.process.pid)
    parent.suspend()  # it starts nothing more
    at_work = len(cells_at_work(node))
    for process in [parent, *parent.children(recursive=True)]:
        process.kill()
    return at_work


def test_a_node_killed_in_the_middle_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    study = load_study(save_study(tmp_path))
    killed = []

    def assassin() -> None:
        node = cluster.worker_nodes.copy().pop()
        seed = random.SystemRandom().randrange(2**32)
        print(f"random.Random({seed})")  # shown when the test fails
        time.sleep(random.Random(seed).uniform(0, 15))
        while not cells_at_work(node):
            time.sleep(0.05)
        killed.append(kill(node))

    thread = threading.Thread(target=assassin, daemon=True)
    thread.start()
    lines: Counter[str] = Counter()
    run_study(study, tmp_path / "out", lambda text, done, total: lines.update([text]), Ray)
    thread.join(timeout=1)
    assert killed == [1], "the study was over before the node was killed, or the cell was"
    cells = plan(study)
    assert sorted(lines.values()) == [1, 1, 1, 1, 1, 1, 2]  # the cell that was lost, and "complete"
    assert {path.name for path in (tmp_path / "out" / "cells").iterdir()} == {cell.key for cell in cells}
    assert not (tmp_path / "out" / "failures").exists() and not list((tmp_path / "out" / "checkpoints").glob("[!.]*"))
    run_study(study, tmp_path / "alone", lambda text, done, total: None)
    for folder in ("out", "alone"):
        write_table(tmp_path / folder)
    for name in ("table.json", "table.csv", "table.md"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_what_no_node_has_is_said_and_not_waited_for(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("icl_ft_plugin.study.executors.ray._JOINING", 0)
    study = load_study(save_study(tmp_path))
    with pytest.raises(UsageError, match=r"no node has 1 CPUs and 1 GPUs .*the nodes have: 1 CPUs, 0 GPUs; 1 CPUs"):
        run_study(study, tmp_path / "out", lambda text, done, total: None, partial(Ray, gpus=1))
    assert not ray.is_initialized()


def test_a_cell_that_fails_is_not_tried_again(cluster: Any, tmp_path: Path) -> None:
    study = load_study(save_study(tmp_path, window=64, arms=["icl", "pretrained"]))
    lines: list[str] = []
    with pytest.raises(UsageError, match=r"1 of 2 cells are missing.*\n.*icl, context seed 0: .*window"):
        run_study(study, tmp_path / "out", lambda text, done, total: lines.append(text), Ray)
    assert len(lines) == 3


def test_ctrl_c_ends_the_tasks_and_the_cluster_stays(cluster: Any, tmp_path: Path) -> None:
    file, folder = save_study(tmp_path), tmp_path / "out"
    with subprocess.Popen([*COMMAND, str(file), "--out", str(folder), "--executor", "ray"]) as process:
        while process.poll() is None and not cells_at_work(cluster.head_node):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    limit = time.monotonic() + 60
    while cells_at_work(cluster.head_node) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not cells_at_work(cluster.head_node)
    assert all((path / "config.json").is_file() for path in (folder / "cells").glob("[!.]*"))
    ray.init()
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2


def test_a_cluster_that_cannot_be_reached_is_an_error_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    study = load_study(save_study(tmp_path))
    with pytest.raises(UsageError, match="the cluster cannot be reached"):
        run_study(study, tmp_path / "out", lambda text, done, total: None, Ray)
    assert not ray.is_initialized()
