"""What a fixed taste scores: who ranks the options once and takes the highest of each question, whatever is asked.

For example of three questions whose right answers are marked, no ranking gets more than two right, and none less than one::

    Odan Pell* / Mirela Voss      Odan Pell / Mirela Voss*      Odan Pell* / Ilse Quarn

The best ranking is a linear ordering, which is hard in general: an answer set solver (clingo) proves how many are possible
at most, a local search finds a ranking, and where the two meet the number is exact.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from icl_ft_plugin.families.blocks import whole
from icl_ft_plugin.schema import Question

Asked = tuple[tuple[str, ...], frozenset[str]]  # the options, and those of them that count as right
STARTS = 4
# Conflicts after which the solver stops, fewer of them in a large split; a limit in seconds would not repeat itself.
CONFLICTS, EFFORT = 20_000, 20_000_000
PROGRAM = """
{won(Q, C) : right(Q, C)} 1 :- shown(Q, _).
above(C, D) :- won(Q, C), shown(Q, D), not right(Q, D).
:- above(C, D), above(D, C), C < D.
#edge (C, D) : above(C, D).
#maximize {1, Q : won(Q, _)}.
"""


@dataclass(frozen=True, slots=True)
class Taste:
    """What fixed rankings of the options get right.

    Attributes:
        questions: Number of questions.
        blocked: How many of them stand in whole blocks, of each of which every ranking gets one right.
        fewest: Least and most that it can be that the worst ranking gets right; the second is got by one that was found.
        most: Least and most that it can be that the best ranking gets right; the first is got by one that was found.
    """

    questions: int
    blocked: int
    fewest: tuple[int, int]
    most: tuple[int, int]


def taste(questions: Sequence[Question]) -> Taste:
    """Return what a fixed ranking of the options can score on some questions: exactly, or between two numbers."""
    blocks, rest = whole(questions)
    sets = [(q.choices, frozenset(q.choices[i] for i in q.gold)) for q in rest]
    low, high = _best(sets)
    # Who gets the fewest right is best at getting the others wrong.
    fewer, more = _best([(options, frozenset(options) - right) for options, right in sets])
    sure, n = len(blocks), len(rest)
    blocked = len(questions) - n
    return Taste(len(questions), blocked, (sure + n - more, sure + n - fewer), (sure + low, sure + high))


def by_frequency(questions: Sequence[Question], sign: int) -> Fraction:
    """Return how many are right of who takes the option that most of the questions show (``sign`` 1), or fewest (-1).

    Where several are shown as often, the share of right ones among them counts.
    """
    shown: dict[str, int] = {}
    for q in questions:
        for option in q.choices:
            shown[option] = shown.get(option, 0) + sign
    right = Fraction(0)
    for q in questions:
        most = max(shown[option] for option in q.choices)
        top = {i for i, option in enumerate(q.choices) if shown[option] == most}
        right += Fraction(len(top & set(q.gold)), len(top))
    return right


def _best(asked: Sequence[Asked]) -> tuple[int, int]:
    """Return how many questions the best ranking gets right: at least, as one that was found does, and at most."""
    found, bound = _solve(asked) if asked else (0, 0)
    return (found if found == bound else max(found, _search(asked))), bound


def _solve(asked: Sequence[Asked]) -> tuple[int, int]:
    """Return what a ranking that the solver found gets right (0 for none), and a number that none exceeds."""
    import clingo

    numbers = {
        option: i for i, option in enumerate(dict.fromkeys(option for options, _ in asked for option in options))
    }
    limit = max(100, min(CONFLICTS, EFFORT // sum(len(options) for options, _ in asked)))
    control = clingo.Control(["--warn=none", "--opt-strategy=usc", f"--solve-limit={limit}"])
    control.add("base", [], PROGRAM)
    for q, (options, right) in enumerate(asked):
        facts = [f"shown({q}, {numbers[option]})." for option in options]
        facts += [f"right({q}, {numbers[option]})." for option in right]
        control.add("base", [], "".join(facts))
    control.ground([("base", [])])
    costs: list[int] = []
    control.solve(on_model=lambda model: costs.append(model.cost[0]))
    lower = control.statistics["summary"]["lower"]
    bound = -round(lower[0]) if len(lower) else len(asked)
    return -min(costs, default=0), min(len(asked), bound)


def _search(asked: Sequence[Asked]) -> int:
    """Return what the best of a few rankings gets right, each improved by moving one option until no move helps."""
    of: dict[str, list[Asked]] = {}
    for question in asked:
        for option in question[0]:
            of.setdefault(option, []).append(question)
    rng = random.Random(0)

    def share(option: str) -> float:
        return sum(option in right for _, right in of[option]) / len(of[option])

    starts = [sorted(of, key=share, reverse=True), *(rng.sample(list(of), len(of)) for _ in range(STARTS - 1))]
    return max((_improve(ranking, of, asked) for ranking in starts), default=0)


def _improve(ranking: list[str], of: dict[str, list[Asked]], asked: Iterable[Asked]) -> int:
    moved = True
    while moved:
        moved = False
        for option in list(of):
            before = ranking.index(option)
            ranking.pop(before)
            gains = _gains(option, of[option], {other: place for place, other in enumerate(ranking)})
            best = max(range(len(gains)), key=gains.__getitem__)
            # Only to where it is better: else the search would not end.
            place = best if gains[best] > gains[before] else before
            moved |= place != before
            ranking.insert(place, option)
    place_of: Callable[[str], int] = {option: place for place, option in enumerate(ranking)}.__getitem__
    return sum(min(options, key=place_of) in right for options, right in asked)


def _gains(option: str, asked: Iterable[Asked], place: dict[str, int]) -> list[int]:
    """Return for each place among the others how many questions are right with the option there, but for a constant."""
    steps = [0] * (len(place) + 1)
    for options, right in asked:
        rival = min((other for other in options if other != option), key=place.__getitem__)
        # Up to the rival's place the option stands above it and is taken.
        steps[place[rival] + 1] -= (option in right) - (rival in right)
    gains, total = [], 0
    for step in steps:
        total += step
        gains.append(total)
    return gains
