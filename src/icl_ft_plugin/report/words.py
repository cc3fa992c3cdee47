"""Small pieces of text that the tables, the findings and the page share."""

from __future__ import annotations

from icl_ft_plugin.families import named
from icl_ft_plugin.report.measures.kinds import Apart
from icl_ft_plugin.report.records import Accuracy, Block

BELOW = "↓"
ABOUT_WORLDS = (
    "95% intervals are for new worlds, new facts and new runs: trainings, or orders of the documents in the prompt (Student's t over "
    "the worlds)."
)
ABOUT_ONE = (
    "This world only: the 95% intervals say what other facts of this world would give with these runs, nothing about other "
    "worlds or runs. Nothing is tested."
)
ABOUT_TWO = "These two worlds only: two worlds give no interval, and nothing is tested."


def about(block: Block) -> str:
    """Say what a block's intervals are about."""
    return {1: ABOUT_ONE, 2: ABOUT_TWO}.get(block.world_count, f"{block.world_count} worlds. {ABOUT_WORLDS}")


def title(block: Block) -> str:
    """Return a heading for a block, e.g. ``"Simple reversals, nano"``."""
    name = named(block.family).title
    scope = f" ({block.scope})" if block.scope else ""
    return f"{name}{'' if block.worlds == block.family else f' ({block.worlds})'}, {block.model}{scope}"


def main_split(block: Block) -> str:
    """Return the split that the block's first sentence is about."""
    wanted = named(block.family).main
    return wanted if wanted in block.splits else block.splits[0]


def spaced(name: str) -> str:
    """Return the name of a split as words."""
    return name.replace("_", " ")


def percent(value: float) -> str:
    """Return a share as whole percent."""
    return f"{100 * value:z.0f}%"


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """Return `` [9.2, 43.0]`` in percent; nothing where there is no interval."""
    return "" if low is None or high is None else f" [{100 * low:z.{digits}f}, {100 * high:z.{digits}f}]"


def p_value(p: float | None) -> str:
    """Return a p-value to three places."""
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_text(p: float | None) -> str:
    """Return a p-value for a sentence, e.g. ``"p = 0.008"`` or ``"p < 0.001"``."""
    if p is None:
        return "p not known"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def marks(record: Accuracy) -> str:
    """Return what stands behind an accuracy: the arrow of "below chance", the sign of "not above the best baseline"."""
    arrow = f" {BELOW}" if record.against_chance == "below" else ""
    return f"{arrow}{' °' if record.above_baseline is False else ''}"


def signed(change: Apart) -> str:
    """Return a difference in points with its interval, e.g. ``"-37.5 [-46.2, -28.8]"``."""
    ends = (
        "" if change.low is None or change.high is None else f" [{100 * change.low:+z.1f}, {100 * change.high:+z.1f}]"
    )
    return f"{100 * change.difference:+z.1f}{ends}"
