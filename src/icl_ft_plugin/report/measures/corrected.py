"""The accuracy of the choices that the prompt adds most to, where a study asks for it (``pmi``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from icl_ft_plugin.report.measures.kinds import Corrected
from icl_ft_plugin.report.records import number
from icl_ft_plugin.report.stats.mean import accuracy
from icl_ft_plugin.report.stats.of_items import grids_of
from icl_ft_plugin.report.store.items import Item
from icl_ft_plugin.report.store.read import ScoredCell


def corrected(cells: Sequence[ScoredCell], split: str) -> Corrected | None:
    """Return the accuracy by pointwise mutual information; None unless every cell has it."""
    turned = []
    for cell in cells:
        items = [item for item in cell.items if item.split == split]
        found = [item.correct_pmi for item in items if item.correct_pmi is not None]
        if len(found) < len(items):
            return None
        turned.append(replace(cell, items=tuple(map(_right, items, found))))
    (grids,) = grids_of(turned, split).values()
    mean = accuracy(list(grids.values()))
    return Corrected(float(mean.mean), number(mean.low), number(mean.high))


def _right(item: Item, correct: float) -> Item:
    return replace(item, correct=correct)
