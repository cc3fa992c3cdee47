"""Accuracy with an interval that knows which items hang together.

Three training seeds asked about the same two facts are six items but two clusters::

    >>> estimate = clustered_accuracy([1, 1, 0, 0, 0, 0], ["f0", "f0", "f0", "f1", "f1", "f1"])
    >>> estimate.n, estimate.clusters, round(estimate.mean, 2), round(estimate.standard_error, 2)
    (6, 2, 0.33, 0.33)

The standard error is the cluster-robust one of a mean (the sandwich estimator with the factor G/(G-1), as
``statsmodels`` computes for a regression on a constant). The interval is Wilson's at the effective sample size
``mean * (1 - mean) / standard_error**2`` with Student's t at G - 1 degrees of freedom (the idea of Korn and Graubard,
Survey Methodology 24, 1998): unlike mean +- 2 SE it stays inside [0, 1] and does not shrink to a point at 0% or 100%.

``spread.widened`` adds to it what other training runs and other worlds would change.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over clustered items.

    Attributes:
        n: Number of items.
        clusters: Number of clusters.
        mean: Mean of the items, 0 to 1.
        standard_error: Cluster-robust; NaN with fewer than two clusters.
        low: Lower end of the interval, 0 to 1.
        high: Upper end of the interval, 0 to 1.
        size: Number of independent items that would give this standard error.
        degrees: Degrees of freedom of the standard error.
        extra: Variance of the mean beyond that between clusters.
    """

    n: int
    clusters: int
    mean: float
    standard_error: float
    low: float
    high: float
    size: float
    degrees: float
    extra: float = 0.0

    def against(self, chance: float) -> str:
        """Say ``"above"``, ``"below"`` or ``"at"`` chance: at, where the interval holds the chance level."""
        if self.low > chance:
            return "above"
        return "below" if self.high < chance else "at"

    def p_above(self, level: float) -> float:
        """Return the one-sided p-value for "the true mean is above ``level``": a score test, which the clustered interval inverts.

        Args:
            level: Accuracy to exceed, 0 to 1; ``1 - p_above`` is the p-value for "below".
        """
        if not 0 < level < 1 or self.clusters < 2:
            return nan
        error = sqrt(level * (1 - level) / self.size + self.extra)
        return float(stdtr(self.degrees, -(self.mean - level) / error))


def clustered_accuracy(correct: Sequence[float], clusters: Sequence[Hashable], *, confidence: float = 0.95) -> Estimate:
    """Estimate an accuracy and its interval from items that are independent only between clusters.

    Args:
        correct: One number from 0 to 1 per item.
        clusters: The cluster of each item, e.g. ``(world, fact)``; same length.
        confidence: Coverage of the interval.

    Returns:
        The estimate; with one cluster nothing can be said and the interval is [0, 1].

    Raises:
        ValueError: There are no items, or the lengths differ.
    """
    if not len(correct) or len(correct) != len(clusters):
        raise ValueError(f"{len(correct)} items and {len(clusters)} cluster ids: need as many, and at least one")
    codes: dict[Hashable, int] = {}
    index = np.array([codes.setdefault(cluster, len(codes)) for cluster in clusters])
    values = np.asarray(correct, dtype=float)
    n, g, mean = len(values), len(codes), float(values.mean())
    if g < 2:
        return Estimate(n, g, mean, nan, 0.0, 1.0, 1.0, 0.0)
    return _estimate(n, g, mean, sqrt(clustered_variance(values, index)), g - 1, confidence)


def clustered_variance(values: np.ndarray, clusters: np.ndarray) -> float:
    """Return the cluster-robust variance of the mean of ``values``.

    Args:
        values: One number per item.
        clusters: Cluster of each item, as whole numbers from 0 on without gaps; at least two clusters.
    """
    sums = np.bincount(clusters, weights=values - values.mean())
    return float(len(sums) / (len(sums) - 1) * (sums @ sums)) / len(values) ** 2


def _estimate(n: int, clusters: int, mean: float, error: float, degrees: float, confidence: float) -> Estimate:
    # All right or all wrong: no spread to estimate from, so count each cluster once. Nor may luck make more than n.
    size = float(clusters) if error < 1e-12 else max(1e-9, min(mean * (1 - mean) / error**2, float(n)))
    quantile = float(stdtrit(degrees, (1 + confidence) / 2))
    shrink = quantile**2 / size
    centre = (mean + shrink / 2) / (1 + shrink)
    half = quantile / (1 + shrink) * sqrt(mean * (1 - mean) / size + shrink / (4 * size))
    # The mean is always inside; at 0 and 1 rounding would say otherwise.
    low, high = max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
    return Estimate(n, clusters, mean, error, low, high, size, degrees)
