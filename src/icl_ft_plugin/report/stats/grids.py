"""From scored items to the grids that statistics are computed from: questions by training runs, one per world.

``grids_of(cells, "reversal")`` gives ``{"ft": {0: Grid(facts=(20,), values=(20, 3))}, "icl": {0: Grid(..., (20, 1))}}``
(arm, world seed). All arms' grids of a world have the same questions in the same order, so they can be paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from icl_ft_plugin.report.read import Item, ScoredCell
from icl_ft_plugin.report.stats.spread import Grid

Arms = dict[str, dict[int, Grid]]


def grids_of(cells: Iterable[ScoredCell], split: str) -> Arms:
    """Return the grids of one split by arm and world seed.

    Args:
        cells: Of one model and one entry of worlds.
        split: Name of the split.
    """
    runs: dict[int, dict[str, list[Mapping[str, Item]]]] = {}
    for cell in cells:
        items = {item.id: item for item in cell.items if item.split == split}
        if items:
            arms = runs.setdefault(cell.labels["world_seed"], {})
            arms.setdefault(str(cell.labels["arm"]), []).append(items)
    found: Arms = {}
    for world, arms in runs.items():
        first, *others = (run for several in arms.values() for run in several)
        ids = sorted(set(first).intersection(*others))
        if not ids:
            continue
        for arm, several in arms.items():
            found.setdefault(arm, {})[world] = grid_of(ids, several)
    return found


def grid_of(ids: Sequence[str], runs: Sequence[Mapping[str, Item]]) -> Grid:
    """Return the grid of some questions of one world.

    Args:
        ids: The questions, in the order wanted.
        runs: Items by id, once per training run; each has all of ``ids``.
    """
    facts = np.unique([runs[0][i].fact for i in ids], return_inverse=True)[1]
    return Grid(facts, np.array([[run[i].correct for run in runs] for i in ids]))


def stacked(first: Mapping[int, Iterable[Item]], second: Mapping[int, Iterable[Item]]) -> dict[int, tuple[Grid, Grid]]:
    """Return two models' grids, world by world, of the questions that both were asked."""
    pairs = {}
    for world in first.keys() & second.keys():
        ours, theirs = ({item.id: item for item in items} for items in (first[world], second[world]))
        if ids := sorted(ours.keys() & theirs.keys()):
            pairs[world] = (grid_of(ids, [ours]), grid_of(ids, [theirs]))
    return dict(sorted(pairs.items()))
