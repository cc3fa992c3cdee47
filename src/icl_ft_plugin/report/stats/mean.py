"""An accuracy, or the difference of two, with the interval of what it claims to be about.

- **Three worlds or more**: new worlds, facts and training runs. Each world gives one number, the mean over its questions
  and runs, and the interval is Student's over these, W - 1 degrees of freedom. That holds whatever makes worlds differ,
  for in a balanced design everything does so through the world's mean.
- **Two worlds**: no interval; with one degree of freedom it would say nothing.
- **One world**: new facts of this world, with these training runs. The unit is the cluster (``grid``), and with fewer than
  ``FEWEST`` in any way no method reaches 95%, so that there is no interval either.

An accuracy's interval is Wilson's at the effective sample size ``mean * (1 - mean) / variance`` (the idea of Korn and
Graubard, Survey Methodology 24, 1998), so it stays between 0 and 1. Three worlds have the same mean now and then by luck, so
their variance is taken to be ``FLOOR`` of what their questions alone would give, at least; where all answers are right, or all
wrong, the bound is the exact binomial one of so many clusters (3.7 / G). One answer to each of independent questions is binomial,
and the interval Wilson's own. ``benchmarks/calibration.py`` tells how often all this is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from icl_ft_plugin.report.stats.grid import Codes, Floats, Grid, variance_of_mean

FEWEST = 8
"""Clusters below which one world has no interval."""
FLOOR = 0.02
"""Least share that the variance between worlds has of what their questions alone would give: three worlds tie by luck."""
NOTHING = 1e-12
TAIL = 0.025
MANY = 10**9
"""Degrees of freedom of a variance that is known."""
TWO_WORLDS = "two worlds give no interval"


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """A mean over worlds, and how sure it is; arrays have the leading axes of the answers.

    Attributes:
        worlds: Number of worlds.
        clusters: Number of clusters in all worlds, by the way that has fewest.
        mean: Mean of the worlds' means.
        variance: Of the mean; NaN where nothing can be said.
        degrees: Its degrees of freedom.
        why: Why nothing can be said; empty where something can.
    """

    worlds: int
    clusters: int
    mean: Floats
    variance: Floats
    degrees: int
    why: str = ""

    @property
    def quantile(self) -> float:
        """Student's quantile of a 95% interval."""
        return float(stdtrit(self.degrees, 1 - TAIL)) if self.degrees else float("nan")


def moments(answers: Sequence[Floats], ways: Sequence[Codes], *, tied: float = FLOOR) -> Moments:
    """Return the mean over worlds and its variance.

    Args:
        answers: Of each world, shape (..., questions).
        ways: Of each world, shape (ways, questions).
        tied: Where all worlds have the same mean, which share of the questions' variance is taken.
    """
    means = np.stack([values.mean(axis=-1) for values in answers], axis=-1)
    mean, count = means.mean(axis=-1), len(answers)
    fewest = [int(codes.max(axis=1).min()) + 1 for codes in ways]
    none = np.full(mean.shape, np.nan)
    if count == 2:
        return Moments(2, sum(fewest), mean, none, 0, TWO_WORLDS)
    if count == 1 and fewest[0] < FEWEST:
        return Moments(1, fewest[0], mean, none, 0, too_few(fewest[0]))
    within = (
        sum((variance_of_mean(*world) for world in zip(answers, ways, strict=True)), np.zeros(mean.shape)) / count**2
    )
    if count == 1:
        return Moments(1, fewest[0], mean, within, fewest[0] - 1)
    between = means.var(axis=-1, ddof=1) / count
    share = np.where(between > NOTHING, FLOOR, tied)
    return Moments(count, sum(fewest), mean, np.maximum(between, share * within), count - 1)


def beside(found: Moments, worlds: int) -> Moments:
    """Return what can be said of an arm, or a pair, that stands in one table with others of so many worlds.

    With one world or two beside three or more there is no interval: it would be about other things than theirs.
    """
    if found.worlds > 2 or worlds < 3:
        return found
    some = f"{found.worlds} of {worlds} worlds, too few for an interval"
    return replace(found, variance=np.full(found.mean.shape, np.nan), degrees=0, why=some)


def too_few(clusters: int) -> str:
    """Say why a world has no interval."""
    return f"{clusters} {'cluster' if clusters == 1 else 'clusters'} of questions in one world: too few for an interval"


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """An accuracy with its 95% interval; arrays have the leading axes of the answers.

    Attributes:
        moments: What it was computed from.
        low: Lower end, 0 to 1; NaN where there is no interval.
        high: Upper end.
    """

    moments: Moments
    low: Floats
    high: Floats

    @property
    def mean(self) -> Floats:
        """The accuracy, 0 to 1."""
        return self.moments.mean

    @property
    def tested(self) -> bool:
        """Whether it says something about other worlds, so that it can be tested."""
        return self.moments.worlds > 2

    def beside(self, worlds: int) -> Mean:
        """Return it as one of a table of so many worlds (``beside``)."""
        found = beside(self.moments, worlds)
        none = np.full(self.mean.shape, np.nan)
        return self if found is self.moments else Mean(found, none, none)

    def p_above(self, level: float) -> Floats:
        """Return the one-sided p-value of "the true accuracy is above ``level``", by the score test that the interval inverts.

        Args:
            level: Accuracy to exceed, above 0 and below 1; ``1 - p_above`` is the p-value of "below".
        """
        found, mean = self.moments, self.mean
        spread = mean * (1 - mean)
        error = np.sqrt(level * (1 - level) * found.variance / np.where(spread > NOTHING, spread, np.nan))
        inside = stdtr(found.degrees, (level - mean) / np.where(error > 0, error, np.nan))
        # All right: as likely as that many clusters are all right at this level. All wrong: likewise.
        ends = np.where(mean > 0.5, level**found.clusters, 1 - (1 - level) ** found.clusters)
        p: Floats = np.where(spread > NOTHING, inside, np.where(np.isnan(found.variance), np.nan, ends))
        return p

    def against(self, chance: float) -> Floats:
        """Return 1, -1 or 0: above, below or at chance; 0 also where nothing is tested."""
        sign: Floats = (self.low > chance).astype(float) - (self.high < chance).astype(float)
        return sign if self.tested else 0 * sign


def accuracy(grids: Sequence[Grid]) -> Mean:
    """Estimate an accuracy from the worlds that an arm was asked about."""
    found = moments([grid.answers for grid in grids], [grid.ways for grid in grids])
    if found.worlds == 1 and found.degrees and grids[0].values.shape[-2:] == (found.clusters, 1):
        spread = found.mean * (1 - found.mean)
        found = replace(found, variance=spread / found.clusters, degrees=MANY)
    low, high = _wilson(found)
    return Mean(found, low, high)


def within(grids: Sequence[Grid]) -> tuple[Floats, Floats]:
    """Return the interval of an accuracy for these worlds and training runs alone, over new facts; NaN where there is none."""
    fewest = sum(grid.clusters for grid in grids)
    mean = np.mean([grid.answers.mean(axis=-1) for grid in grids], axis=0)
    if fewest < FEWEST:
        return np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    variance = np.sum([variance_of_mean(grid.answers, grid.ways) for grid in grids], axis=0) / len(grids) ** 2
    return _wilson(Moments(len(grids), fewest, mean, variance, fewest - len(grids)))


def _wilson(found: Moments) -> tuple[Floats, Floats]:
    mean, spread = found.mean, found.mean * (1 - found.mean)
    shrink = found.quantile**2 * found.variance / np.where(spread > NOTHING, spread, np.nan)
    centre = (mean + shrink / 2) / (1 + shrink)
    half = np.sqrt(shrink * spread + shrink**2 / 4) / (1 + shrink)
    bound = TAIL ** (1 / found.clusters)  # 1 - 3.7 / G
    at_ends = ~(spread > NOTHING) & ~np.isnan(found.variance)
    low = np.where(at_ends, np.where(mean > 0.5, bound, 0.0), centre - half)
    high = np.where(at_ends, np.where(mean > 0.5, 1.0, 1 - bound), centre + half)
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """The accuracy of one arm minus that of another, with its 95% interval.

    Attributes:
        moments: What it was computed from.
        questions: Number of questions both were asked.
        moved: Number of questions on which the arms differ at all.
    """

    moments: Moments
    questions: int
    moved: Floats

    @property
    def mean(self) -> Floats:
        """The difference, -1 to 1."""
        return self.moments.mean

    @property
    def half(self) -> Floats:
        """Half the length of the interval; where all differ alike, up to 3.7 in G clusters might differ otherwise."""
        found = self.moments
        bound = 1 - TAIL ** (1 / found.clusters)
        error = np.sqrt(found.variance)
        half: Floats = np.where(found.variance < NOTHING, bound, found.quantile * error)
        return half

    @property
    def low(self) -> Floats:
        """Lower end; NaN where there is no interval."""
        low: Floats = np.maximum(-1.0, self.mean - self.half)
        return low

    @property
    def high(self) -> Floats:
        """Upper end; NaN where there is no interval."""
        high: Floats = np.minimum(1.0, self.mean + self.half)
        return high

    @property
    def tested(self) -> bool:
        """Whether it says something about other worlds."""
        return self.moments.worlds > 2

    def beside(self, worlds: int) -> Difference:
        """Return it as one of a table of so many worlds (``beside``)."""
        return replace(self, moments=beside(self.moments, worlds))

    def p_above(self, level: float = 0.0) -> Floats:
        """Return the one-sided p-value of "the true difference is above ``level``"."""
        found = self.moments
        beyond = self.mean - level
        error = np.sqrt(np.where(found.variance < NOTHING, np.nan, found.variance))
        p = stdtr(found.degrees, -beyond / error)
        # All differ alike: how likely it is that none of so many clusters shows otherwise.
        alike = np.maximum(0.5, 1 - beyond) ** found.clusters if level else 0.5**self.moved
        p = np.where(found.variance < NOTHING, np.where(beyond > 0, alike, 1.0), p)
        # Student's t believes too much in nearly constant differences; flipping signs cannot give less than this.
        floor = 0.0 if level else 0.5**self.moved
        raised: Floats = np.where(np.isnan(found.variance), np.nan, np.maximum(p, floor))
        return raised

    @property
    def p(self) -> Floats:
        """The two-sided p-value of "no difference"."""
        more, less = self.p_above(), self.reversed().p_above()
        p: Floats = np.where(
            self.mean == 0, np.where(np.isnan(more), np.nan, 1.0), np.minimum(1, 2 * np.minimum(more, less))
        )
        return p

    def reversed(self) -> Difference:
        """Return the second arm minus the first."""
        found = self.moments
        return replace(self, moments=replace(found, mean=-found.mean))


def difference(first: Mapping[int, Grid], second: Mapping[int, Grid]) -> Difference:
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
    apart = [first[world].answers - second[world].answers for world in worlds]
    ways = [first[world].ways for world in worlds]
    moved = np.sum([(np.abs(values) > NOTHING).sum(axis=-1) for values in apart], axis=0)
    # Few questions tell two good arms apart, so that worlds tie often: then all of the questions' variance is taken.
    return Difference(moments(apart, ways, tied=1.0), sum(values.shape[-1] for values in apart), moved)
