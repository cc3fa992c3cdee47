"""From scored items to the grids that statistics are computed from: questions by training runs, one per world.

``grids_of(cells, "reversal")`` gives ``{"ft": {0: Grid(values=(20, 3), ...)}, "icl": {0: Grid(values=(20, 1), ...)}}``
(arm, world seed). All arms' grids of a world have the same questions in the same order, so they can be paired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from icl_ft_plugin.report.stats.grid import Grid, partitions
from icl_ft_plugin.report.store.items import Item
from icl_ft_plugin.report.store.read import ScoredCell

Grids = dict[int, Grid]
Arms = dict[str, Grids]
Runs = Mapping[int, Mapping[str, Sequence[Mapping[str, Item]]]]
"""Items by world, arm and training run: one mapping from a question's id per run."""
Facts = list[list[Item]]
"""The items of one run about each of some facts."""


def runs_of(cells: Iterable[ScoredCell], split: str) -> Runs:
    """Return the items of one split, world by world, arm by arm and run by run."""
    runs: dict[int, dict[str, list[Mapping[str, Item]]]] = {}
    for cell in cells:
        items = {item.id: item for item in cell.items if item.split == split}
        if items:
            runs.setdefault(cell.labels.world_seed, {}).setdefault(cell.labels.arm, []).append(items)
    return runs


def grids_of(cells: Iterable[ScoredCell], split: str) -> Arms:
    """Return the grids of one split by arm and world seed.

    Args:
        cells: Of one model and one entry of worlds.
        split: Name of the split.
    """
    found: Arms = {}
    for world, arms in runs_of(cells, split).items():
        first, *others = (run for several in arms.values() for run in several)
        ids = sorted(set(first).intersection(*others))
        if ids:
            for arm, several in arms.items():
                found.setdefault(arm, {})[world] = grid_of(ids, several)
    return found


def grid_of(ids: Sequence[str], runs: Sequence[Mapping[str, Item]]) -> Grid:
    """Return the grid of some questions of one world.

    Args:
        ids: The questions, in the order wanted.
        runs: Items by id, once per training run; each has all of ``ids``.
    """
    values = np.array([[run[i].correct for run in runs] for i in ids])
    return Grid(values, partitions([list(keys) for keys in zip(*(runs[0][i].ways for i in ids), strict=True)]))


def joint_grids(cells: Sequence[ScoredCell], split: str, learned: str, known_by: Collection[str] = ()) -> Arms:
    """Return the grids of facts whose questions on two splits are right, by arm and world seed.

    Args:
        cells: Of one model and one entry of worlds.
        split: What the family is about, e.g. the reversal.
        learned: The split that tells whether a fact was learned.
        known_by: Arms in whose every run the ``learned`` questions of a fact must be right for it to count, so that the mean is
            the share of the facts that are known that are answered on ``split``; without any, both must be right in the same run.
    """
    asked, told = runs_of(cells, split), runs_of(cells, learned)
    found: Arms = {}
    right = _all_right if known_by else _both_right
    for world, arms in asked.items():
        pairs = {
            arm: list(zip(map(_by_fact, runs), map(_by_fact, told[world][arm]), strict=True))
            for arm, runs in arms.items()
            if arm in told.get(world, {})
        }
        asking = [pair for several in pairs.values() for pair in several]
        knowing = [pair for arm in known_by for pair in pairs.get(arm, ())]
        shared = sorted(set.intersection(*(a.keys() & b.keys() for a, b in asking))) if asking else []
        facts = [fact for fact in shared if all(_all_right(pair, fact, 1) for pair in knowing)]
        for arm, several in pairs.items() if facts else ():
            values = np.array([[float(right(pair, fact)) for pair in several] for fact in facts])
            ways = zip(*(several[0][0][fact][0].ways for fact in facts), strict=True)
            found.setdefault(arm, {})[world] = Grid(values, partitions([list(keys) for keys in ways]))
    return found


def _by_fact(run: Mapping[str, Item]) -> dict[str, list[Item]]:
    facts: dict[str, list[Item]] = {}
    for item in run.values():
        facts.setdefault(item.fact, []).append(item)
    return facts


def _all_right(pair: tuple[Mapping[str, list[Item]], Mapping[str, list[Item]]], fact: str, side: int = 0) -> bool:
    return all(item.correct == 1 for item in pair[side][fact])


def _both_right(pair: tuple[Mapping[str, list[Item]], Mapping[str, list[Item]]], fact: str) -> bool:
    return _all_right(pair, fact, 0) and _all_right(pair, fact, 1)


def stacked(first: Mapping[int, Iterable[Item]], second: Mapping[int, Iterable[Item]]) -> tuple[Grids, Grids]:
    """Return two models' grids by world, of the questions that both were asked."""
    found: tuple[Grids, Grids] = ({}, {})
    for world in sorted(first.keys() & second.keys()):
        ours, theirs = ({item.id: item for item in items} for items in (first[world], second[world]))
        if ids := sorted(ours.keys() & theirs.keys()):
            for grids, of in zip(found, (ours, theirs), strict=True):
                grids[world] = grid_of(ids, [of])
    return found
