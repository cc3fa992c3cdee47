from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from tiny_study import COMMAND, save_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import atomic_folder, write_json
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.local import Ended
from icl_ft_plugin.study.executors.workers import Workers, share
from icl_ft_plugin.study.plan import Cell, plan
from icl_ft_plugin.study.records import LEDGER
from icl_ft_plugin.study.run import ATTEMPTS, Incomplete, run_study
from icl_ft_plugin.study.store import Store


def announced(study: Any, folder: Path, executor: Any) -> list[str]:
    """Run a study; return what it announced."""
    lines: list[str] = []
    run_study(study, folder, lambda text, done, total: lines.append(text), executor)
    return lines


def made(folder: Path) -> None:
    """Make a folder that is whole: it says what it took, and what it holds."""
    with atomic_folder(folder, manifest=True) as draft:
        write_json(draft / LEDGER, {"evaluation": {}, "seconds": 1.0})


class Simulated:
    """Ends cells in a random order and loses some; makes what a cell shares when the cell ends, as a real one does."""

    def __init__(
        self, study: Any, folder: Path, *, slots: int, rng: random.Random, lose: float, broken: set[str]
    ) -> None:
        self.store, self.slots, self.rng, self.lose, self.broken = Store(folder), slots, rng, lose, broken
        self.running: list[Cell] = []
        self.starts: Counter[str] = Counter()
        self.closed = False

    @property
    def room(self) -> bool:
        return len(self.running) < self.slots

    def start(self, cell: Cell) -> None:
        for other in self.running:
            assert not self.store.unmade(cell) & self.store.unmade(other), "made twice at the same time"
        self.running.append(cell)
        self.starts[cell.key] += 1

    def wait(self) -> list[Ended]:
        assert self.running, "waits for nothing"
        cell = self.running.pop(self.rng.randrange(len(self.running)))
        if self.rng.random() < self.lose:
            return [Ended(cell, "lost", lost=True)]
        for name in self.store.unmade(cell):
            made(self.store.folder / name)
        if cell.key in self.broken:
            return [Ended(cell, "broken")]
        made(self.store.cell(cell))
        return [Ended(cell)]

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study whose arms and seeds share what a model writes and, asked in two ways, trained weights."""
    again = {"name": "ft-asked-in-context", "corpus": ["documents"], "condition": "icl"}
    arms = ["pretrained", "ft", again, "ft+local", "ft+local+global", "ft+local+global+independent"]
    return load_study(save_study(tmp_path_factory.mktemp("grid"), models=["nano"], arms=arms, training_seeds=[0, 1, 2]))


@pytest.mark.parametrize("seed", range(20))
def test_every_cell_ends_once_and_nothing_shared_is_made_twice(grid: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    cells = plan(grid)
    assert len({cell.training_key for cell in cells if cell.training}) == 12 < len(cells) == 16
    broken = {cell.key for cell in rng.sample(cells, rng.choice([0, 3]))}
    settings = {"slots": rng.choice([1, 2, 5, 99]), "rng": rng, "lose": rng.choice([0, 0.2]), "broken": broken}
    at: list[Simulated] = []

    def executor(study: Any, folder: Path) -> Simulated:
        at.append(Simulated(study, folder, **settings))
        return at[0]

    folder = tmp_path / "out"
    failed: set[str] = set()
    try:
        lines = announced(grid, folder, executor)
        assert lines[-1] == "complete"
    except Incomplete as error:
        failed = {path.stem for path in (folder / "failures").iterdir()}
        assert f"{len(failed)} of 16 cells are missing" in str(error)
        assert all(f"\n  {cell}: " in str(error) for cell in cells if cell.key in failed)
    assert at[0].closed and not at[0].running
    assert {cell.key for cell in cells} - failed == {path.name for path in (folder / "cells").iterdir()}
    assert broken <= failed
    for cell in cells:
        assert 1 <= at[0].starts[cell.key] <= ATTEMPTS
        if cell.key in failed:
            note = json.loads((folder / "failures" / f"{cell.key}.json").read_text())
            assert note["error"] == ("lost" if note["attempts"] == ATTEMPTS and note["error"] == "lost" else "broken")
            assert (note["key"], note["labels"]) == (cell.key, cell.labels.to_dict())
            assert note["attempts"] == at[0].starts[cell.key]
            assert datetime.fromisoformat(note["time"]).tzinfo is not None
    # The next run tries what has failed, and nothing else.
    at.clear()
    settings |= {"lose": 0, "broken": set()}
    assert len(announced(grid, folder, executor)) == len(failed) + 1
    assert not (folder / "failures").exists()


@pytest.mark.slow
def test_a_cell_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    file = save_study(tmp_path, window=64, arms=["icl", "pretrained", "ft"], training_seeds=[0], steps=1)
    study = load_study(file)
    lines: list[str] = []
    with pytest.raises(
        Incomplete, match=r"1 of 3 cells are missing.*\n  tiny, reversal seed 0, icl, context seed 0: .*window"
    ):
        run_study(study, tmp_path / "out", lambda text, done, total: lines.append(f"{text} {done}/{total}"))
    assert lines[0].startswith("tiny, reversal seed 0, icl, context seed 0 0/3") and lines[1].startswith("1 failed; ")
    assert lines[-1] == "1 failed 2/3"
    icl, *others = plan(study)
    assert {path.name for path in (tmp_path / "out" / "cells").iterdir()} == {cell.key for cell in others}
    assert [path.stem for path in (tmp_path / "out" / "failures").iterdir()] == [icl.key]
    # On the command line: the table of what is complete, then the message.
    result = CliRunner().invoke(app, ["study", str(file), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and re.search(
        r"1 of 3 cells are missing.*\n.*, icl, context seed 0: .*window", result.stderr
    )
    assert "1 of 3 cells are missing" in (tmp_path / "out" / "table.md").read_text()


def test_what_a_worker_gets_of_the_machine() -> None:
    assert share(0, 2, {}, 8, []) == {"OMP_NUM_THREADS": "4"}
    assert share(3, 4, {"OMP_NUM_THREADS": "7"}, 2, []) == {"OMP_NUM_THREADS": "7"}
    assert share(0, 1, {}, 2, ["0", "1"]) == {"OMP_NUM_THREADS": "2"}
    assert share(3, 4, {}, 2, ["0", "GPU-1"]) == {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "GPU-1"}


def test_folders_are_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    store, order = Store(tmp_path), []

    def make(name: str) -> None:
        with store.making(tmp_path / "checkpoints" / "x") as needed:
            order.append((name, needed))
            time.sleep(0.2)
            if needed:
                made(tmp_path / "checkpoints" / "x")

    threads = [threading.Thread(target=make, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [needed for _, needed in order] == [True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--executor", "rya"], "did you mean 'ray'"),
        (["--executor", "ray", "--workers", "2"], "leave one of them out"),
        (["--gpus-per-cell", "1"], "add --executor ray"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["study", "run", "demo", "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2 and message in result.stderr
    assert not (tmp_path / "out").exists()


def children(process: int) -> list[psutil.Process]:
    return psutil.Process(process).children(recursive=True)


class Assassin(threading.Thread):
    """Kills the first worker that appears, at once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.killed: int | None = None
        self.before = {child.pid for child in children(os.getpid())}

    def run(self) -> None:
        while self.killed is None:
            for child in children(os.getpid()):
                if child.pid not in self.before and "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
                    self.killed = child.pid
            time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_cell_run_again(tmp_path: Path) -> None:
    study = load_study(save_study(tmp_path, arms=["pretrained"]), ["worlds.0.splits=[reversal]"])
    assassin = Assassin()
    assassin.start()
    cell = plan(study)[0]
    assert announced(study, tmp_path / "out", partial(Workers, count=1)) == [str(cell), str(cell), "complete"]
    assert assassin.killed is not None
    assert not (tmp_path / "out" / "running").exists()
    assert Store(tmp_path / "out").cell(cell).is_dir() and not (tmp_path / "out" / "failures").exists()
    assert not [child for child in children(os.getpid()) if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study file, and the folder of that study run in one process."""
    folder = tmp_path_factory.mktemp("done")
    file = save_study(folder)
    run_study(load_study(file), folder / "out", lambda text, done, total: None)
    write_table(folder / "out")
    return file, folder / "out"


def assert_same_table(folder: Path, expected: Path) -> None:
    write_table(folder)
    for name in ("table.json", "table.csv", "table.md"):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()
    assert {path.name for path in (folder / "cells").iterdir()} == {
        path.name for path in (expected / "cells").iterdir()
    }


@pytest.mark.slow
def test_two_workers_one_killed_in_the_middle_give_the_same_table(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, expected = done
    folder = tmp_path / "out"
    with subprocess.Popen([*COMMAND, str(file), "--out", str(folder), "--workers", "2"]) as process:
        at_work = wait_for(lambda: list((folder / "checkpoints").glob(".*.partial")))
        workers = [child for child in children(process.pid) if "spawn_main" in " ".join(child.cmdline())]
        assert at_work and len(workers) == 2
        random.SystemRandom().choice(workers).kill()
    assert process.returncode == 0
    assert_same_table(folder, expected)
    assert not list((folder / "checkpoints").glob("[!.]*")) and not (folder / "failures").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_study_is_the_end_of_its_workers(done: tuple[Path, Path], tmp_path: Path, number: int) -> None:
    file, expected = done
    folder = tmp_path / "out"
    command = [*COMMAND, str(file), "--out", str(folder), "--workers", "2"]
    with subprocess.Popen(command) as process:
        wait_for(lambda: list((folder / "checkpoints").glob(".*.partial")))
        below = children(process.pid)
        assert len([child for child in below if "spawn_main" in " ".join(child.cmdline())]) == 2
        process.send_signal(number)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    complete = list((folder / "cells").glob("[!.]*"))
    assert len(complete) < 6 and all((path / "config.json").is_file() for path in complete)
    subprocess.run(command, check=True)
    assert_same_table(folder, expected)


def wait_for(condition: Any) -> Any:
    for _ in range(30000):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen within ten minutes")


def test_ray_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from icl_ft_plugin.study.executors.ray import Ray

    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    study = load_study(save_study(tmp_path))
    with pytest.raises(UsageError, match=r"icl-ft-plugin\[ray\]"):
        Ray(study, tmp_path / "out")
