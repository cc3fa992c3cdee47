"""One world's answers, and the variance of their mean where questions share premises, options or rules.

Two questions about one fact, two about another, three training runs::

    Grid(values=[[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]], ways=[[0, 0, 1, 1]])

A way is one partition of the questions: by first premise, by last premise, by block, by set of rules. Where there are
several, the variance is that of Cameron, Gelbach and Miller (Journal of Business & Economic Statistics 29, 2011): the sum
over all sets of ways of the variance clustered by their intersection, with alternating signs; where that is not above 0, the largest of
the single ways. All arrays may have leading axes, so that a thousand simulated studies go through at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The answers to one world's questions.

    Attributes:
        values: 1 where right, by question and training run; shape (..., questions, runs).
        ways: The cluster of each question, as whole numbers from 0 on without gaps; shape (ways, questions).
    """

    values: Floats
    ways: Codes

    @property
    def answers(self) -> Floats:
        """Mean over runs, shape (..., questions)."""
        means: Floats = self.values.mean(axis=-1)
        return means

    @property
    def clusters(self) -> int:
        """The number of clusters of the way that has fewest."""
        return int(self.ways.max(axis=1).min()) + 1


def partitions(keys: Sequence[Sequence[object]]) -> Codes:
    """Return ways from the names of clusters, without those that another way holds in coarser pieces.

    Args:
        keys: Of each way, the cluster of each question.
    """
    coded = [np.unique([str(key) for key in way], return_inverse=True)[1] for way in keys]
    coded.sort(key=lambda codes: int(codes.max()))  # the coarsest first
    kept: list[Codes] = []
    for codes in coded:
        if not any(_within(codes, coarse) for coarse in kept):
            kept.append(codes)
    return np.array(kept)


def _within(fine: Codes, coarse: Codes) -> bool:
    """Say whether each cluster of one way lies in a single cluster of the other."""
    return len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == int(fine.max()) + 1


def variance_of_mean(values: Floats, ways: Codes) -> Floats:
    """Return the variance of the mean of one world's answers, over questions of the kind.

    Args:
        values: Shape (..., questions).
        ways: Shape (ways, questions).
    """
    deviations = values - values.mean(axis=-1, keepdims=True)
    single = [_clustered(deviations, way) for way in ways]
    total = sum(single, np.zeros(values.shape[:-1]))
    for size in range(2, len(ways) + 1):
        for several in combinations(ways, size):
            shared = np.unique(np.array(several), axis=1, return_inverse=True)[1].ravel()
            total = total + (-1) ** (size + 1) * _clustered(deviations, shared)
    variance: Floats = np.where(total > 0, total, np.max(single, axis=0))
    return variance


def _clustered(deviations: Floats, codes: Codes) -> Floats:
    count = int(codes.max()) + 1
    if count < 2:
        return np.zeros(deviations.shape[:-1])
    sums = deviations @ (codes[:, None] == np.arange(count))
    variance: Floats = count / (count - 1) * (sums**2).sum(axis=-1) / deviations.shape[-1] ** 2
    return variance
