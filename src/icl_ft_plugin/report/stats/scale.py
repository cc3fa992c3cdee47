"""Accuracy along a scale: the number of facts, of distractors, their distance, or the premises that a question takes.

For example the worlds of ``scale: {facts: 20}`` and of ``scale: {facts: 40}`` give the points ``Scaled(axis="facts", value=20.0,
arm="ft", split="reversal", accuracy=0.48, ...)`` and the one for 40. Arms have a scale too: ``near@4`` and ``near@16`` with
``scale: {distractors: 4}`` and ``{distractors: 16}`` are two points of ``near``. The number of premises is a question's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from icl_ft_plugin.families import named
from icl_ft_plugin.report.measures.names import is_baseline
from icl_ft_plugin.report.records import number
from icl_ft_plugin.report.stats.mean import accuracy
from icl_ft_plugin.report.stats.of_items import grids_of
from icl_ft_plugin.report.store.items import Item
from icl_ft_plugin.report.store.read import ScoredCell, Study

PREMISES = "premises"
FEWEST = 3  # numbers of premises that make a scale
_Point = tuple[tuple[str, float], ScoredCell]  # entry of worlds and place on a scale; what is scored there


@dataclass(frozen=True, slots=True)
class Scaled:
    """An accuracy at one point of a scale.

    Attributes:
        model: The base model.
        family: Dataset family.
        axis: The scale.
        value: The point of it.
        arm: The arm, without what stands behind its ``@`` where such arms make one line; with the entry of worlds where several
            have this point.
        split: The split; of ``premises`` the empty string: all but the one that tells whether the facts were learned.
        accuracy: Mean of the worlds' means.
        low: Lower end of its 95% interval.
        high: Upper end.
        chance: What a uniform guesser gets.
        n: Answers.
    """

    model: str
    family: str
    axis: str
    value: float
    arm: str
    split: str
    accuracy: float
    low: float | None
    high: float | None
    chance: float
    n: int


def scaled(study: Study) -> list[Scaled]:
    """Return the accuracy of every arm at every point of every scale of a study."""
    scales: dict[tuple[str, str, str], list[_Point]] = {}
    premises = _premises(study.cells)
    for cell in study.cells:
        for axis, value, scored in _points_of(cell, premises[cell.labels.model, cell.labels.family]):
            key = (cell.labels.model, cell.labels.family, axis)
            scales.setdefault(key, []).append(((cell.labels.worlds, value), scored))
    found = []
    for (model, family, axis), there in scales.items():
        for line, points in _lines(there).items():
            alone = len({value for _, value in points}) == len(points)
            for (worlds, value), cells in sorted(points.items(), key=lambda entry: entry[0][1]):
                arm = line if alone else f"{line} ({worlds})"
                found += [Scaled(model, family, axis, value, arm, *of) for of in _accuracies(cells)]
    return found


def _lines(there: Sequence[_Point]) -> dict[str, dict[tuple[str, float], list[ScoredCell]]]:
    """Return the points of each line: arms that differ behind an ``@`` make one unless two of them stand at one point."""
    arms: dict[tuple[str, tuple[str, float]], set[str]] = {}
    for point, cell in there:
        arms.setdefault((_stem(cell), point), set()).add(cell.labels.arm)
    several = {stem for (stem, _), of in arms.items() if len(of) > 1}
    lines: dict[str, dict[tuple[str, float], list[ScoredCell]]] = {}
    for point, cell in there:
        name = cell.labels.arm if _stem(cell) in several else _stem(cell)
        lines.setdefault(name, {}).setdefault(point, []).append(cell)
    return lines


def _stem(cell: ScoredCell) -> str:
    return cell.labels.arm.partition("@")[0]


def _premises(cells: Sequence[ScoredCell]) -> dict[tuple[str, str], set[int]]:
    """Return the numbers of premises of a model's questions in a family, in any of the worlds."""
    found: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        of = found.setdefault((cell.labels.model, cell.labels.family), set())
        of.update(item.premises for item in _inferred(cell) if item.premises)
    return found


def _inferred(cell: ScoredCell) -> list[Item]:
    """Return a cell's questions without those that tell whether the facts were learned."""
    learned = named(cell.labels.family).learned
    return [item for item in cell.items if item.split != learned]


def _points_of(cell: ScoredCell, premises: set[int]) -> Iterator[tuple[str, float, ScoredCell]]:
    """Yield each scale that a cell stands on, its place, and the cell with the questions that are asked there."""
    for axis, value in cell.labels.scale.items():
        yield axis, value, cell
    if is_baseline(cell.labels.arm) or len(premises) < FEWEST:
        return
    asked = _inferred(cell)
    for count in sorted(premises & {item.premises for item in asked}):
        yield PREMISES, count, replace(cell, items=tuple(replace(i, split="") for i in asked if i.premises == count))


def _accuracies(cells: Sequence[ScoredCell]) -> Iterator[tuple[str, float, float | None, float | None, float, int]]:
    for split in dict.fromkeys(item.split for cell in cells for item in cell.items):
        for grids in grids_of(cells, split).values():
            mean = accuracy(list(grids.values()))
            chances = [item.chance for cell in cells for item in cell.items if item.split == split]
            n = sum(grid.values.size for grid in grids.values())
            yield split, float(mean.mean), number(mean.low), number(mean.high), sum(chances) / len(chances), n
