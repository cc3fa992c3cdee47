"""The records of these measures, as they stand in ``table.json``; a number that a study cannot give is None."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """An accuracy with its 95% interval.

    Attributes:
        n: Questions, over all worlds.
        accuracy: Mean of the worlds' means.
        low: Lower end.
        high: Upper end.
    """

    n: int
    accuracy: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Apart:
    """A difference, paired by question, with its 95% interval, and why there is none; and the level that it starts from."""

    start: float
    difference: float
    low: float | None
    high: float | None
    why: str


@dataclass(frozen=True, slots=True)
class PartOfFacts:
    """An arm whose corpus has inferences of a part of the facts, on one split.

    Attributes:
        arm: Its name.
        series: Its name without the percent: the arm with all inferences, where one was run.
        percent: Facts with inferences, of a hundred.
        split: The split.
        having: The questions that take facts with inferences alone; None where there is none.
        others: The other questions; None where there is none.
        taught: On the other questions, the arm minus ``ft``: what inferences of some facts do for the rest.
    """

    arm: str
    series: str
    percent: int
    split: str
    having: Level | None
    others: Level | None
    taught: Apart | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A trained arm on something that it was asked before its training, too.

    Attributes:
        arm: Its name.
        task: ``"reading"``, or a task of lm-eval.
        questions: Over all worlds.
        worlds: Worlds that were learned.
        chance: What a uniform guesser gets; None where it is not known.
        before: Accuracy of the base model.
        after: Accuracy after the training.
        change: After minus before, paired by question.
    """

    arm: str
    task: str
    questions: int
    worlds: int
    chance: float | None
    before: float
    after: float
    change: Apart


@dataclass(frozen=True, slots=True)
class Matched:
    """A trained arm on one split, at the step where it first reaches a level on the split that tells what was learned.

    Attributes:
        arm: Its name.
        split: The split.
        level: The accuracy that it reaches on the other split.
        runs: Training runs with a learning curve, over all worlds.
        reached: Of them, those that reach the level; all else is about these.
        step: Mean of the worlds' means; None where no run reaches it.
        accuracy: Likewise.
        than: The arm minus ``ft``, over the worlds where both reach it; None for ``ft``, or where there are none.
    """

    arm: str
    split: str
    level: float
    runs: int
    reached: int
    step: float | None
    accuracy: float | None
    than: Apart | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """An accuracy by pointwise mutual information, with the ends of its 95% interval."""

    accuracy: float
    low: float | None
    high: float | None
