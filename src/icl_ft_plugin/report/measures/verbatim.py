"""The questions that stand with their answer in the rows of a trained arm: memory answers them, and nothing is inferred.

For example "30% of the reversal questions stand with their answer in the rows of ft+local". What cells of older versions do not
say is not known, and no number.
"""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.store.read import ScoredCell
from icl_ft_plugin.report.words import percent, spaced

FEW = 0.03
"""Share of a split's questions from which on the findings name them."""


def verbatim(cells: Sequence[ScoredCell], split: str | None = None) -> float | None:
    """Return the share of an arm's questions that stand in its rows; None where that is not known of every cell.

    Args:
        cells: Of one arm.
        split: Of this split alone.
    """
    asked = standing = 0
    for cell in cells:
        if cell.ledger.verbatim is None:
            return None
        for name, found in cell.ledger.verbatim.items():
            if split in (None, name):
                asked, standing = asked + found.questions, standing + found.standing
    return standing / asked if asked else None


def share(value: float | None) -> str:
    """Return a share in percent; nothing where it is not known."""
    return "" if value is None else f"{100 * value:.1f}"


def verbatim_rows(block: Block) -> list[list[str]]:
    """Return the share by arm and split, in percent; header only where no question stands in any rows."""
    arms = [arm for arm, cost in block.compute.items() if cost.verbatim is not None]
    header = ["arm", *block.splits]
    if not any(block.compute[arm].verbatim for arm in arms):
        return [header]
    records = block.accuracy
    return [
        header,
        *(
            [arm, *(share(records[arm, split].verbatim if (arm, split) in records else None) for split in block.splits)]
            for arm in arms
        ),
    ]


def verbatim_findings(block: Block) -> list[str]:
    """Say of which splits more than a few questions stand in the rows of an arm."""
    said = []
    for arm in block.arms:
        parts = [
            f"{percent(record.verbatim)} of the {spaced(split)} questions"
            for split in block.splits
            if (record := block.accuracy.get((arm, split))) and record.verbatim is not None and record.verbatim > FEW
        ]
        if parts:
            few = f"{', '.join(parts[:-1])} and " if parts[1:] else ""
            said.append(f"{few}{parts[-1]} stand with their answer in the rows of {arm}: memory answers them.")
    return said
