"""Accuracy with an interval that knows which items hang together.

Three training seeds asked about the same two facts are six items but two clusters::

    >>> estimate = clustered_accuracy([1, 1, 0, 0, 0, 0], ["f0", "f0", "f0", "f1", "f1", "f1"])
    >>> estimate.n, estimate.clusters, round(estimate.mean, 2), round(estimate.standard_error, 2)
    (6, 2, 0.33, 0.33)

The standard error is the cluster-robust one of a mean (the sandwich estimator with the factor G/(G-1), as
``statsmodels`` computes for a regression on a constant). The interval is Wilson's at the effective sample size
``mean * (1 - mean) / standard_error**2`` with Student's t at G - 1 degrees of freedom (the idea of Korn and Graubard,
Survey Methodology 24, 1998): unlike mean +- 2 SE it stays inside [0, 1] and does not shrink to a point at 0% or 100%.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt


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
    """

    n: int
    clusters: int
    mean: float
    standard_error: float
    low: float
    high: float

    def against(self, chance: float) -> str:
        """Say ``"above"``, ``"below"`` or ``"at"`` chance: at, where the interval holds the chance level."""
        if self.low > chance:
            return "above"
        return "below" if self.high < chance else "at"


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
    if not correct or len(correct) != len(clusters):
        raise ValueError(f"{len(correct)} items and {len(clusters)} cluster ids: need as many, and at least one")
    n = len(correct)
    mean = sum(correct) / n
    residuals: dict[Hashable, float] = defaultdict(float)
    for value, cluster in zip(correct, clusters, strict=True):
        residuals[cluster] += value - mean
    g = len(residuals)
    if g < 2:
        return Estimate(n, g, mean, float("nan"), 0.0, 1.0)
    error = sqrt(g / (g - 1) * sum(r * r for r in residuals.values())) / n
    low, high = _wilson(mean, _effective_size(mean, error, n, g), _student(g - 1, confidence))
    return Estimate(n, g, mean, error, low, high)


def _effective_size(mean: float, error: float, n: int, clusters: int) -> float:
    """Return the number of independent items that would give this standard error."""
    # All right or all wrong: no spread to estimate from, so count each cluster once. Nor may luck make more than n.
    return float(clusters) if error < 1e-12 else min(mean * (1 - mean) / error**2, float(n))


def _wilson(mean: float, size: float, quantile: float) -> tuple[float, float]:
    shrink = quantile**2 / size
    centre = (mean + shrink / 2) / (1 + shrink)
    half = quantile / (1 + shrink) * sqrt(mean * (1 - mean) / size + shrink / (4 * size))
    # The mean is always inside; at 0 and 1 rounding would say otherwise.
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))


def _student(degrees: int, confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))
