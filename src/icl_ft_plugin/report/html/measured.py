"""Figures of what is measured beside accuracy: inferences of a part of the facts, and learned against kept.

``panels(block)`` gives, for a study of ``ft+oracle@10`` to ``@90``, ``{"part-ft+oracle": chart}``: two lines over the percent of
the facts with inferences, one of the questions about these and one of those about the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from icl_ft_plugin.report.html.figures import colors
from icl_ft_plugin.report.measures.kinds import Kept, Level
from icl_ft_plugin.report.records import Accuracy, Block
from icl_ft_plugin.report.words import main_split, spaced

HAVING, OTHERS = "facts with inferences", "the other facts"
_PERCENT = alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])


def panels(block: Block, *, ink: str = "currentColor") -> dict[str, alt.LayerChart]:
    """Return the figures that a block has, by the end of a file's name; none for most studies."""
    series = dict.fromkeys(part.series for part in block.parts if part.split == main_split(block))
    tasks = dict.fromkeys(each.task for each in block.kept)
    return {
        **{f"part-{name}": part_panel(block, name, ink=ink) for name in series},
        **{f"kept-{task}": kept_panel(block, task, ink=ink) for task in tasks},
    }


def part_panel(block: Block, series: str, *, ink: str = "currentColor") -> alt.LayerChart:
    """Return accuracy on the main split over the percent of the facts with inferences; the ends are ``ft`` and the whole arm."""
    base = alt.Chart(alt.Data(values=list(_points(block, series))))
    shades = [colors(block.arms).get(series, "#2a9d8a"), "#8b95a7"]
    x = alt.X("percent:Q", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(title="facts with inferences, %"))
    color = alt.Color("about:N", scale=alt.Scale(domain=[HAVING, OTHERS], range=shades), legend=_legend(ink))
    split = main_split(block)
    chance = next(record.chance for (_, of), record in block.accuracy.items() if of == split)
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), axis=_PERCENT)
    return alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x=x, y="low:Q", y2="high:Q", color=color),
        base.mark_line(strokeWidth=2, point=True).encode(x=x, y=y, color=color),
        alt.Chart(alt.Data(values=[{"chance": chance}]))
        .mark_rule(color=ink, strokeDash=[5, 4], strokeWidth=1.2)
        .encode(y="chance:Q"),
    ).properties(width=260, height=190, title=_title(block, f"{series}: {spaced(split)}"))


def _points(block: Block, series: str) -> Iterator[dict[str, str | float]]:
    split = main_split(block)
    ends: list[tuple[int, str, Level | Accuracy | None]] = [
        (0, OTHERS, block.accuracy.get(("ft", split))),
        (100, HAVING, block.accuracy.get((series, split))),
    ]
    of = [part for part in block.parts if (part.series, part.split) == (series, split)]
    ends += [(part.percent, HAVING, part.having) for part in of] + [(part.percent, OTHERS, part.others) for part in of]
    for at, about, level in ends:
        if level:
            low, high = (level.accuracy if end is None else end for end in (level.low, level.high))
            yield {"percent": at, "about": about, "accuracy": level.accuracy, "low": low, "high": high}


def kept_panel(block: Block, task: str, *, ink: str = "currentColor") -> alt.LayerChart:
    """Return what each arm has learned against what it has kept; the dashed line is where it was before."""
    found = [each for each in block.kept if each.task == task]
    split, arms = main_split(block), [each.arm for each in found]
    rows = [_pair(each, block.accuracy[each.arm, split]) for each in found if (each.arm, split) in block.accuracy]
    shades = colors(block.arms)
    x = alt.X("kept:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title=f"kept: {task}", format=".0%"))
    y = alt.Y("learned:Q", scale=alt.Scale(domain=[0, 1]), axis=_PERCENT)
    color = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[shades[arm] for arm in arms]), legend=_legend(ink))
    base = alt.Chart(alt.Data(values=rows)).encode(color=color)
    before = alt.Chart(alt.Data(values=[{"before": found[0].before}]))
    return alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x=x, y="low:Q", y2="high:Q"),
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x="kept_low:Q", x2="kept_high:Q", y=y),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y),
        before.mark_rule(color=ink, strokeDash=[5, 4], strokeWidth=1.2).encode(x="before:Q"),
    ).properties(width=260, height=190, title=_title(block, f"learned: {spaced(split)}"))


def _pair(each: Kept, learned: Accuracy) -> dict[str, str | float]:
    low, high = (learned.accuracy if end is None else end for end in (learned.low, learned.high))
    ends = (each.change.low, each.change.high)
    least, most = (each.after if end is None else min(1.0, max(0.0, each.before + end)) for end in ends)
    return {
        "arm": each.arm,
        "kept": each.after,
        "learned": learned.accuracy,
        "low": low,
        "high": high,
        "kept_low": least,
        "kept_high": most,
    }


def _legend(ink: str) -> alt.Legend:
    return alt.Legend(title=None, orient="bottom", labelColor=ink, columns=2, labelLimit=160)


def _title(block: Block, text: str) -> str:
    return f"{text}{f' ({block.scope})' if block.scope else ''}"
