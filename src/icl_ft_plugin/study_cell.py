"""Runs one cell of a study: augments, trains and scores, each only if it has not been done.

A cell's ``ledger.json``, shortened::

    {"training": {"steps": 200, "tokens": 68436, ...},
     "augmentation": {"local": {"hash": "77b0c1...", "prompt_tokens": 4210, "generated_tokens": 5120, ...}},
     "evaluation": {"questions": 80, "prompt_tokens": 410}}
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin.corpus import atomic_folder, context_text
from icl_ft_plugin.study_augment import arm_rows, augmentation_cost
from icl_ft_plugin.study_config import StudyConfig
from icl_ft_plugin.study_find import find_recipe, register_model
from icl_ft_plugin.study_plan import Cell
from icl_ft_plugin.study_store import Store


def run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    """Augment and train if the arm does, score, and put the results in place.

    Raises:
        UsageError: Something cannot be used, made or written; nothing is left in the cell's place.
    """
    from icl_ft_plugin.harness import evaluate

    register_model()
    model_args = {"pretrained": str(cell.model.path)}
    training = None
    if cell.trained:
        checkpoint = _train(cell, study, store)
        training = json.loads((checkpoint / "ledger.json").read_text(encoding="utf-8"))
        if cell.arm.method == "sdft":
            training["sdft"] = json.loads((checkpoint / "sdft.json").read_text(encoding="utf-8"))
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
        ledger = {
            "training": training,
            "augmentation": augmentation_cost(cell, store),
            "evaluation": _prompt_cost(cell),
        }
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


def _train(cell: Cell, study: StudyConfig, store: Store) -> Path:
    """Return the folder of the cell's trained weights, made now or by an earlier run."""
    checkpoint = store.checkpoint(cell)
    if not checkpoint.is_dir():
        from icl_ft_plugin import finetune, recipe

        loaded = recipe.load(find_recipe(str(study.recipe)), {**study.recipe_overrides, "disable_tqdm": True})
        if cell.arm.method == "sdft":
            from icl_ft_plugin import finetune_sdft

            finetune_sdft.distill(
                model=str(cell.model.path),
                world=cell.world,
                recipe=loaded,
                output=checkpoint,
                copies=cell.arm.context_copies,
                seed=cell.training_seed,
                max_steps=_steps(cell, len(finetune_sdft.prompts_of(cell.world)), loaded.values.get("max_steps")),
            )
            return checkpoint
        rows = arm_rows(cell, study, store)
        finetune.train(
            model=str(cell.model.path),
            rows=rows,
            recipe=loaded,
            output=checkpoint,
            seed=cell.training_seed,
            max_steps=_steps(cell, len(rows), loaded.values.get("max_steps")),
        )
    return checkpoint


def _steps(cell: Cell, rows: int, recipe_steps: int | None) -> int | None:
    """Return the gradient steps; an arm matched in epochs takes more, the more rows it has."""
    if cell.match == "steps":
        return cell.steps
    return max(1, round((cell.steps or recipe_steps or 0) * rows / len(cell.world.documents)))


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
