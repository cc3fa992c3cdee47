"""Arms with the inferences of a part of the facts: the questions about these, and those about the others.

For example the row ``["ft+oracle@50", "reversal", "97.5 [82.3, 99.7]", "55.0 [38.1, 70.8]", "52.5", "+2.5 [-9.8, +14.8]"]``: if
what was added had taught to infer, and not only its sentences, the last number would be large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from icl_ft_plugin.report.measures.kinds import Apart, Level, PartOfFacts
from icl_ft_plugin.report.records import Block, number
from icl_ft_plugin.report.stats.mean import accuracy, difference
from icl_ft_plugin.report.stats.of_items import Grids, grids_of
from icl_ft_plugin.report.store.read import ScoredCell
from icl_ft_plugin.report.words import interval, percent, signed, spaced

PLAIN = "ft"  # the arm without inferences


def parts_of_facts(cells: Sequence[ScoredCell], splits: Sequence[str]) -> list[PartOfFacts]:
    """Return one record for each arm with the inferences of a part of the facts, and split.

    Args:
        cells: Of one model and one entry of worlds.
        splits: The splits.
    """
    arms = dict.fromkeys(cell.labels.arm for cell in cells if cell.inferred)
    return [_part(cells, arm, split) for arm in arms for split in splits]


def _part(cells: Sequence[ScoredCell], arm: str, split: str) -> PartOfFacts:
    worlds = len({cell.labels.world_seed for cell in cells})
    own = [cell for cell in cells if cell.labels.arm == arm and cell.inferred]
    having = _asked(own, own, split, inside=True).get(arm, {})
    plain = [cell for cell in cells if cell.labels.arm == PLAIN]
    others = _asked([*own, *plain], own, split, inside=False)
    rest = others.get(arm, {})
    shared = bool(rest.keys() & others.get(PLAIN, {}).keys())
    return PartOfFacts(
        arm=arm,
        series=arm.rpartition("@")[0] or arm,
        percent=max(cell.inferred.percent for cell in own if cell.inferred),
        split=split,
        having=_level(having, worlds),
        others=_level(rest, worlds),
        taught=apart(rest, others[PLAIN], worlds) if shared else None,
    )


def _asked(asked: Sequence[ScoredCell], own: Sequence[ScoredCell], split: str, *, inside: bool) -> dict[str, Grids]:
    """Return the grids of the questions whose facts the arm's corpus has inferences of, or of all others."""
    part = {cell.labels.world_seed: cell.inferred.with_ for cell in own if cell.inferred}
    chosen = [
        replace(cell, items=tuple(i for i in cell.items if (i.id in part[cell.labels.world_seed]) == inside))
        for cell in asked
        if cell.labels.world_seed in part
    ]
    return grids_of(chosen, split)


def _level(grids: Grids, worlds: int) -> Level | None:
    if not grids:
        return None
    found = accuracy(list(grids.values())).beside(worlds)
    questions = sum(len(grid.values) for grid in grids.values())
    return Level(questions, float(found.mean), number(found.low), number(found.high))


def apart(after: Grids, before: Grids, worlds: int) -> Apart:
    """Return by how much the answers to the same questions differ, and the level that this is from, in a table of so many worlds."""
    found = difference(after, before).beside(worlds)
    start = accuracy([grid for world, grid in before.items() if world in after])
    return Apart(float(start.mean), float(found.mean), number(found.low), number(found.high), found.moments.why)


def part_rows(parts: Sequence[PartOfFacts]) -> list[list[str]]:
    """Return the table; header only where no arm has the inferences of a part of the facts."""
    header = ["arm", "split", "with inferences", "the others", f"{PLAIN} on the others", "difference"]
    rows = []
    for part in parts:
        levels = [
            "" if level is None else f"{100 * level.accuracy:.1f}{interval(level.low, level.high)}"
            for level in (part.having, part.others)
        ]
        taught = part.taught
        ends = ["", ""] if taught is None else [f"{100 * taught.start:.1f}", signed(taught)]
        rows.append([part.arm, part.split, *levels, *ends])
    return [header, *rows]


def part_findings(block: Block, splits: Sequence[str]) -> list[str]:
    """Say of each such arm on some splits what its inferences do for the facts that have none."""
    said: list[str] = []
    scope = f" ({block.scope})" if block.scope else ""
    for part in block.parts:
        if part.split in splits and part.having and part.others:
            text = (
                f"{part.arm}, inferences of {part.percent}% of the facts: {percent(part.having.accuracy)} of the "
                f"{spaced(part.split)} questions about these, {percent(part.others.accuracy)} of those about the others"
            )
            if part.taught:
                text += f", {signed(part.taught)} points from {PLAIN}: {_verdict(part.taught)}"
            said.append(f"{text}{scope}.")
    return said


def _verdict(taught: Apart) -> str:
    if taught.low is None or taught.high is None:
        return f"there is no interval, {taught.why}"
    return _WORDS[(taught.low > 0) - (taught.high < 0)]


_WORDS = {
    1: "what was added helps with facts that it says nothing about",
    0: "that it helps beyond the facts that it is about is not shown",
    -1: "it harms the facts that it is not about",
}
