"""Finetunes in several processes, by ``accelerate launch``, into the checkpoint that ``train.train`` writes.

For example, with ``launch`` read from ``recipes/accelerate/ddp.yaml`` (``num_processes: 2``)::

    train(model="smollm2-135m", rows=[{"text": "Did you know that ..."}, ...], recipe=recipe.load(path), launch=launch,
          output=Path("runs/ft"), seed=0)

runs ``accelerate launch --config_file ... -m icl_ft_plugin.training.launch JOB``, which this module is too: each of the
processes trains on its share of every step's rows. A step sees the rows that it sees in one process, but for the last
step of an epoch: where rows are missing, the first ones of the epoch fill it up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin.config import read_yaml
from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.files import atomic_folder, read_json, write_text
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.training.folder import writing
from icl_ft_plugin.training.ledger import Ledger
from icl_ft_plugin.training.ledger import read as read_ledger
from icl_ft_plugin.training.recipes.recipe import Recipe
from icl_ft_plugin.training.rows import check_rows

# What of a configuration decides the weights; the rest says which machine, address and port.
DECIDING = ("distributed_type", "num_processes", "mixed_precision", "use_cpu", "fsdp_config", "deepspeed_config")
_ERROR = "error.txt"


def launch_config(name: str) -> dict[str, Any]:
    """Read a configuration of ``accelerate launch``.

    Args:
        name: A file, or the name of one of ``recipes/accelerate`` (``"ddp"``, ``"fsdp"``).

    Raises:
        UsageError: There is none, or accelerate refuses it, or it is for several machines.
    """
    shipped = {file.stem: file for file in sorted((recipes_dir() / "accelerate").glob("*.yaml"))}
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise UsageError(
            f"launch: {shown(name)} is neither a file nor one of {', '.join(shipped)}{suggest(name, shipped)}"
        )
    config = read_yaml(path)
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        load_config_from_file(str(path))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"launch: {path}: refused by accelerate: {error}") from error
    processes = config.get("num_processes")
    if not isinstance(processes, int) or isinstance(processes, bool) or processes < 1:
        raise UsageError(f"launch: {path}: num_processes: {shown(processes)} is no number of processes")
    if config.get("num_machines", 1) != 1:
        raise UsageError(
            f"launch: {path}: num_machines: {shown(config['num_machines'])}: a cell is trained on one machine"
        )
    return config


def train(
    *,
    model: str,
    rows: Sequence[Mapping[str, object]],
    recipe: Recipe,
    launch: Mapping[str, Any],
    output: Path,
    seed: int | None = None,
    max_steps: int | None = None,
) -> Ledger:
    """Finetune a model in the processes of a configuration; ``output`` appears by a rename when all of it is written.

    Args:
        model: A checkpoint folder.
        rows: As in ``train.train``.
        recipe: What ``recipe.load`` returned; its ``per_device_train_batch_size`` is divided among the processes.
        launch: What ``launch_config`` returned.
        output: Folder to make.
        seed: Replaces the recipe's ``seed``.
        max_steps: Replaces the recipe's ``max_steps``.

    Returns:
        The ledger, as in ``train.train``: its tokens are those of all processes, its seconds those of the first.

    Raises:
        UsageError: As in ``train.train``; or the batch cannot be divided, or the recipe saves checkpoints.
    """
    check_rows(rows)
    job = {
        "name": output.name,
        "model": model,
        "rows": [dict(row) for row in rows],
        # Whole: the file may have been edited since it was read.
        "recipe": {
            "path": str(recipe.path.resolve()),
            "values": {**recipe.values, **(share := _share(recipe, launch))},
            "overrides": {**recipe.overrides, **share},
        },
        "seed": seed,
        "max_steps": max_steps,
    }
    with writing(output) as work, atomic_folder(output, inside=work) as folder:
        _launch({**job, "output": str(folder.resolve())}, launch)
    return read_ledger(output)


def _share(recipe: Recipe, launch: Mapping[str, Any]) -> dict[str, object]:
    """Return the keys of the recipe that the number of processes changes."""
    if recipe.values.get("save_strategy", "no") != "no" or "save_steps" in recipe.values:
        raise UsageError(f"{recipe.path}: a launched training does not save checkpoints: write save_strategy: 'no'")
    batch, processes = recipe.values.get("per_device_train_batch_size", 8), launch["num_processes"]
    if batch % processes:
        raise UsageError(
            f"{recipe.path}: per_device_train_batch_size: {batch} cannot be divided among {processes} processes"
        )
    return {"per_device_train_batch_size": batch // processes, "save_strategy": "no"}


def _launch(job: Mapping[str, object], launch: Mapping[str, object]) -> None:
    """Run the job in its processes; whatever ends this process ends them too."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "job.json").write_text(json.dumps({**job, "scratch": scratch}), encoding="utf-8")
        (folder / "accelerate.yaml").write_text(yaml.safe_dump({"main_process_port": 0, **launch}), encoding="utf-8")
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(folder / "accelerate.yaml")]
        command += ["-m", __name__, str(folder / "job.json")]
        # Nothing is ever written to their standard input: that it ends tells them that this process has ended.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        try:
            code = process.wait()
        finally:
            if process.stdin:
                process.stdin.close()
            process.kill()
            process.wait()
        if (folder / _ERROR).is_file():
            raise UsageError((folder / _ERROR).read_text(encoding="utf-8"))
        if code:
            raise RuntimeError(f"accelerate launch ended with exit code {code}")


def main(file: str) -> None:
    """Be one of the processes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job = read_json(Path(file))
    try:
        _train(job)
    except UsageError as error:
        write_text(Path(job["scratch"]) / _ERROR, str(error))
        sys.exit(2)


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def _train(job: Mapping[str, Any]) -> None:
    from icl_ft_plugin.training.run import quiet
    from icl_ft_plugin.training.train import prepare

    with quiet():
        run = prepare(
            model=job["model"],
            rows=job["rows"],
            recipe=Recipe(**{**job["recipe"], "path": Path(job["recipe"]["path"])}),
            folder=Path(job["scratch"]) / "trainer",
            seed=job["seed"],
            max_steps=job["max_steps"],
        )
        run.train()
        run.save(Path(job["output"]), job["name"])
        run.trainer.accelerator.wait_for_everyone()
        run.trainer.accelerator.end_training()


if __name__ == "__main__":
    main(sys.argv[1])
