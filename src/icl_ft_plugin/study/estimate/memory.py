"""What the trainings of a study take of a device's memory, a line for each model and way of training that differ."""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.schema import canonical_json
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.progress.show import aligned

HEADER = ("GB of a training", "weights", "gradients", "optimizer", "activations", "together")


def memory_lines(cells: Sequence[Cell]) -> list[str]:
    """Return a table of the memory that trainings take, and whether it is there; nothing where none is trained.

    Raises:
        UsageError: A model's config cannot be read.
    """
    trained = [cell for cell in cells if cell.training and cell.arm.method == "finetune"]
    if not trained:
        return []
    from icl_ft_plugin.training.recipes.fit import GB, fit
    from icl_ft_plugin.training.recipes.memory import memory_of

    rows: list[tuple[str, ...]] = [HEADER]
    ends, seen = [""], set()
    for cell in trained:
        assert cell.training
        recipe, launch = cell.training.recipe, cell.training.launch
        key = canonical_json([cell.model.hash, dict(recipe.values), dict(launch)])
        if key in seen or recipe.values.get("deepspeed"):
            continue
        seen.add(key)
        memory = memory_of(str(cell.model.checkpoint), recipe, launch)
        sizes = (memory.weights, memory.gradients, memory.optimizer, memory.activations, memory.total)
        label = f"{cell.labels.model}, {cell.labels.worlds}, {recipe.path.parent.name}/{recipe.path.stem}"
        rows.append((label, *(f"{size / GB:,.2f}" for size in sizes)))
        ends.append(f"  {memory.what['activations']}: {fit(memory, recipe, launch)}")
    return ["", *(line + end for line, end in zip(aligned(rows), ends, strict=True))]
