"""Runs one cell of a study: augments, trains and scores, each only if it has not been done.

Everything comes from the cell's record: recipes and prompts may be edited while the study runs, and change nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.arms.partial import inferred_questions
from icl_ft_plugin.config import parsed
from icl_ft_plugin.files import atomic_folder, read_json, write_json, write_jsonl, write_manifest
from icl_ft_plugin.harness.prompts import as_planned
from icl_ft_plugin.models.find import is_adapter
from icl_ft_plugin.schema import World
from icl_ft_plugin.study.adapters import served_adapter
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.cells.augment import writing_costs
from icl_ft_plugin.study.cells.retention import retention, weights_of
from icl_ft_plugin.study.cells.train_cell import train_cell
from icl_ft_plugin.study.cells.verbatim import verbatim_of
from icl_ft_plugin.study.engine import at_work, check_loads_by_name
from icl_ft_plugin.study.estimate.counting import metadata_of, prompt_cost
from icl_ft_plugin.study.records import CONFIG, INFERRED, LEDGER, RETENTION, CellLedger, TrainingCost
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store

if TYPE_CHECKING:
    from lm_eval.api.model import LM


def run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    """Augment and train if the arm does, score, and put the results in place.

    Meanwhile ``running/KEY.json`` in the study's folder says that the cell is being run, where and since when.

    Raises:
        UsageError: Something cannot be used, made or written; nothing is left in the cell's place.
    """
    with _marked(cell, store), as_planned(cell.arm.prompt, cell.prompt):
        _run_cell(cell, study, store)


@contextlib.contextmanager
def _marked(cell: Cell, store: Store) -> Iterator[None]:
    marker = store.folder / "running" / f"{cell.key}.json"
    marker.parent.mkdir(parents=True, exist_ok=True)
    note = {
        "key": cell.key,
        "labels": cell.labels.to_dict(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
    }
    write_json(marker, note)
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)


def _run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    from icl_ft_plugin.harness.evaluate import prompts_read

    begun = time.perf_counter()
    world = cell.world.make()
    checkpoint = _checkpoint(cell, world, study, store)
    with atomic_folder(store.cell(cell), manifest=True) as temporary:
        results = _asked(cell, checkpoint, study, store, temporary)
        ledger = CellLedger(
            training=_training_cost(checkpoint) if checkpoint else None,
            augmentation=writing_costs(cell, store),
            evaluation=prompt_cost(cell, results["samples"], prompts_read(results)),
            verbatim=verbatim_of(cell, world, store),
            seconds=round(time.perf_counter() - begun, 3),
        )
        # What was not given is no key; that a cell has no training is said.
        write_json(temporary / LEDGER, ledger.model_dump(exclude_unset=True))
        write_json(temporary / CONFIG, _config(cell, study))
        if cell.arm.inferred < 100:
            write_json(temporary / INFERRED, inferred_of(cell, world))
        if checkpoint and cell.kept:
            write_jsonl(temporary / RETENTION, retention(cell, checkpoint, study.batch_size, store))
        if checkpoint and (checkpoint / "curve.jsonl").is_file():
            shutil.copy(checkpoint / "curve.jsonl", temporary)
    store.drop_answers(cell)


def _asked(cell: Cell, checkpoint: Path | None, study: StudyConfig, store: Store, output: Path) -> dict[str, Any]:
    """Ask a cell's questions; what a server has answered is kept until the cell is complete."""
    from icl_ft_plugin.harness.evaluate import evaluate

    engine = cell.engine
    model: LM | str = "icl_ft_hf"
    arguments: dict[str, object] = {}
    batch_size: int | str = study.batch_size
    metadata, kept = metadata_of(cell), None
    if cell.arm.baseline:
        from icl_ft_plugin.harness.baseline import BaselineLM

        model = BaselineLM(cell.world.make(), cell.arm.baseline)
    elif engine is None:
        arguments = weights_of(cell, checkpoint)
    else:
        model, arguments = engine.name, engine.loading(cell.model.path, checkpoint)
        batch_size = engine.batch_size or batch_size
        # The tokenizer and the window are the model's, whatever the engine calls it.
        metadata = {**metadata, "model": None, "tokenizer": None, "pretrained": None, **cell.model.counting}
        kept = store.answers(cell) if engine.served else None
    with at_work(engine, arguments), _handed(cell, checkpoint, arguments) as arguments:
        return evaluate(
            list(dict.fromkeys(cell.tasks.values())),
            model=model,
            model_args=arguments,
            metadata=metadata,
            output=output,
            batch_size=batch_size,
            apply_chat_template=cell.arm.chat_template,
            cache=kept,
            gen_kwargs={"max_gen_toks": cell.answer_tokens} if cell.answer_tokens else None,
        )


@contextlib.contextmanager
def _handed(cell: Cell, checkpoint: Path | None, arguments: dict[str, object]) -> Iterator[dict[str, object]]:
    """Have a server load the weights that a cell trained; yields the arguments that name them."""
    engine = cell.engine
    if engine is None or checkpoint is None or not engine.served:
        yield arguments
    elif is_adapter(str(checkpoint)):
        with served_adapter(engine, cell.model.checkpoint, checkpoint, cell.key) as named:
            yield named
    else:
        check_loads_by_name(engine, cell.model.checkpoint)
        yield arguments


def _checkpoint(cell: Cell, world: World, study: StudyConfig, store: Store) -> Path | None:
    """Return the folder of the cell's trained weights, made now or by an earlier cell; None for an untrained arm."""
    if cell.training is None or cell.training_key is None:
        return None
    checkpoint = store.checkpoint(cell.training_key)
    with store.making(checkpoint) as needed:
        if needed:
            train_cell(cell, world, cell.training, study, store, checkpoint)
            write_manifest(checkpoint)  # by which a later cell, or run, tells that it is whole
    return checkpoint


def inferred_of(cell: Cell, world: World) -> dict[str, object]:
    """Return of how many facts the arm's corpus has inferences, and the questions about them."""
    percent = cell.arm.inferred
    return {"percent": percent, "with": inferred_questions(world, percent)}


def _training_cost(checkpoint: Path) -> TrainingCost:
    known = read_json(checkpoint / "ledger.json")
    if (checkpoint / "sdft.json").is_file():
        known["sdft"] = read_json(checkpoint / "sdft.json")
    return parsed(TrainingCost, known, str(checkpoint / "ledger.json"), strict=False)


def _config(cell: Cell, study: StudyConfig) -> dict[str, object]:
    return {
        "key": cell.key,
        "labels": cell.labels.to_dict(),
        "identity": cell.identity,
        "world": {"family": cell.world.family, "seed": cell.world.seed, "config": dict(cell.world.config)},
        "arm": cell.arm.model_dump(),
        "model": str(cell.model.path or cell.labels.model),
        "batch_size": study.batch_size,
        **({"answers": cell.answers} if cell.answers != "chosen" else {}),
    }
