"""Where the differences between answers come from: the world, the training run, or the item.

One arm on one split of two worlds, three training seeds each, is two grids of 0 and 1 (questions by seeds)::

    Grid(facts=[0, 0, 1, 1], values=[[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]])

The estimator is the method of moments of the random-effects analysis of variance (answer = world + training run within
the world + question within the world + rest): each mean square minus what the noise below it contributes. The noise of
a mean over questions is clustered by fact. Estimates below zero are set to zero. A training seed of one world and the
same seed of another world are different runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from icl_ft_plugin.report.stats.accuracy import Estimate, clustered_variance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The answers to one world's questions.

    Attributes:
        facts: Cluster of each question, whole numbers from 0 on without gaps; shape (questions,).
        values: 1 where right, by training run; shape (questions, runs).
    """

    facts: NDArray[np.intp]
    values: Floats

    @property
    def mean_answers(self) -> Floats:
        """Mean over runs, shape (questions,)."""
        means: Floats = self.values.mean(axis=1)
        return means


@dataclass(frozen=True, slots=True)
class Part:
    """A variance component.

    Attributes:
        value: The estimate, at least 0.
        raw: The mean square it was computed from, before the noise was subtracted.
        degrees: Degrees of freedom of the mean square; 0 where nothing can be estimated.
    """

    value: float
    raw: float
    degrees: int


NOTHING = Part(0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of a single answer by source; None where the design cannot tell.

    Attributes:
        world: Between worlds.
        seed: Between training runs on one world.
        item: Between questions of one world, the same for all runs; with one run it holds the rest, too.
        rest: Of one question between runs, beyond what moves all questions of the run.
    """

    world: float | None
    seed: float | None
    item: float
    rest: float | None


def split_variance(grids: Sequence[Grid]) -> Spread:
    """Split the variance of an arm's answers on one split into its sources."""
    seeds, worlds = seed_part(grids), world_part(grids)
    several = [grid for grid in grids if grid.values.shape[1] > 1]
    weights = np.array([len(grid.facts) - 1 for grid in grids], dtype=float)
    rest_of = {id(grid): _rest(grid) for grid in several}
    rest = float(np.mean(list(rest_of.values()))) if several else None
    between = [
        (grid.mean_answers.var(ddof=1) if len(grid.facts) > 1 else 0.0)
        - rest_of.get(id(grid), 0.0) / grid.values.shape[1]
        for grid in grids
    ]
    item = max(0.0, float(weights @ np.array(between) / weights.sum())) if weights.sum() else 0.0
    return Spread(
        worlds.value if worlds.degrees else None,
        seeds.value if seeds.degrees else None,
        item,
        rest,
    )


def _rest(grid: Grid) -> float:
    """Return the mean square of question x run."""
    q, s = grid.values.shape
    return float(np.square(_interaction(grid)).sum() / max(1, (q - 1) * (s - 1)))


def _interaction(grid: Grid) -> Floats:
    y = grid.values
    left: Floats = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0, keepdims=True) + y.mean()
    return left


def seed_part(grids: Sequence[Grid]) -> Part:
    """Return the variance between training runs, of the accuracy of one run over all questions."""
    raw = noise = 0.0
    degrees = 0
    for grid in grids:
        q, s = grid.values.shape
        g = int(grid.facts.max()) + 1
        if s < 2 or g < 2:
            continue
        sums = np.zeros((g, s))
        np.add.at(sums, grid.facts, _interaction(grid))
        raw += (s - 1) * float(grid.values.mean(axis=0).var(ddof=1))
        # The mean over runs of the clustered variance of the interaction, with the run's degree of freedom given back.
        noise += (s - 1) * g / (g - 1) * float((sums**2).sum()) / q**2 / (s - 1)
        degrees += s - 1
    if not degrees:
        return NOTHING
    return Part(max(0.0, (raw - noise) / degrees), raw / degrees, degrees)


def world_part(grids: Sequence[Grid]) -> Part:
    """Return the variance between worlds, of the mean over all questions and runs of a world."""
    usable = [grid for grid in grids if grid.facts.max() > 0]
    if len(usable) < 2:
        return NOTHING
    seeds = seed_part(grids).value
    noise = [
        clustered_variance(grid.mean_answers, grid.facts) + seeds / grid.values.shape[1] * (grid.values.shape[1] > 1)
        for grid in usable
    ]
    raw = float(np.var([grid.values.mean() for grid in usable], ddof=1))
    return Part(max(0.0, raw - float(np.mean(noise))), raw, len(usable) - 1)


def extra_variance(grids: Sequence[Grid], weights: Floats) -> list[Part]:
    """Return what training runs and worlds add to the variance of a weighted mean of the worlds' means.

    Args:
        grids: One per world.
        weights: Share of each world in the mean; they sum to 1.
    """
    runs = np.array([grid.values.shape[1] for grid in grids])
    return [
        _scaled(seed_part(grids), float((weights**2 / runs).sum())),
        _scaled(world_part(grids), float((weights**2).sum())),
    ]


def _scaled(part: Part, factor: float) -> Part:
    return Part(part.value * factor, part.raw * factor, part.degrees)


def satterthwaite(variance: float, degrees: float, extra: Sequence[Part]) -> tuple[float, float]:
    """Return the sum of a clustered variance and further parts, and its degrees of freedom (Satterthwaite 1946).

    Args:
        variance: Clustered by fact.
        degrees: Clusters - 1.
        extra: Parts to add.
    """
    added = [part for part in extra if part.value > 0]
    total = variance + sum(part.value for part in added)
    if not added:
        return total, degrees
    # A part is a mean square minus noise that is known far better, so the mean square alone has its uncertainty.
    uncertain = variance**2 / degrees + sum(part.raw**2 / part.degrees for part in added)
    return total, max(1.0, total**2 / uncertain)


def widened(estimate: Estimate, grids: Sequence[Grid]) -> Estimate:
    """Return an accuracy with an interval that allows for other training runs and other worlds, where there are several.

    The ends are combined by the method of variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008):
    each end's distance from the mean is the root of the sum of the squared distances of the parts.

    Args:
        estimate: Over all answers in ``grids``, clustered by fact.
        grids: One per world.
    """
    sizes = np.array([grid.values.size for grid in grids], dtype=float)
    parts = [part for part in extra_variance(grids, sizes / sizes.sum()) if part.value > 0]
    if estimate.clusters < 2 or not parts:
        return estimate
    further = sum(float(stdtrit(part.degrees, 0.975)) ** 2 * part.value for part in parts)
    _, degrees = satterthwaite(estimate.standard_error**2, estimate.degrees, parts)
    return replace(
        estimate,
        low=max(0.0, estimate.mean - sqrt((estimate.mean - estimate.low) ** 2 + further)),
        high=min(1.0, estimate.mean + sqrt((estimate.high - estimate.mean) ** 2 + further)),
        degrees=degrees,
        extra=sum(part.value for part in parts),
    )
