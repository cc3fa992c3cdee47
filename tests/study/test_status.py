from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tiny import RECIPE, save_tiny

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.progress.status import lines, read_status

ARMS = [("pretrained", None), ("ft", 0), ("ft", 1), ("ft", 2), ("ft+oracle", 0), ("ft+oracle", 1)]


def write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six cells: two complete, one of them of an earlier version, one failed."""
    labels = {"model": "nano", "worlds": "reversal", "family": "reversal", "world_seed": 0}
    cells = [
        {"key": f"k{i}", **labels, "arm": arm, "training_seed": seed, "splits": ["reversal"]}
        for i, (arm, seed) in enumerate(ARMS)
    ]
    write(tmp_path / "study.json", {"name": "demo", "version": "0", "cells": cells})
    write(tmp_path / "cells" / "k0" / "ledger.json", {"training": None})
    write(tmp_path / "cells" / "k0" / "m" / "results_1.json", {"total_evaluation_time_seconds": "3.0"})
    write(tmp_path / "cells" / "k1" / "ledger.json", {"training": {"seconds": 70.0}, "seconds": 80.0})
    write(tmp_path / "failures" / "k5.json", {"key": "k5", "error": "no space", "attempts": 3})
    return tmp_path


@pytest.fixture
def at_work(folder: Path) -> Iterator[Path]:
    """The same with a run at work."""
    with FileLock(folder / ".lock"):
        yield folder


def mark(folder: Path, key: str, pid: int, host: str = "", ago: float = 30.0) -> None:
    note = {"key": key, "host": host or socket.gethostname(), "pid": pid, "since": time.time() - ago}
    write(folder / "running" / f"{key}.json", note)


def dead_process() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid


def test_a_study_at_work(at_work: Path) -> None:
    mark(at_work, "k2", os.getpid())
    mark(at_work, "k4", 1, host="another-node", ago=10.0)
    mark(at_work, "k3", dead_process())
    status = read_status(at_work)
    assert [status.count(what) for what in ("done", "running", "failure")] == [2, 2, 1]
    assert [cell.seconds for cell in status.cells] == [3.0, 80.0, None, None, None, None]
    # ft and ft+oracle take 80 s each; of the running ones 30 and 10 s are over; two at a time.
    assert status.seconds_left == pytest.approx((50 + 80 + 70 + 80) / 2, abs=1)
    text = "\n".join(lines(status))
    assert text.startswith("demo: 2 of 6 cells complete, 1 failed, 2 running; about 2 minutes left\n")
    assert "nano, reversal seed 0, ft, training seed 1: for 30 s (process" in text and "on another-node" in text
    assert "nano, reversal seed 0, ft+oracle, training seed 1: no space (3 attempts)" in text
    rows = {line.split("  ")[0]: line.split()[-5:] for line in text.splitlines()[2:5]}
    assert rows["nano, reversal, ft"] == ["1", "3", "0", "1", "80.0"]
    assert rows["nano, reversal, ft+oracle"][-4:] == ["0", "2", "1", "1"]


def test_a_killed_study_is_not_at_work(folder: Path) -> None:
    mark(folder, "k2", os.getpid())  # what a kill leaves behind, and a process that has its number now
    status = read_status(folder)
    assert not status.at_work and status.count("running") == 0
    assert "no run is at work here (about 5 minutes left)" in lines(status)[0]


def test_nothing_is_known_before_a_cell_was_trained(folder: Path) -> None:
    for file in (folder / "cells" / "k1").iterdir():
        file.unlink()
    (folder / "cells" / "k1").rmdir()
    assert "time left not known yet" in lines(read_status(folder))[0]


def test_a_complete_study(folder: Path) -> None:
    for i in range(6):
        write(folder / "cells" / f"k{i}" / "ledger.json", {"seconds": 1.0})
    status = read_status(folder)
    assert lines(status)[0] == "demo: 6 of 6 cells complete, 0 failed, 0 running; nothing left"


def test_hyperparameters_have_rows_of_their_own(folder: Path) -> None:
    plan = json.loads((folder / "study.json").read_text())
    plan["cells"][1]["hyperparameters"] = "hot"
    write(folder / "study.json", plan)
    text = "\n".join(lines(read_status(folder)))
    assert "nano, reversal, ft, hot " in text and "nano, reversal, ft " in text


def test_the_study_of_somebody_else(at_work: Path) -> None:
    """Whose lock file may be read and not be taken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(at_work, Path(name) / "study"))
        (folder / "running").mkdir()
        Path(name).chmod(0o755)
        folder.chmod(0o755)
        (folder / ".lock").chmod(0o444)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            assert read_status(folder).at_work
            if user == 0:
                os.seteuid(0)
            (folder / "running").rmdir()
            if user == 0:
                os.seteuid(65534)
            assert not read_status(folder).at_work
        finally:
            os.seteuid(user)


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study there"):
        read_status(tmp_path)


@pytest.mark.slow
def test_a_real_study_while_it_runs_and_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    study = {
        "name": "t",
        "models": [str(save_tiny(tmp_path / "tiny", window=256))],
        "worlds": [{"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 1}}],
        "arms": ["pretrained", "ft"],
        "recipe": str(tmp_path / "recipe.yaml"),
        "steps": 5,
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    program = "from icl_ft_plugin.cli.app import main; main()"
    command = [sys.executable, "-c", program, "study", "study.yaml", "--out", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "out" / "study.json").is_file() or not read_status(tmp_path / "out").count("running"):
            assert process.poll() is None, "the study ended by itself"
            time.sleep(0.02)
        (running,) = (cell.running for cell in read_status(tmp_path / "out").cells if cell.running)
        process.kill()
    assert running.pid == process.pid
    killed = read_status(tmp_path / "out")
    assert not killed.at_work and killed.count("running") == 0 and killed.count("done") < 2
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    done = read_status(tmp_path / "out")
    assert done.count("done") == 2 and all(cell.seconds for cell in done.cells)
    assert not (tmp_path / "out" / "running").exists()
