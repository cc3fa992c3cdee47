"""What a study takes beyond its cells' own training and scoring: ``python benchmarks/study.py [--plan 5000]``.

Ten cells of the embedded model (20 facts of simple reversals; two untrained arms, two trained ones under four seeds), run
in one process and then by two workers, each in a process of its own that begins with nothing imported. The time of a
cell is what its ledger says of the training plus lm-eval's own time of the evaluation; wall time is compared, in the
same run. CPU time is that of all processes, and says what the workers cost on a machine that does other things too. Prints one line per way; ``--json FILE`` also writes the numbers there.

``--plan N`` measures the coordination alone: N cells (a fiftieth as many worlds, six arms, two of which the model writes
for, twelve training seeds) are planned, and run by an executor that makes only the folders. Time of the plan without the
imports, memory that it adds, milliseconds for each cell that ends, and what the command's dry run takes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.local import Ended
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store

STUDY: dict[str, Any] = {
    "name": "benchmark",
    "models": ["nano"],
    "worlds": [{"family": "reversal", "config": {"n_facts": 20}, "seeds": [0]}],
    "arms": ["pretrained", "icl", "ft", "ft+oracle"],
    "training_seeds": [0, 1, 2, 3],
    "context_seeds": [0],
    "recipe": "reversal/nano.yaml",
}
PROGRAM = """
import json, sys, time
begun = time.perf_counter()
from functools import partial
from pathlib import Path
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.local import InProcess
from icl_ft_plugin.study.executors.workers import Workers
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.study.schema import StudyConfig

if __name__ == "__main__":
    file, folder, workers = sys.argv[1:]
    executor = partial(Workers, count=int(workers)) if int(workers) else InProcess
    run_study(load_study(Path(file)), Path(folder), lambda text, done, total: None, executor)
    print(json.dumps(time.perf_counter() - begun))
"""


def measure(folder: Path, steps: int, workers: int) -> dict[str, Any]:
    """Run the study in a fresh process; return its wall time and what its cells say of theirs, in seconds."""
    file = folder / "study.yaml"
    file.write_text(json.dumps({**STUDY, "steps": steps}), encoding="utf-8")  # JSON is YAML
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    out = folder / f"out{workers}"
    command = [sys.executable, str(program), str(file), str(out), str(workers)]
    before = _cpu_of_children()
    wall = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    training = scoring = 0.0
    cells = list((out / "cells").glob("[!.]*"))
    for cell in cells:
        ledger = json.loads((cell / "ledger.json").read_text(encoding="utf-8"))
        training += (ledger["training"] or {"seconds": 0.0})["seconds"]
        (results,) = cell.rglob("results_*.json")
        scoring += float(json.loads(results.read_text(encoding="utf-8"))["total_evaluation_time_seconds"])
    return {
        "workers": workers,
        "cells": len(cells),
        "steps": steps,
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(_cpu_of_children() - before, 1),
        "training_seconds": round(training, 1),
        "scoring_seconds": round(scoring, 1),
        "ratio": round(wall / (training + scoring), 3),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Instant:
    """Ends each cell as soon as it is given, by making its folders."""

    def __init__(self, study: StudyConfig, folder: Path) -> None:
        self._store = Store(folder)
        self._ended: list[Ended] = []

    @property
    def room(self) -> bool:
        """Four cells at a time."""
        return len(self._ended) < 4

    def start(self, cell: Cell) -> None:
        """Take a cell."""
        self._ended.append(Ended(cell))

    def wait(self) -> list[Ended]:
        """Make the folders of the cells that were given."""
        ended, self._ended = self._ended, []
        for one in ended:
            for name in (*self._store.unmade(one.cell), f"cells/{one.cell.key}"):
                (self._store.folder / name).mkdir(parents=True)
        return ended

    def close(self) -> None:
        """Nothing runs."""


def coordinate(folder: Path, cells: int) -> dict[str, Any]:
    """Plan a study of so many cells and run it without training or scoring anything."""
    arms = ["pretrained", "icl", "ft", "ft+local", "ft+local+global", "ft+oracle"]
    worlds = {**STUDY["worlds"][0], "seeds": list(range(cells // 50))}
    study = {**STUDY, "worlds": [worlds], "arms": arms, "training_seeds": list(range(12)), "steps": 100}
    file = folder / "study.yaml"
    file.write_text(json.dumps(study), encoding="utf-8")
    plan(load_study(file, ["worlds.0.seeds=[0]"]))  # imports what it needs
    load = os.getloadavg()[0]
    before, begun = psutil.Process().memory_info().rss, time.perf_counter()
    planned = plan(load_study(file))
    seconds, after = time.perf_counter() - begun, psutil.Process().memory_info().rss
    begun = time.perf_counter()
    run_study(load_study(file), folder / "out", lambda text, done, total: None, Instant)
    spent = time.perf_counter() - begun - seconds  # it plans again
    return {
        "cells": len(planned),
        "worlds": len(worlds["seeds"]),
        "plan_seconds": round(seconds, 2),
        "plan_megabytes": round((after - before) / 2**20, 1),
        "milliseconds_a_cell": round(1000 * spent / len(planned), 2),
        **dry_run(file),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
    }


def dry_run(file: Path) -> dict[str, Any]:
    """Run ``icl-ft study FILE --dry-run`` in a process of its own: its cells, costs, memory and power."""
    program = [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()", "study", str(file), "--dry-run"]
    begun = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    _, status, used = os.wait4(os.posix_spawn(program[0], program, os.environ, file_actions=silent), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return {
        "dry_run_seconds": round(time.perf_counter() - begun, 1),
        "dry_run_cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "dry_run_megabytes": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plan", type=int, metavar="CELLS")
    args = parser.parse_args()
    if args.plan:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(coordinate(Path(scratch), args.plan)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = [measure(Path(scratch), args.steps, workers) for workers in (0, args.workers)]
    alone, shared = found
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"one process: wall / (training + scoring) = {alone['ratio']:.2f} ({json.dumps(alone)})")
    gain = alone["wall_seconds"] / shared["wall_seconds"]
    print(f"{args.workers} workers: {gain:.2f} times as fast as one process ({json.dumps(shared)})")


if __name__ == "__main__":
    main()
