"""Whether a taste for some choices could answer own questions: their blocks, and what a fixed ranking of choices scores.

For example the first line of the handbook::

    direct: 0 of 20 questions in whole blocks; a fixed taste scores at worst 0.0%, at best 90.0% ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from icl_ft_plugin.families.own.lines import QUESTIONS, Problem
from icl_ft_plugin.families.taste import by_frequency, taste
from icl_ft_plugin.schema import Question


def block_errors(questions: Mapping[int, Question]) -> Iterator[Problem]:
    """Yield what is wrong with the blocks that questions name.

    A block has as many questions as choices, all of one split and with the same choices in any order, and each choice is the
    one right answer of one of them.

    Args:
        questions: By line.
    """
    blocks: dict[str, dict[int, Question]] = {}
    for line, q in questions.items():
        if q.block:
            blocks.setdefault(q.block, {})[line] = q
    for name, asked in blocks.items():
        begin, first = next(iter(asked.items()))
        answers: dict[str, int] = {}
        for line, q in asked.items():
            answer = q.choices[q.gold[0]]
            if q.split != first.split:
                fault = f"line {begin} of it is of split {first.split!r}, this of {q.split!r}"
            elif set(q.choices) != set(first.choices):
                fault = f"its choices are not those of line {begin}"
            elif len(q.gold) > 1:
                fault = f"{len(q.gold)} of its choices are right; in a block it is one"
            elif answer in answers:
                fault = f"{answer!r} is the answer of line {answers[answer]} too; in a block each choice is that of one question"
            else:
                answers[answer] = line
                continue
            yield Problem(QUESTIONS, line, "block", f"{name!r}: {fault}")
            break
        else:
            if missing := [choice for choice in first.choices if choice not in answers]:
                more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
                fault = f"{missing[0]!r}{more} is the answer of none of its {len(asked)} questions"
                yield Problem(QUESTIONS, begin, "block", f"{name!r}: {fault}")


def taste_of(questions: Mapping[int, Question]) -> tuple[list[str], list[Problem]]:
    """Return a line on each split, what a taste scores there, and warnings where that is well above chance.

    Args:
        questions: By line.
    """
    lines, warnings = [], []
    splits: dict[str, dict[int, Question]] = {}
    for line, q in questions.items():
        splits.setdefault(q.split, {})[line] = q
    for split, of in splits.items():
        asked = list(of.values())
        found, n = taste(asked), len(asked)
        chance = sum(Fraction(len(q.gold), len(q.choices)) for q in asked)
        if found.blocked == n:
            lines.append(
                f"{split}: all {n} questions in whole blocks; a fixed taste scores exactly {_percent(chance, n)}"
            )
            continue
        common, rare = by_frequency(asked, 1), by_frequency(asked, -1)
        lines.append(
            f"{split}: {found.blocked} of {n} questions in whole blocks; a fixed taste scores "
            f"at worst {_between(found.fewest, n)}, at best {_between(found.most, n)} (chance {_percent(chance, n)}), for the choice shown most often "
            f"{_percent(common, n)}, least often {_percent(rare, n)}"
        )
        # Two standard deviations of a fair guesser.
        much = chance + 2 * sum(q.chance * (1 - q.chance) for q in asked) ** 0.5
        tastes = (
            (common, "who takes the choice that the split shows most often is right in"),
            (rare, "who takes the choice that the split shows least often is right in"),
            (Fraction(found.most[0]), "who prefers some choices to others, whatever is asked, can be right in"),
        )
        warnings += [
            Problem(
                QUESTIONS,
                min(of),
                "choices",
                f"in split {split!r} {who} {_number(right)} of {n} questions, {_number(chance)} would be chance; ask in blocks: "
                "the same choices once for each of them",
                error=False,
            )
            for right, who in tastes
            if right > much
        ]
    return lines, warnings


def _between(ends: tuple[int, int], n: int) -> str:
    low, high = (_percent(right, n) for right in ends)
    return low if ends[0] == ends[1] else f"at least {low} and at most {high}"


def _percent(right: Fraction | int, n: int) -> str:
    return f"{float(100 * right / n):.1f}%"


def _number(value: Fraction | int) -> str:
    return f"{float(value):.1f}".removesuffix(".0")
