"""Arms compared on the same questions: paired, clustered by fact, corrected for the number of comparisons.

For example ``compare(icl, ft)`` gives ``Comparison(difference=0.5, low=0.31, high=0.69, p=3e-05, detectable=0.28, ...)``.
A question's difference is its mean over the training runs of one arm minus that of the other; the differences are
averaged, their standard error is clustered by fact, and what other training runs and other worlds would change is
added (``spread``). With one training run nothing is known about others and nothing is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

from icl_ft_plugin.report.stats.accuracy import clustered_variance
from icl_ft_plugin.report.stats.spread import Grid, Part, satterthwaite, seed_part

POWER = 0.8


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two arms.

    Attributes:
        questions: Number of questions both were asked.
        clusters: Number of facts these are about.
        difference: Accuracy of the first minus that of the second, -1 to 1.
        standard_error: Of the difference; 0 where all facts differ alike, NaN with fewer than two facts.
        degrees: Degrees of freedom.
        low: Lower end of the 95% interval.
        high: Upper end of the 95% interval.
        p: Two-sided p-value of "no difference".
        detectable: The smallest true difference that such a study finds at the 5% level in four of five cases; NaN
            where the differences show no spread to tell it from.
        moved: Number of facts on which the arms differ at all.
    """

    questions: int
    clusters: int
    difference: float
    standard_error: float
    degrees: float
    low: float
    high: float
    p: float
    detectable: float
    moved: int

    def p_above(self, level: float = 0.0) -> float:
        """Return the one-sided p-value for "the true difference is above ``level``"."""
        if self.clusters < 2:
            return nan
        if self.standard_error == 0:
            return self._p_alike(level)
        p = float(stdtr(self.degrees, -(self.difference - level) / self.standard_error))
        # Student's t believes too much in nearly constant differences; flipping signs cannot give less than this.
        return max(p, 0.5 ** (self.clusters if level else self.moved))

    def _p_alike(self, level: float) -> float:
        """Return the p-value where all facts differ alike, from how likely it is that none of them shows otherwise."""
        beyond = self.difference - level
        if beyond <= 0:
            return 1.0
        return float(0.5**self.clusters if not level else max(0.5, 1 - beyond) ** self.clusters)

    def reversed(self) -> Comparison:
        """Return the second arm minus the first."""
        return replace(self, difference=-self.difference, low=-self.high, high=-self.low)


def compare(first: Mapping[int, Grid], second: Mapping[int, Grid]) -> Comparison:
    """Compare two arms on the questions of the worlds that both have.

    Args:
        first: World seed to answers.
        second: The same of the other arm; the questions of a world are the same, in the same order.

    Raises:
        ValueError: They share no world.
    """
    worlds = [world for world in first if world in second]
    if not worlds:
        raise ValueError("the two arms share no world")
    pairs = [(first[world], second[world]) for world in worlds]
    differences = [a.mean_answers - b.mean_answers for a, b in pairs]
    values = np.concatenate(differences)
    clusters = _stack([a.facts for a, _ in pairs])
    q, g, mean = len(values), int(clusters.max()) + 1, float(values.mean())
    if g < 2:
        return Comparison(q, g, mean, nan, 0.0, -1.0, 1.0, nan, nan, 0)
    weights = np.array([len(d) for d in differences]) / q
    parts = _extra(pairs, differences, weights)
    variance, degrees = satterthwaite(clustered_variance(values, clusters), g - 1, parts)
    error = sqrt(variance) if variance > 1e-24 else 0.0
    # Where all facts differ alike, up to 3 in G might differ otherwise (the rule of three).
    half = float(stdtrit(degrees, 0.975)) * error if error else 3 / g
    moved = int(np.count_nonzero(np.abs(np.bincount(clusters, weights=values)) > 1e-12))
    found = Comparison(
        questions=q,
        clusters=g,
        difference=mean,
        standard_error=error,
        degrees=degrees,
        low=max(-1.0, mean - half),
        high=min(1.0, mean + half),
        p=nan,
        detectable=minimal_detectable_effect(error, degrees) if error else nan,
        moved=moved,
    )
    return _with_p(found)


def _with_p(found: Comparison) -> Comparison:
    if found.difference == 0:
        return replace(found, p=1.0)
    one_sided = (found if found.difference > 0 else found.reversed()).p_above()
    return replace(found, p=min(1.0, 2 * one_sided))


def _stack(facts: Sequence[np.ndarray]) -> np.ndarray:
    """Number the facts of several worlds without overlap."""
    offsets = np.cumsum([0, *(int(codes.max()) + 1 for codes in facts[:-1])])
    return np.concatenate([codes + offset for codes, offset in zip(facts, offsets, strict=True)])


def _extra(pairs: Sequence[tuple[Grid, Grid]], differences: Sequence[np.ndarray], weights: np.ndarray) -> list[Part]:
    """Return what training runs of either arm, and worlds, add to the variance of the mean difference."""
    parts = []
    noise = np.array(
        [clustered_variance(d, a.facts) if a.facts.max() else 0.0 for d, (a, _) in zip(differences, pairs, strict=True)]
    )
    for side in (0, 1):
        grids = [pair[side] for pair in pairs]
        seeds = seed_part(grids)
        runs = np.array([grid.values.shape[1] for grid in grids])
        share = float((weights**2 / runs).sum())
        parts.append(Part(seeds.value * share, seeds.raw * share, seeds.degrees))
        noise = noise + seeds.value / runs
    if len(pairs) > 1 and all(a.facts.max() > 0 for a, _ in pairs):
        raw = float(np.var([d.mean() for d in differences], ddof=1))
        share = float((weights**2).sum())
        parts.append(Part(max(0.0, raw - float(noise.mean())) * share, raw * share, len(pairs) - 1))
    return parts


def minimal_detectable_effect(
    standard_error: float, degrees: float, *, level: float = 0.05, power: float = POWER
) -> float:
    """Return the smallest true effect that a two-sided test finds with the given power.

    Args:
        standard_error: Of the effect.
        degrees: Its degrees of freedom.
        level: Of the test.
        power: Probability of finding the effect.
    """
    return float(stdtrit(degrees, 1 - level / 2) + stdtrit(degrees, power)) * standard_error


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979); a NaN stays and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p == p)
    corrected = [nan] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        corrected[i] = running
    return corrected
