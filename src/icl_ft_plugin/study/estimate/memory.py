"""What the trainings of a study take of a device's memory, a line for each model and way of training that differ."""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.schema import canonical_json
from icl_ft_plugin.study.estimate.cost import Cost
from icl_ft_plugin.study.progress.show import aligned

HEADER = ("GB of a training", "weights", "gradients", "optimizer", "activations", "together")


def memory_lines(costs: Sequence[Cost]) -> list[str]:
    """Return a table of the memory that trainings take, and whether it is there; nothing where none is trained.

    Args:
        costs: Of the study's cells; those that differ in their rows alone are one line, of the longest row.

    Raises:
        UsageError: A model's config cannot be read.
    """
    trained = [cost for cost in costs if cost.cell.training and cost.cell.arm.method == "finetune"]
    if not trained:
        return []
    from icl_ft_plugin.training.recipes.fit import GB, fit
    from icl_ft_plugin.training.recipes.memory import memory_of

    rows: list[tuple[str, ...]] = [HEADER]
    ends = [""]
    alike: dict[str, list[Cost]] = {}
    for cost in trained:
        training = cost.cell.training
        if training and not training.recipe.values.get("deepspeed"):
            key = canonical_json([cost.cell.model.hash, dict(training.recipe.values), dict(training.launch)])
            alike.setdefault(key, []).append(cost)
    for group in alike.values():
        cell, longest = group[0].cell, max(cost.longest for cost in group)
        assert cell.training
        recipe, launch = cell.training.recipe, cell.training.launch
        memory = memory_of(str(cell.model.checkpoint), recipe, launch, longest)
        sizes = (memory.weights, memory.gradients, memory.optimizer, memory.activations, memory.total)
        label = f"{cell.labels.model}, {cell.labels.worlds}, {recipe.path.parent.name}/{recipe.path.stem}"
        rows.append((label, *(f"{size / GB:,.2f}" for size in sizes)))
        about = ", estimated" if any(cost.estimated for cost in group) else ""
        ends.append(f"  {memory.what['activations']}{about}: {fit(memory, recipe, launch)}")
    return ["", *(line + end for line, end in zip(aligned(rows), ends, strict=True))]
