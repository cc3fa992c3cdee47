"""Where the differences between answers come from: the world, the training run, or the item.

For example ``Components(world=0.004, run=0.0025, item=0.13, rest=0.09)``: worlds differ by 6 points, runs by 5.

The estimator is the method of moments of the random-effects analysis of variance (answer = world + training run within
the world + question within the world + rest): each mean square minus what the noise below it contributes, the noise of a mean
clustered as ``grid`` says. Estimates below zero are set to zero. A training seed of one world and the same seed of another
world are different runs. A study's intervals do not need them; its power does (``power``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl_ft_plugin.report.stats.grid import Floats, Grid, variance_of_mean


@dataclass(frozen=True, slots=True)
class Components:
    """Variance of a single answer by source; None where the design cannot tell.

    Attributes:
        world: Between worlds.
        run: Between training runs on one world.
        item: Between questions of one world, the same for all runs; with one run it holds the rest, too.
        rest: Of one question between runs, beyond what moves all questions of the run.
    """

    world: float | None
    run: float | None
    item: float
    rest: float | None


def split_variance(grids: Sequence[Grid]) -> Components:
    """Split the variance of an arm's answers on one split into its sources.

    Args:
        grids: One per world, of a single study: no leading axes.
    """
    run = _between_runs(grids)
    several = [grid for grid in grids if grid.values.shape[1] > 1]
    rests = {id(grid): _rest(grid) for grid in several}
    weights = np.array([len(grid.values) - 1 for grid in grids], dtype=float)
    between = [
        (grid.answers.var(ddof=1) if len(grid.values) > 1 else 0.0) - rests.get(id(grid), 0.0) / grid.values.shape[1]
        for grid in grids
    ]
    item = max(0.0, float(weights @ np.array(between) / weights.sum())) if weights.sum() else 0.0
    return Components(
        _between_worlds(grids, run or 0.0), run, item, float(np.mean(list(rests.values()))) if several else None
    )


def _rest(grid: Grid) -> float:
    """Return the mean square of question x run."""
    q, r = grid.values.shape
    return float(np.square(_interaction(grid)).sum() / max(1, (q - 1) * (r - 1)))


def _interaction(grid: Grid) -> Floats:
    y = grid.values
    left: Floats = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0, keepdims=True) + y.mean()
    return left


def _between_runs(grids: Sequence[Grid]) -> float | None:
    """Return the variance between training runs, of the accuracy of one run over all questions."""
    found = degrees = 0.0
    for grid in grids:
        runs = grid.values.shape[1]
        if runs < 2 or grid.clusters < 2:
            continue
        # The clustered variance of the interaction's mean over questions, with the run's degree of freedom given back.
        noise = variance_of_mean(_interaction(grid).T, grid.ways).sum() / (runs - 1)
        found += (runs - 1) * (float(grid.values.mean(axis=0).var(ddof=1)) - float(noise))
        degrees += runs - 1
    return max(0.0, found / degrees) if degrees else None


def _between_worlds(grids: Sequence[Grid], run: float) -> float | None:
    """Return the variance between worlds, of the mean over all questions and runs of a world."""
    if len(grids) < 2:
        return None
    noise = [
        float(variance_of_mean(grid.answers, grid.ways)) + run / grid.values.shape[1] * (grid.values.shape[1] > 1)
        for grid in grids
    ]
    return max(0.0, float(np.var([grid.values.mean() for grid in grids], ddof=1)) - float(np.mean(noise)))
