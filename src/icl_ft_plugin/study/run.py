"""Runs the cells of a study into a store that survives being killed: in this process, in several, or on a cluster.

A study's folder; cells and checkpoints are named by the hash of all that they depend on::

    runs/demo/study.json                 the plan: name, version, and the key and labels of each cell in order
    runs/demo/cells/1f0c9a37e5b2d846/    config.json, ledger.json, lm-eval's results_*.json and samples_*.jsonl
    runs/demo/checkpoints/8a3d5e.../     trained weights, until every cell that needs them is scored
    runs/demo/augmentations/77b0c1.../   corpus.jsonl, augmentation.json: what a base model wrote, shared by arms and seeds
    runs/demo/failures/52e1....json      the cells that failed in the last run: why, when, after how many attempts
    runs/demo/running/8b07....json       the cells at work: on which host, in which process, since when
    runs/demo/cells/.damaged-1f0c...-1/  a cell that was not as it had been written, moved aside; reason.txt says why
    runs/demo/log.txt                    what the libraries printed

A cell appears by one rename when it is complete: a study that was killed runs only the missing cells when it is started
again, and a changed knob re-runs only what depends on it. What a kill left behind has a name that begins with a dot.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.local import Executor, InProcess
from icl_ft_plugin.study.models import left_out
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store

ATTEMPTS = 3  # of a cell whose process or node is lost each time

Announce = Callable[[str, int, int], None]


class Incomplete(UsageError):
    """Cells have failed; all others are complete, and the table can be made of them."""


def run_study(
    study: str | Path | StudyConfig,
    output: str | Path,
    announce: Announce = lambda text, done, total: None,
    executor: Callable[[StudyConfig, Path], Executor] = InProcess,
    *,
    overrides: Sequence[str] | None = None,
) -> None:
    """Run the missing cells of a study; what the libraries print goes to ``log.txt``.

    A cell that fails is noted under ``failures/`` and the others go on. One whose process or node was lost is tried
    again, three times in all.

    Args:
        study: A study file or the name of one that ships; or what ``load_study`` returned.
        output: The study's folder; made, or gone on with.
        announce: Called before each cell and at the end with a line on what comes now, the number of complete cells
            and the number of all.
        executor: Where the cells are run.
        overrides: Of a study file's keys, as ``--set`` of the command: ``"steps=20"``, ``"worlds.0.config.n_facts=5"``.

    Raises:
        Incomplete: Cells have failed; the message names each and why.
        UsageError: The study asks for what does not exist, or the folder cannot be used. Complete cells stay.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> small = ["arms=[pretrained, icl]", "worlds.0.config.n_facts=5"]
        >>> icl_ft.run_study("demo", "runs/demo", overrides=small)
        >>> icl_ft.items("runs/demo").groupby("arm")["correct"].mean()["icl"].item()
        1.0
    """
    if not isinstance(study, StudyConfig):
        study = load_study(study, overrides)
    elif overrides:
        raise UsageError("overrides: the study is loaded; give them to load_study")
    folder = Path(output)
    cells = plan(study)
    store = Store(folder)
    with store.lock(), store.log():
        store.write_plan(study.name, cells)
        store.clear_failures()
        for line in left_out(study):
            announce(line, 0, len(cells))
        for cell, reason in store.set_damaged_aside(cells).items():
            print(f"{cell}: damaged, made again: {reason}", file=sys.stderr)
            announce(f"damaged, made again: {cell} ({reason})", 0, len(cells))
        failed: dict[str, str] = {}
        if store.missing(cells):
            with closing(executor(study, folder)) as at:
                failed = _run(cells, store, at, announce, study.keep_checkpoints)
        if not study.keep_checkpoints:
            store.drop_checkpoints(cells)
    if failed:
        announce(f"{len(failed)} failed", len(cells) - len(failed), len(cells))
        lines = "".join(f"\n  {cell}: {error}" for cell, error in failed.items())
        raise Incomplete(
            f"{study.name}: {len(failed)} of {len(cells)} cells are missing; to try again: same command{lines}"
        )
    announce("complete", len(cells), len(cells))


def _run(cells: Sequence[Cell], store: Store, at: Executor, announce: Announce, keep: bool) -> dict[str, str]:
    """Run what is missing; return why cells have failed, by what a person calls them."""
    # Untrained cells first: they are cheap, and a context that is too long shows before anything is trained.
    if not keep:
        store.drop_checkpoints(cells)
    missing = sorted(store.missing(cells), key=lambda cell: cell.training is not None)
    waiting = {cell.key: cell for cell in missing}
    needed = Counter(cell.training_key for cell in missing)
    running: dict[str, Cell] = {}
    attempts: Counter[str] = Counter()
    failed: dict[str, str] = {}
    while waiting or running:
        while at.room and (cell := _next(waiting.values(), running.values(), store)):
            running[cell.key] = waiting.pop(cell.key)
            attempts[cell.key] += 1
            note = f"{len(failed)} failed; " if failed else ""
            done = len(cells) - len(waiting) - len(running) - len(failed)
            announce(f"{note}{cell}", done, len(cells))
            at.start(cell)
        for ended in at.wait():
            cell = running.pop(ended.cell.key)
            if ended.lost:
                store.unmark(cell)
            if ended.lost and attempts[cell.key] < ATTEMPTS:
                waiting = {cell.key: cell, **waiting}
            elif ended.error is not None:
                failed[str(cell)] = ended.error
                store.write_failure(cell, ended.error, attempts[cell.key])
            elif cell.training_key:
                needed[cell.training_key] -= 1
                if not keep and not needed[cell.training_key]:
                    store.drop_checkpoint(cell.training_key)
    return failed


def _next(waiting: Iterable[Cell], running: Iterable[Cell], store: Store) -> Cell | None:
    """Return the first cell that shares nothing with a running one that would be made twice.

    So the arms of one augmentation wait for the cell that makes it, and other cells fill the room meanwhile.
    """
    in_the_making = set().union(*map(store.unmade, running))
    return next((cell for cell in waiting if not store.shared(cell) & in_the_making), None)
