"""Runs the cells of a study one after the other, into a store that survives being killed.

A study's folder; cells and checkpoints are named by the hash of all that they depend on::

    runs/demo/study.json                 the plan: name, version, and the key and labels of each cell in order
    runs/demo/cells/1f0c9a37e5b2d846/    config.json, ledger.json, lm-eval's results_*.json and samples_*.jsonl
    runs/demo/checkpoints/8a3d5e.../     trained weights, until every cell that needs them is scored
    runs/demo/log.txt                    what the libraries printed

A cell appears by one rename when it is complete: a study that was killed runs only the missing cells when it is started
again, and a changed knob re-runs only what depends on it. What a kill left behind has a name that begins with a dot.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin import __version__
from icl_ft_plugin.corpus import atomic_folder, context_text, training_rows
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study_config import StudyConfig
from icl_ft_plugin.study_find import find_recipe
from icl_ft_plugin.study_plan import Cell, plan


class Store:
    """The folder of one study.

    Args:
        folder: It is made if it does not exist.

    Raises:
        UsageError: The folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            foreign = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        except OSError as error:
            raise UsageError(f"--out {folder}: cannot be made or read ({error.strerror})") from error
        if foreign and not (folder / "study.json").is_file():
            raise UsageError(f"--out {folder}: holds {foreign[0]!r} and no study; name an empty or a new folder")

    def cell(self, cell: Cell) -> Path:
        """Return where the cell's results are or will be."""
        return self.folder / "cells" / cell.key

    def checkpoint(self, cell: Cell) -> Path:
        """Return where the cell's trained weights are or will be."""
        return self.folder / "checkpoints" / cell.checkpoint_key

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return the cells that have no results yet."""
        return [cell for cell in cells if not self.cell(cell).is_dir()]

    def write_plan(self, name: str, cells: Sequence[Cell]) -> None:
        """Write ``study.json``."""
        entries = [{"key": cell.key, **cell.labels, "splits": list(cell.tasks)} for cell in cells]
        text = json.dumps({"name": name, "version": __version__, "cells": entries}, indent=2, ensure_ascii=False)
        draft = self.folder / ".study.json"
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(self.folder / "study.json")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second run out of the folder, and clear what a killed one left.

        Raises:
            UsageError: Another run is at work here, or the folder cannot be written or is full.
        """
        try:
            with (self.folder / ".lock").open("w") as file:
                # The system drops this lock when the process dies, however it dies.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for leftover in self.folder.glob("cells/.*"):
                    shutil.rmtree(leftover, ignore_errors=True)
                yield
        except BlockingIOError as error:
            raise UsageError(
                f"--out {self.folder}: another run is at work here; wait for it or name another"
            ) from error
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise UsageError(f"--out {self.folder}: cannot be written ({error.strerror})") from error
            raise

    @contextmanager
    def log(self) -> Iterator[None]:
        """Send what the process and its children print to ``log.txt``."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            streams = (sys.stdout, sys.stderr)
            for stream in streams:
                stream.flush()
            kept = os.dup(1), os.dup(2)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                yield
            finally:
                for number, (stream, copy) in enumerate(zip(streams, kept, strict=True), start=1):
                    stream.flush()
                    os.dup2(copy, number)
                    os.close(copy)

    def drop_checkpoints(self, cells: Sequence[Cell]) -> None:
        """Delete trained weights that none of the missing cells needs."""
        needed = {self.checkpoint(cell) for cell in self.missing(cells)}
        for checkpoint in {self.checkpoint(cell) for cell in cells if cell.trained} - needed:
            if checkpoint.is_dir():
                # Renamed first, so that a kill in between leaves no half of a checkpoint to be used.
                doomed = checkpoint.with_name(f".{checkpoint.name}.dropped")
                checkpoint.replace(doomed)
                shutil.rmtree(doomed, ignore_errors=True)


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
            _run_cell(cell, study, store)
            if not study.keep_checkpoints:
                store.drop_checkpoints(cells)
        if not study.keep_checkpoints:
            store.drop_checkpoints(cells)
    announce("complete", len(cells), len(cells))


def _run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    """Train if the arm trains, score, and put the results in place."""
    from icl_ft_plugin.harness import evaluate

    register_model()
    model_args = {"pretrained": str(cell.model.path)}
    training = None
    if cell.trained:
        checkpoint = _train(cell, study, store.checkpoint(cell))
        training = json.loads((checkpoint / "ledger.json").read_text(encoding="utf-8"))
        if (checkpoint / "adapter_config.json").is_file():
            model_args["peft"] = str(checkpoint)
        else:
            model_args["pretrained"] = str(checkpoint)
    metadata = {"seed": cell.world_seed, "context_copies": cell.arm.context_copies, **cell.config}
    with atomic_folder(store.cell(cell)) as temporary:
        evaluate(
            list(cell.tasks.values()),
            model_args=model_args,
            metadata=metadata,
            output=temporary,
            batch_size=study.batch_size,
        )
        ledger = {"training": training, "evaluation": _prompt_cost(cell)}
        config = {
            "key": cell.key,
            "labels": cell.labels,
            "identity": cell.identity,
            "world": {"family": cell.family, "seed": cell.world_seed, "config": dict(cell.config)},
            "arm": cell.arm.model_dump(),
            "model": str(cell.model.path),
            "batch_size": study.batch_size,
        }
        for name, data in (("ledger.json", ledger), ("config.json", config)):
            (temporary / name).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def register_model() -> None:
    """Make ``icl_ft_hf`` known to lm-eval also where the registration at interpreter start is turned off."""
    import lm_eval.models

    from icl_ft_plugin._lm_eval_steps import STEPS

    STEPS["lm_eval.models"](lm_eval.models)


def _train(cell: Cell, study: StudyConfig, checkpoint: Path) -> Path:
    """Return the folder of the cell's trained weights, made now or by an earlier run."""
    if not checkpoint.is_dir():
        from icl_ft_plugin import finetune, recipe

        finetune.train(
            model=str(cell.model.path),
            rows=training_rows(cell.world, cell.arm.corpus, cell.arm.loss),
            recipe=recipe.load(find_recipe(str(study.recipe)), {**study.recipe_overrides, "disable_tqdm": True}),
            output=checkpoint,
            seed=cell.training_seed,
            max_steps=cell.steps,
        )
    return checkpoint


def _prompt_cost(cell: Cell) -> dict[str, int]:
    """Count the prompt tokens of the cell's questions as if no prefix were shared; the choices are not counted."""
    questions = [question.prompt for question in cell.world.questions if question.split in cell.tasks]
    context = 0
    if cell.arm.condition == "icl":
        context = _count_tokens(cell.model.path, context_text(cell.world, cell.arm.context_copies))
    return {
        "questions": len(questions),
        "prompt_tokens": context * len(questions) + _count_tokens(cell.model.path, *questions),
    }


def _count_tokens(model: Path, *texts: str) -> int:
    return sum(map(len, _tokenizer(model)(list(texts), add_special_tokens=False)["input_ids"]))


@lru_cache(maxsize=2)
def _tokenizer(model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)
