"""What trained arms could do before and can do after, beside what they learned.

For example the row ``["ft", "52.5 [38.1, 66.5]", "98.8 to 61.3: -37.5 [-46.2, -28.8]"]``: the accuracy on the main split, and
how much of in-context learning on a fresh world is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from icl_ft_plugin.report.measures.kinds import Kept
from icl_ft_plugin.report.measures.partial import apart
from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.stats.grid import Grid, partitions
from icl_ft_plugin.report.store.read import Again, ScoredCell
from icl_ft_plugin.report.words import interval, main_split, percent, signed, spaced

READING = "reading"


def kept(cells: Sequence[ScoredCell]) -> list[Kept]:
    """Return one record for each trained arm and what it was asked before its training, too.

    Args:
        cells: Of one model and one entry of worlds.
    """
    pairs = dict.fromkeys((cell.labels.arm, row.task) for cell in cells for row in cell.again)
    worlds = len({cell.labels.world_seed for cell in cells})
    return [_kept([cell for cell in cells if cell.labels.arm == arm], arm, task, worlds) for arm, task in pairs]


def _kept(cells: Sequence[ScoredCell], arm: str, task: str, worlds: int) -> Kept:
    runs: dict[int, list[dict[str, Again]]] = {}
    for cell in cells:
        if rows := {row.id: row for row in cell.again if row.task == task}:
            runs.setdefault(cell.labels.world_seed, []).append(rows)
    after = {world: _grid(rows, "after") for world, rows in runs.items()}
    before = {world: _grid(rows, "before") for world, rows in runs.items()}
    change = apart(after, before, worlds)
    chances = [row.chance for rows in runs.values() for row in rows[0].values()]
    known = [chance for chance in chances if chance is not None]
    return Kept(
        arm=arm,
        task=task,
        questions=len(chances),
        worlds=len(runs),
        chance=sum(known) / len(known) if known else None,
        before=change.start,
        after=change.start + change.difference,
        change=change,
    )


def _grid(runs: Sequence[Mapping[str, Again]], what: str) -> Grid:
    ids = sorted(set(runs[0]).intersection(*runs))
    values = np.array([[getattr(run[i], what) for run in runs] for i in ids])
    return Grid(values, partitions([list(keys) for keys in zip(*(runs[0][i].ways for i in ids), strict=True)]))


def kept_rows(block: Block) -> list[list[str]]:
    """Return the table: what was learned, and each thing kept; header only where nothing was asked."""
    tasks, split = list(dict.fromkeys(each.task for each in block.kept)), main_split(block)
    found = {(each.arm, each.task): each for each in block.kept}
    rows = []
    for arm in dict.fromkeys(each.arm for each in block.kept):
        record = block.accuracy.get((arm, split))
        learned = f"{100 * record.accuracy:.1f}{interval(record.low, record.high)}" if record else ""
        rows.append([arm, learned, *(_cell(found.get((arm, task))) for task in tasks)])
    return [["arm", f"learned: {spaced(split)}", *(f"kept: {task}" for task in tasks)], *rows]


def _cell(each: Kept | None) -> str:
    return "" if each is None else f"{100 * each.before:.1f} to {100 * each.after:.1f}: {signed(each.change)}"


def kept_findings(block: Block) -> list[str]:
    """Say of each thing asked what every arm has left of it."""
    said = []
    scope = f" ({block.scope})" if block.scope else ""
    for task in dict.fromkeys(each.task for each in block.kept):
        arms = [each for each in block.kept if each.task == task]
        what = "Reading a fresh world in context" if task == READING else f"On {task}"
        left = ", ".join(f"after {each.arm} {percent(each.after)} ({signed(each.change)})" for each in arms)
        lost = [each.arm for each in arms if each.change.high is not None and each.change.high < 0]
        known = any(each.change.high is not None for each in arms)
        end = f" Lost by {', '.join(lost)}." if lost else " No loss is shown." if known else ""
        said.append(f"{what}, {block.model} is right in {percent(arms[0].before)} before training, {left}{scope}.{end}")
    return said
