"""How likely a study is to tell what it claims, before it is run, and how many worlds and runs that takes.

For example 3 worlds of 20 facts, 2 training runs, arms whose accuracies differ by 5 points between worlds and 5 between runs: a
difference of 40 points is found in 83 of 100 such studies (answers with a standard deviation of 0.45), and four times in five one
of 38.

The test is Student's over the worlds' differences, W - 1 degrees of freedom (``mean``), so its power is that of the noncentral t
distribution. The variance of a world's difference is made of what worlds, runs and questions contribute for each of the two arms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import nan, sqrt

from scipy.special import nctdtr, nctdtrinc, stdtrit

LEVEL, POWER = 0.05, 0.8
MOST_WORLDS, MOST_RUNS = 40, 10


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the accuracy of one arm varies; standard deviations as shares.

    Attributes:
        world: Between worlds, beyond what moves both arms alike.
        run: Between runs on one world; 0 for an arm that is not trained and not asked in several orders.
        item: Of a single answer, between questions of a world.
        source: Where the numbers are from.
    """

    world: float
    run: float
    item: float
    source: str

    def variance(self, runs: int, questions: int) -> float:
        """Return the variance of the accuracy of a world, over ``runs`` training runs and so many independent questions."""
        return self.world**2 + self.run**2 / runs + self.item**2 / questions


@dataclass(frozen=True, slots=True)
class Size:
    """How large a study is.

    Attributes:
        worlds: Its worlds.
        runs: Training runs of each trained arm in each of them.
        questions: Independent questions (facts) of a world.
    """

    worlds: int
    runs: int
    questions: int


def standard_error(first: Spread, second: Spread | None, size: Size) -> float:
    """Return the standard error of an arm's accuracy, or of the difference of two arms."""
    variance = first.variance(size.runs, size.questions)
    variance += second.variance(size.runs, size.questions) if second else 0.0
    return sqrt(variance / size.worlds)


def power(effect: float, error: float, worlds: int, *, level: float = LEVEL) -> float:
    """Return the probability that a one-sided test tells a true effect; NaN with fewer than three worlds, which test nothing.

    Args:
        effect: How far the truth is from what the test must exclude, as a share.
        error: Standard error of the estimate.
        worlds: Number of worlds.
        level: Of the test.
    """
    if worlds < 3:
        return nan
    critical = float(stdtrit(worlds - 1, 1 - level))
    return (
        1.0 if error <= 0 < effect else float(1 - nctdtr(worlds - 1, effect / error, critical)) if error > 0 else level
    )


def detectable(error: float, degrees: int, *, level: float = LEVEL / 2, chance: float = POWER) -> float:
    """Return the smallest true effect that a test finds with the given probability.

    Args:
        error: Standard error of the effect.
        degrees: Its degrees of freedom.
        level: Of the one-sided test; half of the level of a two-sided one, whose other tail does not matter here.
        chance: The probability.
    """
    return float(nctdtrinc(degrees, 1 - chance, stdtrit(degrees, 1 - level))) * error


def needed(
    effect: float, first: Spread, second: Spread | None, questions: int, *, chance: float = POWER, level: float = LEVEL
) -> Size | None:
    """Return the smallest study that tells an effect with the given probability: fewest trained worlds x runs, then fewest worlds.

    Returns:
        None where not even ``MOST_WORLDS`` worlds of ``MOST_RUNS`` runs do.
    """
    for size in sorted(_sizes(questions), key=lambda size: (size.worlds * size.runs, size.worlds)):
        if power(effect, standard_error(first, second, size), size.worlds, level=level) >= chance:
            return size
    return None


def _sizes(questions: int) -> Iterator[Size]:
    for worlds, runs in product(range(3, MOST_WORLDS + 1), range(1, MOST_RUNS + 1)):
        yield Size(worlds, runs, questions)
