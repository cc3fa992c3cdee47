"""From scored items to the grids that statistics are computed from: questions by training runs, one per world.

``grids_of(cells, "reversal")`` gives ``{"ft": {0: Grid(facts=(20,), values=(20, 3))}, "icl": {0: Grid(..., (20, 1))}}``
(arm, world seed). All arms' grids of a world have the same questions in the same order, so they can be paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from icl_ft_plugin.report.items import Item, ScoredCell
from icl_ft_plugin.report.spread import Grid

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
        codes = np.unique([first[i].fact for i in ids], return_inverse=True)[1]
        for arm, several in arms.items():
            values = np.array([[run[i].correct for run in several] for i in ids])
            found.setdefault(arm, {})[world] = Grid(codes, values)
    return found
