"""Trains the model of a cell: ``train_cell(cell, ...)`` makes the folder of weights that its ``training_key`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.schema import World
from icl_ft_plugin.study.cell import Cell, Training
from icl_ft_plugin.study.cells.augment import arm_rows
from icl_ft_plugin.study.estimate.counting import metadata_of
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.study.store import Store

if TYPE_CHECKING:
    from icl_ft_plugin.training.curve import Curve


def train_cell(
    cell: Cell, world: World, training: Training, study: StudyConfig, store: Store, checkpoint: Path
) -> None:
    """Train a cell's model into a folder.

    Args:
        cell: The cell.
        world: Its world.
        training: How, which is the cell's own.
        study: Its study.
        store: Where what the model has written is.
        checkpoint: The folder to make.

    Raises:
        UsageError: Rows, recipe or model cannot be used.
    """
    from icl_ft_plugin.training import launch, sdft, train

    curve = _curve(cell, study)
    what: dict[str, Any] = {"model": str(cell.model.checkpoint), "recipe": training.recipe, "output": checkpoint}
    what["seed"] = training.seed
    if cell.arm.method == "sdft":
        steps = steps_of(training, len(sdft.prompts_of(world)), len(world.documents))
        sdft.distill(**what, world=world, copies=cell.arm.context_copies, max_steps=steps, curve=curve)
        return
    rows = arm_rows(cell, world, store)
    what |= {"rows": rows, "max_steps": steps_of(training, len(rows), len(world.documents))}
    if training.launch:
        launch.train(**what, launch=training.launch)
    else:
        train.train(**what, curve=curve)


def steps_of(training: Training, rows: int, documents: int) -> int | None:
    """Return the gradient steps; an arm matched in epochs takes more, the more rows it has.

    Args:
        training: How a cell is trained.
        rows: What it is trained on.
        documents: The documents of its world, for which the study's steps are meant.
    """
    if training.match == "steps":
        return training.steps
    return max(1, round((training.steps or training.recipe.values.get("max_steps") or 0) * rows / documents))


def _curve(cell: Cell, study: StudyConfig) -> Curve | None:
    """Return what the model is asked while it trains, None if nothing."""
    if study.curve_every is None:
        return None
    from icl_ft_plugin.training.curve import Curve

    tasks = list(dict.fromkeys(cell.tasks.values()))
    metadata = {"pretrained": str(cell.model.checkpoint), **metadata_of(cell), "pmi": False}
    asked = (study.curve_every, study.curve_questions, study.batch_size)
    return Curve(tasks, metadata, *asked, chat_template=cell.arm.chat_template)
