"""What a training takes of memory, as a person reads it, and whether the device at hand has as much.

For example, of ``icl-ft train models/llama-3.1-8b-lora --dry-run``::

    meta-llama/Llama-3.1-8B: 8,072,204,288 parameters, 41,943,040 of them trained
      weights      16.2 GB  bfloat16
      gradients     0.2 GB
      optimizer     0.3 GB  adamw_torch_fused
      activations   5.6 GB  8 rows of 1,024 tokens (max_length), gradient checkpointing
      together     22.3 GB  does not fit: 21.9 GB are free in RAM; ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from icl_ft_plugin.paths import called
from icl_ft_plugin.prefix.limits import free_bytes
from icl_ft_plugin.training.recipes.memory import Memory, memory_of
from icl_ft_plugin.training.recipes.recipe import Recipe

GB = 10**9


def lines(model: str, memory: Memory) -> list[str]:
    """Return a line for the model, one for each part, and their sum, which the header of a recipe holds too."""
    parts = ("weights", "gradients", "optimizer", "activations")
    rows = [(part, getattr(memory, part), memory.what.get(part, "")) for part in parts]
    return [
        f"{model}: {memory.parameters:,} parameters, {memory.trained:,} of them trained",
        *(f"  {name:<11} {size / GB:6.1f} GB  {what}".rstrip() for name, size, what in rows),
        f"  {'together':<11} {memory.total / GB:6.1f} GB",
    ]


def fit(memory: Memory, recipe: Recipe, launch: Mapping[str, Any]) -> str:
    """Return whether each process finds that much on this machine, and if not what to change."""
    import torch

    processes = int(launch.get("num_processes", 1))
    if torch.cuda.is_available() and not recipe.values.get("use_cpu") and not launch.get("use_cpu"):
        device, where, share = torch.device("cuda"), torch.cuda.get_device_name(), 1
        here = torch.cuda.device_count()
        if here < processes:
            return f"does not fit: {processes} GPUs are asked for, here are {here}"
    else:
        device, where, share = torch.device("cpu"), "RAM", processes
    free = free_bytes(device)
    there = f"{free / GB:.1f} GB are free in {where}"
    return f"fits: {there}" if memory.total * share <= free else f"does not fit: {there}; {'; '.join(advice(recipe))}"


def advice(recipe: Recipe) -> list[str]:
    """Return what of a recipe to change where memory runs out, as keys and values, the cheapest first."""
    values = recipe.values
    batch, gathered = values.get("per_device_train_batch_size", 8), values.get("gradient_accumulation_steps", 1)
    found = []
    if not values.get("gradient_checkpointing", True):
        found.append("gradient_checkpointing: true")
    if batch > 1:
        found.append(
            f"per_device_train_batch_size: {batch // 2} with gradient_accumulation_steps: {2 * gathered} (the same step)"
        )
    if values.get("dtype", "float32") not in ("bfloat16", "float16"):
        found.append("dtype: bfloat16")
    if not values.get("use_peft"):
        found.append("use_peft: true (an adapter)")
    elif not values.get("load_in_4bit"):
        found.append("load_in_4bit: true (bitsandbytes)")
    return found or ["max_length: less", "or a smaller model"]


def report(
    model: str, recipe: Recipe, launch: Mapping[str, object] | None = None, longest: int | None = None
) -> list[str]:
    """Return what a training takes and whether it fits, before any weight is loaded; the arguments are those of ``memory_of``.

    Raises:
        UsageError: The model's config cannot be read.
    """
    memory = memory_of(model, recipe, launch, longest)
    *told, together = lines(called(model), memory)
    return [*told, f"{together}  {fit(memory, recipe, launch or {})}"]
