"""Runs the cells of a study one after the other, into a store that survives being killed.

A study's folder; cells and checkpoints are named by the hash of all that they depend on::

    runs/demo/study.json                 the plan: name, version, and the key and labels of each cell in order
    runs/demo/cells/1f0c9a37e5b2d846/    config.json, ledger.json, lm-eval's results_*.json and samples_*.jsonl
    runs/demo/checkpoints/8a3d5e.../     trained weights, until every cell that needs them is scored
    runs/demo/augmentations/77b0c1.../   corpus.jsonl, augmentation.json: what a base model wrote, shared by arms and seeds
    runs/demo/log.txt                    what the libraries printed

A cell appears by one rename when it is complete: a study that was killed runs only the missing cells when it is started
again, and a changed knob re-runs only what depends on it. What a kill left behind has a name that begins with a dot.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from icl_ft_plugin.study_cell import run_cell
from icl_ft_plugin.study_config import StudyConfig
from icl_ft_plugin.study_plan import plan
from icl_ft_plugin.study_store import Store


def run(study: StudyConfig, folder: Path, announce: Callable[[str, int, int], None]) -> None:
    """Run the missing cells of a study in this process; what the libraries print goes to ``log.txt``.

    Args:
        study: What ``load_study`` returned.
        folder: The study's folder.
        announce: Called before each cell and at the end with a line on what comes now, the number of complete cells
            and the number of all.

    Raises:
        UsageError: The study asks for what does not exist, or the folder cannot be used. Complete cells stay.
    """
    cells = plan(study)
    store = Store(folder)
    with store.lock(), store.log():
        store.write_plan(study.name, cells)
        # Untrained cells first: they are cheap, and a context that is too long shows before anything is trained.
        for cell in sorted(store.missing(cells), key=lambda cell: cell.trained):
            announce(str(cell), len(cells) - len(store.missing(cells)), len(cells))
            run_cell(cell, study, store)
            if not study.keep_checkpoints:
                store.drop_checkpoints(cells)
        if not study.keep_checkpoints:
            store.drop_checkpoints(cells)
    announce("complete", len(cells), len(cells))
