"""What a planned study will be able to tell: ``icl-ft study demo --dry-run`` says it, and ``--power 0.8 --effect 10`` what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from icl_ft_plugin.report.forecast import Planned, Spreads, forecast, notes, plan_entry, sizes_needed
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.progress.show import aligned


def planned(cells: Sequence[Cell]) -> list[Planned]:
    """Return what a study plans, by model and entry of worlds."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        hyper = f", {cell.labels.hyperparameters}" if cell.labels.hyperparameters else ""
        groups.setdefault(f"{cell.labels.model}, {cell.labels.worlds}{hyper}", []).append(cell)
    return [_entry(name, group) for name, group in groups.items()]


def _entry(name: str, cells: Sequence[Cell]) -> Planned:
    worlds = {cell.labels.world_seed: cell.world for cell in cells}
    return plan_entry(
        name,
        cells[0].labels.family,
        [world.make() for world in worlds.values()],
        [cell.labels.training_seed for cell in cells],
        [cell.labels.arm for cell in cells],
        [cell.labels.context_seed for cell in cells if cell.training is None],
    )


def power_lines(cells: Sequence[Cell], folders: Sequence[Path]) -> list[str]:
    """Return the power of every primary claim, aligned for a terminal; nothing where the study has none.

    Args:
        cells: The plan.
        folders: Studies that were run, by which is known how much accuracies vary.
    """
    entries, spreads = planned(cells), Spreads.of(folders)
    rows = forecast(entries, spreads)
    return ["", *aligned(rows), "", *notes(entries, spreads)] if len(rows) > 1 else []


def needed_lines(cells: Sequence[Cell], folders: Sequence[Path], effect: float, chance: float) -> list[str]:
    """Return how many worlds and training runs each primary claim takes, aligned for a terminal.

    Args:
        cells: The plan.
        folders: Studies that were run, by which is known how much accuracies vary.
        effect: The true difference, as a share.
        chance: Wanted power.
    """
    entries, spreads = planned(cells), Spreads.of(folders)
    rows = sizes_needed(entries, spreads, effect, chance)
    if len(rows) == 1:
        return ["The study has no primary claim: its families declare none for these splits and arms."]
    said = f"To tell a true difference of {100 * effect:.0f} points with a probability of {100 * chance:.0f}%:"
    return [said, "", *aligned(rows), "", *notes(entries, spreads)]
