"""The headline: how much of the gap between finetuning and in-context learning an arm closes.

``gap_closed(arm, ft, icl)`` with accuracies 0.9, 0.5 and 1.0 is ``(0.9 - 0.5) / (1.0 - 0.5) = 0.8``: four fifths. It is
undefined where in-context learning does not beat finetuning, and then says why.

The interval is a bootstrap: facts are drawn together for all three arms (a question is paired with itself), and the
training runs' deviations are drawn besides, for each arm by itself, after they were shrunk to the variance between runs
that is left when the noise of the items is taken away (Carpenter, Goldstein and Rasbash, Applied Statistics 52, 2003):
without the shrinking that noise would count twice. Of n facts or runs n - 1 are drawn, which gives the variance of a
mean its right size (Rao and Wu, JASA 83, 1988), and the percentiles are Student's (Hesterberg, American Statistician 69,
2015), which matters with few facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from icl_ft_plugin.report.stats.compare import Comparison, compare
from icl_ft_plugin.report.stats.spread import Grid, seed_part, world_part

REPLICATES = 2000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gap:
    """Share of the gap closed; NaN where it is undefined.

    Attributes:
        closed: 0 is finetuning, 1 in-context learning.
        low: Lower end of the 95% interval; may be infinite.
        high: Upper end of the 95% interval; may be infinite.
        reason: Why it is undefined; empty where it is defined.
    """

    closed: float
    low: float
    high: float
    reason: str = ""


def gap_closed(arm: Mapping[int, Grid], ft: Mapping[int, Grid], icl: Mapping[int, Grid], *, seed: int = 0) -> Gap:
    """Return the share of the gap from ``ft`` to ``icl`` that ``arm`` closes.

    Args:
        arm: World seed to answers.
        ft: Those of plain finetuning.
        icl: Those of in-context learning.
        seed: Of the bootstrap's random numbers.

    Raises:
        ValueError: The arms share no world.
    """
    worlds = [world for world in arm if world in ft and world in icl]
    if not worlds:
        raise ValueError("the three arms share no world")
    three = [[side[world] for world in worlds] for side in (arm, ft, icl)]
    needed = compare(dict(zip(worlds, three[2], strict=True)), dict(zip(worlds, three[1], strict=True)))
    if not needed.low > 0:
        return Gap(nan, nan, nan, _reason(needed))
    means = [np.concatenate([grid.mean_answers for grid in grids]).mean() for grids in three]
    draws = _bootstrap(three, np.random.default_rng(seed))
    gain, room = draws[0] - draws[1], draws[2] - draws[1]
    # A draw in which icl does not beat ft bounds nothing on the side that its gain points to.
    ratios = np.where(room > 1e-12, gain / np.where(room > 1e-12, room, 1.0), np.copysign(np.inf, gain))
    tail = float(ndtr(stdtrit(needed.degrees, 0.025)))
    low, high = np.quantile(ratios, [tail, 1 - tail], method="inverted_cdf")
    if high - low < 1e-12:
        # The arm and icl answer alike on every fact; up to 3 in G might differ otherwise (the rule of three).
        half = 3 / needed.clusters / needed.difference
        low, high = low - half, high + half
    return Gap(float((means[0] - means[1]) / (means[2] - means[1])), float(low), float(high))


def _reason(needed: Comparison) -> str:
    if needed.clusters < 2:
        return "fewer than two facts"
    by = f"icl - ft is {100 * needed.difference:+.1f} points, 95% interval {100 * needed.low:+.1f} to {100 * needed.high:+.1f}"
    return f"icl does not beat ft ({by})" if needed.difference <= 0 else f"icl is not shown to beat ft ({by})"


def _bootstrap(arms: Sequence[Sequence[Grid]], random: np.random.Generator) -> Floats:
    """Return bootstrap means, shape (arms, replicates)."""
    counts, totals = [], []
    for i, grid in enumerate(arms[0]):
        counts.append(np.bincount(grid.facts))
        totals.append([np.bincount(grids[i].facts, weights=grids[i].mean_answers) for grids in arms])
    size = np.concatenate(counts)
    total = np.concatenate(totals, axis=1)
    g = len(size)
    drawn = random.multinomial(g - 1, np.full(g, 1 / g), size=REPLICATES)
    means: Floats = (drawn @ total.T).T / (drawn @ size)
    for row, grids in enumerate(arms):
        means[row] += _run_effects(grids, random)
    return means + _world_effects(arms, random)


def _run_effects(grids: Sequence[Grid], random: np.random.Generator) -> Floats:
    """Return what drawing other training runs adds to the mean, shape (replicates,)."""
    part = seed_part(grids)
    effects = np.zeros(REPLICATES)
    if part.value <= 0:
        return effects
    shrink = sqrt(part.value / part.raw)
    questions = sum(len(grid.facts) for grid in grids)
    for grid in grids:
        runs = grid.values.shape[1]
        if runs > 1:
            deviations = grid.values.mean(axis=0) - grid.values.mean()
            drawn = deviations[random.integers(runs, size=(REPLICATES, runs - 1))].mean(axis=1)
            effects += shrink * drawn * len(grid.facts) / questions
    return effects


def _world_effects(arms: Sequence[Sequence[Grid]], random: np.random.Generator) -> Floats:
    """Return what drawing other worlds, the same for all arms, adds to the means, shape (arms, replicates)."""
    worlds = len(arms[0])
    effects = np.zeros((len(arms), REPLICATES))
    if worlds < 2:
        return effects
    drawn = random.integers(worlds, size=(REPLICATES, worlds - 1))
    for row, grids in enumerate(arms):
        part = world_part(grids)
        if part.value > 0:
            means = np.array([grid.values.mean() for grid in grids])
            effects[row] = sqrt(part.value / part.raw) * (means - means.mean())[drawn].mean(axis=1)
    return effects
