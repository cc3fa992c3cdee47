"""Arms where each has learned equally much: at the gradient step at which it first gets so many of the learned questions right.

For example ``ft`` first has 80% of the rephrasings right at step 31, by its learning curves, and ``ft+oracle`` at step 44; the reversals
are compared there. What learns faster is then no longer ahead by having learned more. Between two points a curve is a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from icl_ft_plugin.families import named
from icl_ft_plugin.report.evidence import curves
from icl_ft_plugin.report.measures.kinds import Apart, Matched
from icl_ft_plugin.report.records import GATE, Block, number
from icl_ft_plugin.report.stats.mean import FLOOR, NOTHING, TWO_WORLDS, Difference, Moments
from icl_ft_plugin.report.store.read import ScoredCell
from icl_ft_plugin.report.words import signed, spaced

REFERENCE = "ft"
Curve = Sequence[tuple[int, float]]  # steps, rising, and accuracies
_Of = dict[int, list[float]]  # what the runs of each world give


def first_step(curve: Curve, level: float) -> float | None:
    """Return the step at which a curve first reaches a level; None where it never does."""
    before: tuple[int, float] | None = None
    for step, accuracy in curve:
        if accuracy >= level:
            if before is None:
                return float(step)
            return before[0] + (level - before[1]) / (accuracy - before[1]) * (step - before[0])
        before = step, accuracy
    return None


def _at(curve: Curve, step: float) -> float:
    """Return where a curve is at a step."""
    return float(np.interp(step, [each for each, _ in curve], [accuracy for _, accuracy in curve]))


def matched(cells: Sequence[ScoredCell], level: float = GATE) -> list[Matched]:
    """Return each trained arm on each split at the step where it first reaches a level on the split that tells what was learned.

    Args:
        cells: Of one model and one entry of worlds.
        level: The accuracy that is reached.

    Returns:
        One record by arm and split; empty where no curves were recorded, or the family has no such split.
    """
    learned = named(cells[0].labels.family).learned
    steps: dict[str, _Of] = {}
    runs: dict[str, int] = {}
    at: dict[tuple[str, str], _Of] = {}
    for cell in cells:
        drawn = {split: sorted((p.step, p.value) for p in points) for split, points in curves([cell]).items()}
        if learned not in drawn:
            continue
        arm, world = cell.labels.arm, cell.labels.world_seed
        runs[arm] = runs.get(arm, 0) + 1
        step = first_step(drawn[learned], level)
        if step is not None:
            steps.setdefault(arm, {}).setdefault(world, []).append(step)
        for split, curve in drawn.items():
            there = at.setdefault((arm, split), {})
            if step is not None and split != learned:
                there.setdefault(world, []).append(_at(curve, step))
    sizes = {split: _questions(cells, split) for _, split in at}
    return [
        Matched(
            arm=arm,
            split=split,
            level=level,
            runs=runs[arm],
            reached=sum(map(len, steps.get(arm, {}).values())),
            step=_mean(steps.get(arm, {})),
            accuracy=_mean(there),
            than=None if arm == REFERENCE else _apart(there, at.get((REFERENCE, split), {}), sizes[split]),
        )
        for (arm, split), there in at.items()
        if split != learned
    ]


def _questions(cells: Sequence[ScoredCell], split: str) -> dict[int, int]:
    return {cell.labels.world_seed: sum(item.split == split for item in cell.items) for cell in cells}


def _mean(found: _Of) -> float | None:
    """Return the mean of the worlds' means; None where there is none."""
    return fmean(map(fmean, found.values())) if found else None


def _apart(arm: _Of, reference: _Of, questions: Mapping[int, int]) -> Apart | None:
    """Return one arm minus the reference over the worlds where both reach the level, as ``stats.mean`` has it; None without any."""
    worlds = [world for world in arm if world in reference]
    if not worlds:
        return None
    ends = [(fmean(arm[world]), fmean(reference[world]), questions[world]) for world in worlds]
    moved = np.array([first - second for first, second, _ in ends])
    start, count = fmean(second for _, second, _ in ends), len(worlds)
    if count < 3:
        why = TWO_WORLDS if count == 2 else "one world gives no interval of a curve"
        return Apart(start, float(moved.mean()), None, None, why)
    # A curve has no single answers: the questions' variance is the binomial one of both arms.
    within = sum((a * (1 - a) + b * (1 - b)) / n for a, b, n in ends) / count**2
    between = float(moved.var(ddof=1)) / count
    variance = np.array(max(between, (FLOOR if between > NOTHING else 1.0) * within))
    found = Difference(Moments(count, sum(n for *_, n in ends), moved.mean(), variance, count - 1), 0, np.array(0))
    return Apart(start, float(found.mean), number(found.low), number(found.high), "")


def matched_title(block: Block) -> str:
    """Return a heading for the table, with the level and the split that it is about."""
    learned = named(block.family).learned or ""
    level = block.matched[0].level if block.matched else GATE
    return f"where each arm first has {100 * level:.0f}% of {spaced(learned)} right"


def matched_rows(block: Block) -> list[list[str]]:
    """Return the table: the step, and the accuracy there, minus that of ``ft``; header only where no curves were recorded."""
    splits = list(dict.fromkeys(each.split for each in block.matched))
    found = {(each.arm, each.split): each for each in block.matched}
    rows = [["arm", "runs that reach it", "step", *splits]]
    for arm in dict.fromkeys(each.arm for each in block.matched):
        first = next(each for each in block.matched if each.arm == arm)
        step = "never" if first.step is None else f"{first.step:.0f}"
        cells = (found.get((arm, split)) for split in splits)
        rows.append([arm, f"{first.reached} of {first.runs}", step, *map(_cell, cells)])
    return rows


def _cell(each: Matched | None) -> str:
    if each is None or each.accuracy is None:
        return ""
    return f"{100 * each.accuracy:.1f}{'' if each.than is None else f' ({signed(each.than)})'}"
