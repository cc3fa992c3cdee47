"""Kills a small study at random moments, resumes it, and compares what comes out: ``python benchmarks/kills.py --kills 100``.

The study trains a model of 46,000 parameters in two arms, with trainer checkpoints every two steps, lets it be asked in three, and
makes the report. A run is ended by SIGKILL or, one time in four, by SIGINT, at a moment drawn uniformly from what a whole run takes;
after each, every folder that has its name must be whole by its manifest, and what was complete must still be. When a run comes through, its
tables and every sample must be the bytes of the run that nobody disturbed, and the next begins from nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tiny import RECIPE
from tiny_study import save_study

from icl_ft_plugin.files import damage, sha256


def start(study: Path, out: Path) -> int:
    """Run the study in a copy of this process, whose libraries are loaded; return its id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    said = os.open(said_by(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    from icl_ft_plugin.cli.app import app

    code = 1
    try:
        app(["study", str(study), "--out", str(out)])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def said_by(out: Path) -> Path:
    """Return the file that a run prints to."""
    return out.with_suffix(".txt")


def ended(child: int, seconds: float) -> int | None:
    """Return the exit code of a process, None where it has not ended by then."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def phase(out: Path) -> str:
    """Return what a run was about when it was killed, as far as its folder tells."""
    if not (out / "study.json").is_file():
        return "planning"
    if any((out / "cells").glob(".[!d]*")):
        return "scoring"
    if any(out.glob("checkpoints/.*.partial/checkpoints/checkpoint-*")):
        return "training, a checkpoint there"
    if any(out.glob("checkpoints/.*.partial")):
        return "training"
    return "reporting" if len(complete(out)) == CELLS else "between cells"


CELLS = 5


def complete(out: Path) -> set[str]:
    return {path.name for path in out.glob("cells/[!.]*")}


def results(out: Path) -> dict[str, str]:
    """Return the hashes of all that must come out the same."""
    found = {name: sha256(out / name) for name in ("table.json", "table.csv", "table.md")}
    for file in out.glob("cells/[!.]*/**/samples_*.jsonl"):
        cell = file.relative_to(out / "cells").parts[0]
        found[f"{cell} {file.name.rpartition('_')[0]}"] = sha256(file)
    return found


def check(out: Path, before: set[str]) -> set[str]:
    """Hold a killed run to what is promised."""
    now = complete(out)
    assert before <= now, f"lost: {before - now}"
    for path in out.glob("cells/[!.]*"):
        assert (reason := damage(path, hashes=True)) is None, f"{path}: {reason}"
    return now


def campaign(study: Path, folder: Path, kills: int, seconds: float, rng: random.Random) -> Counter[str]:
    """Kill and resume until the number, or the time, is reached."""
    begun = time.monotonic()
    child = start(study, folder / "whole")
    assert ended(child, 600) == 0, said_by(folder / "whole").read_text()
    whole, expected = time.monotonic() - begun, results(folder / "whole")
    counts: Counter[str] = Counter()
    out = folder / "out"
    there: set[str] = set()
    while counts["kills"] < kills and time.monotonic() - begun < seconds:
        child = start(study, out)
        code = ended(child, rng.uniform(0, whole))
        if code is None:
            how = signal.SIGINT if rng.random() < 0.25 else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, how)
            code = ended(child, 120)
            assert code is not None, "it does not end"
            there = check(out, there)
            if code != 0:
                counts["kills"] += 1
                counts[how.name] += 1
                counts[f"while {phase(out)}"] += 1
                if counts["kills"] % 10 == 0:  # a campaign may itself be ended from outside
                    print(f"{counts['kills']} kills, {time.monotonic() - begun:.0f} s", flush=True)
                assert code == -9 if how is signal.SIGKILL else code in (130, -2, 2), f"{how.name}: exit code {code}"
                continue
        assert code == 0, f"exit code {code}: {said_by(out).read_text()}"
        counts["studies that came through"] += 1
        assert results(out) == expected, "other results"
        assert not list(out.glob("cells/.*")) and not (out / "running").exists(), "left over"
        shutil.rmtree(out)
        there = set()
    if out.exists() and (out / "study.json").exists():
        assert ended(start(study, out), 600) == 0 and results(out) == expected
        counts["studies that came through"] += 1
    return counts


def main() -> None:
    """Read the options, run, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    import lm_eval
    import torch
    import trl

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        study = save_study(
            place, arms=["pretrained", "icl", "ft", "ft+oracle", "ft+independent"], training_seeds=[0], steps=6
        )
        recipe = RECIPE.replace("1.0e-2", "3.0e-2").replace(
            'save_strategy: "no"', "save_strategy: steps\nsave_steps: 2"
        )
        (place / "recipe.yaml").write_text(recipe, encoding="utf-8")
        begun = time.monotonic()
        counts = campaign(study, place, options.kills, options.seconds, random.Random(options.seed))
    print(f"seed {options.seed}, {time.monotonic() - begun:.0f} s, nothing lost, all results the same")
    for what, number in sorted(counts.items()):
        print(f"  {what}: {number}")
    versions = f"torch {torch.__version__}, trl {trl.__version__}, lm-eval {lm_eval.__version__}"
    print(f"  Python {platform.python_version()}, {versions}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
