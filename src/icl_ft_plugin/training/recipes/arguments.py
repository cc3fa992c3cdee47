"""From a recipe to the arguments of TRL's trainers: the recipe's keys, and what the run itself decides.

For example ``sft_arguments(recipe, "full", Path("runs/.ft.partial/checkpoints"), seed=0, max_steps=None)`` gives an
``SFTConfig`` whose ``output_dir`` is that folder and whose ``seed`` is 0, and the LoRA configuration, if there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from trl import get_peft_config, get_quantization_config

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.training.recipes.keys import checked, known_keys
from icl_ft_plugin.training.recipes.recipe import Recipe, parse

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl import ModelConfig, SFTConfig


def sft_arguments(
    recipe: Recipe, mask: str, folder: Path, seed: int | None, max_steps: int | None
) -> tuple[SFTConfig, LoraConfig | None]:
    """Return the run's SFTConfig and LoRA config (None: all parameters are trained).

    Args:
        recipe: The recipe.
        mask: The loss mask that the rows ask for.
        folder: Where checkpoints are written, if the recipe saves any.
        seed: Replaces the recipe's.
        max_steps: Replaces the recipe's.

    Raises:
        UsageError: A value is refused, or does not fit the rows.
    """
    forced = run_values(folder) | given_values(seed, max_steps, "train")
    if not {"save_strategy", "save_steps"} & set(recipe.values):
        forced["save_strategy"] = "no"
    if recipe.values.get("completion_only_loss") and mask == "full":
        raise UsageError(
            f"{recipe.path}: completion_only_loss: true needs rows of prompt and completion; these rows hold text alone"
        )
    _, args, model_args, _ = parse(recipe, **forced)
    args.model_init_kwargs = load_values(model_args) | (args.model_init_kwargs or {})
    return args, get_peft_config(model_args)


def run_values(folder: Path) -> dict[str, object]:
    """Return what no recipe decides: where checkpoints are, and whether there is a GPU to copy batches to."""
    return {"output_dir": str(folder), "dataloader_pin_memory": torch.cuda.is_available()}


def given_values(seed: int | None, max_steps: int | None, place: str) -> dict[str, object]:
    """Return the values that replace the recipe's, checked.

    Raises:
        UsageError: One is out of range.
    """
    keys = known_keys()
    given = {"seed": seed, "max_steps": max_steps}
    return {key: checked(key, value, keys, place) for key, value in given.items() if value is not None}


def load_values(model_args: ModelConfig) -> dict[str, object]:
    """Return how TRL's own script loads a model with these ModelConfig values."""
    values = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
    }
    quantized = get_quantization_config(model_args)
    return values if quantized is None else {**values, "quantization_config": quantized}
