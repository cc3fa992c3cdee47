"""The figures, as altair charts: bars by arm with the chance line and error bars, and accuracy against compute.

``svg(panel(block, "reversal"), "b0-bars-0")`` is the text of an SVG drawing in the ink of the text around it (``currentColor``), so
that it is readable in light and in dark; ``save(family_figure(block), folder, "reversal-nano")`` writes SVG, PDF and PNG.

An error bar is the 95% interval of the table: for new worlds, facts and runs; with one world its title says that it is about that one
only. Dots are single worlds, or with one world single runs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import altair as alt

from icl_ft_plugin.files import replacing
from icl_ft_plugin.report.evidence import Point
from icl_ft_plugin.report.records import Accuracy, Block
from icl_ft_plugin.report.words import main_split, spaced, title

COLORS = {"pretrained": "#8b95a7", "icl": "#3f83cf", "ft": "#df7b3c", "ft+rephrase": "#bfa043", "ft+oracle": "#2a9d8a"}
# Vega picks one prefix for a whole axis: "0.1k" beside "100k".
SHORT = "datum.value < 1000 ? datum.value : format(datum.value, '~s')"
MORE = (
    "#8672d6", "#cf5d8d", "#5f9b3f", "#4aa8c0", "#b0603a", "#6f7dc7", "#9a8f2e", "#c94f4a", "#4d7f73", "#a86fbd",
)  # fmt: skip


def colors(arms: Sequence[str]) -> dict[str, str]:
    """Return a color per arm, the same in every figure of a study."""
    others = [arm for arm in arms if arm not in COLORS]
    return {arm: COLORS.get(arm) or MORE[others.index(arm) % len(MORE)] for arm in arms}


def panel(block: Block, split: str, *, ink: str = "currentColor") -> alt.TopLevelMixin:
    """Return the bars of one split."""
    records = [block.accuracy[arm, split] for arm in block.arms if (arm, split) in block.accuracy]
    rows = [{**_bar(record), "label": f"{100 * record.accuracy:.0f}"} for record in records]
    dots_of = {record.arm: _single(record) for record in records}
    runs = [{"arm": arm, "run": value} for arm, values in dots_of.items() for value in values.values()]
    arms = [record.arm for record in records]
    shades = colors(block.arms)
    x = alt.X(
        "arm:N", sort=arms, scale=alt.Scale(domain=arms, paddingInner=0.28), axis=alt.Axis(title=None, labelAngle=-35)
    )
    percent = alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), axis=percent)
    fill = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[shades[arm] for arm in arms]), legend=None)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    layers = [
        base.mark_bar(cornerRadiusEnd=2).encode(y=y, color=fill),
        base.mark_rule(color=ink, strokeWidth=2.5).encode(y="low:Q", y2="high:Q"),
        base.mark_text(color=ink, y=-8, fontSize=11, fontWeight="bold").encode(text="label:N"),
        alt.Chart(alt.Data(values=[{"chance": records[0].chance}]))
        .mark_rule(color=ink, strokeDash=[5, 4], strokeWidth=1.2)
        .encode(y="chance:Q"),
    ]
    if len(runs) > len({row["arm"] for row in runs}):
        dots = alt.Chart(alt.Data(values=runs)).mark_point(
            color=ink, filled=False, size=16, strokeWidth=1, opacity=0.75, xOffset=9
        )
        layers.append(dots.encode(x=x, y="run:Q"))
    return alt.layer(*layers).properties(width=max(150, 38 * len(arms)), height=190, title=_title(block, split))


def _single(record: Accuracy) -> Mapping[str, float]:
    """Return the accuracies of single worlds; with one world of its runs."""
    return record.world_seeds if record.worlds > 1 else record.training_seeds or record.context_seeds


def _bar(record: Accuracy) -> dict[str, str | float]:
    """Return a bar's row; where there is no interval, its bar has no length."""
    low, high = (record.accuracy if end is None else end for end in (record.low, record.high))
    return {"arm": record.arm, "accuracy": record.accuracy, "low": low, "high": high}


def _title(block: Block, split: str) -> str:
    return f"{spaced(split)}{f' ({block.scope})' if block.scope else ''}"


def joint_panel(block: Block, name: Sequence[str], *, ink: str = "currentColor") -> alt.TopLevelMixin:
    """Return, by arm, how many of the facts that were learned in every run are right on the main split.

    Args:
        block: The numbers.
        name: Title of the panel, line by line.
        ink: Color of lines and text.
    """
    found = [joint for joint in block.joint if joint.given is not None]
    rows = [
        {
            "arm": joint.arm,
            "given": joint.given,
            "low": joint.given if joint.given_low is None else joint.given_low,
            "high": joint.given if joint.given_high is None else joint.given_high,
            "label": f"{100 * (joint.given or 0):.0f}",
        }
        for joint in found
    ]
    arms, shades = [joint.arm for joint in found], colors(block.arms)
    x = alt.X("arm:N", sort=arms, scale=alt.Scale(domain=arms), axis=alt.Axis(title=None, labelAngle=-35))
    percent = alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    fill = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[shades[arm] for arm in arms]), legend=None)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    return alt.layer(
        base.mark_bar(cornerRadiusEnd=2).encode(
            y=alt.Y("given:Q", scale=alt.Scale(domain=[0, 1]), axis=percent), color=fill
        ),
        base.mark_rule(color=ink, strokeWidth=2.5).encode(y="low:Q", y2="high:Q"),
        base.mark_text(color=ink, y=-8, fontSize=11, fontWeight="bold").encode(text="label:N"),
    ).properties(
        width=max(150, 38 * len(arms)), height=190, title=[*name, *([f"({block.scope})"] if block.scope else [])]
    )


def family_figure(block: Block, *, ink: str = "#222222") -> alt.TopLevelMixin:
    """Return all splits of a block side by side, as the paper draws a family."""
    panels = [panel(block, split, ink=ink) for split in block.splits if _asked(block, split)]
    return side_by_side(panels, title=title(block))


def side_by_side(panels: Sequence[alt.TopLevelMixin], **properties: object) -> alt.TopLevelMixin:
    """Return panels as one figure."""
    return alt.concat(*panels, columns=4, **properties)


def _asked(block: Block, split: str) -> bool:
    return any((arm, split) in block.accuracy for arm in block.arms)


def compute_panel(block: Block, costs: Mapping[str, int], name: str, *, ink: str = "currentColor") -> alt.TopLevelMixin:
    """Return accuracy on the block's main split against what an arm costs.

    Args:
        block: The numbers.
        costs: By arm.
        name: Title of the axis.
        ink: Color of lines and text.
    """
    split = main_split(block)
    shades = colors(block.arms)
    drawn = {arm: cost for arm, cost in costs.items() if (arm, split) in block.accuracy}
    rows = [{"cost": cost, **_bar(block.accuracy[arm, split])} for arm, cost in drawn.items()]
    arms, largest = list(drawn), max(drawn.values())
    ticks = [0, *(10**power for power in range(1, 12) if 10**power <= 10 * largest)][: None if largest else 1]
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type="symlog", constant=10, nice=False, padding=14),
        axis=alt.Axis(title=name, values=ticks, labelExpr=SHORT),
    )
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
    )
    fill = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[shades[arm] for arm in arms]), legend=None)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=fill)
    return alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=y),
        alt.Chart(alt.Data(values=[{"chance": block.accuracy[arms[0], split].chance}]))
        .mark_rule(color=ink, strokeDash=[5, 4], strokeWidth=1.2)
        .encode(y="chance:Q"),
    ).properties(width=260, height=190, title=_title(block, f"{split}, by {name.partition(' per ')[0]}"))


def curve_panel(
    points: Sequence[Point], arms: Sequence[str], name: str, *, accuracy: bool, ink: str = "currentColor"
) -> alt.TopLevelMixin:
    """Return lines over gradient steps, one per training run.

    Args:
        points: What to draw.
        arms: All arms of the study, for their colors.
        name: Title of the panel.
        accuracy: Whether values are accuracies, 0 to 1, or losses in nats.
        ink: Unused by the lines; kept for the axes.
    """
    shades = colors(arms)
    there = [arm for arm in arms if any(point.arm == arm for point in points)]
    scale = alt.Scale(domain=[0, 1]) if accuracy else alt.Scale(zero=False)
    axis = alt.Axis(title=None, labelColor=ink, format=".0%" if accuracy else ".1f")
    return (
        alt.Chart(alt.Data(values=[asdict(point) for point in points]))
        .mark_line(strokeWidth=1.5, opacity=0.85)
        .encode(
            x=alt.X("step:Q", axis=alt.Axis(title="gradient steps")),
            y=alt.Y("value:Q", scale=scale, axis=axis),
            color=alt.Color("arm:N", scale=alt.Scale(domain=there, range=[shades[arm] for arm in there]), legend=None),
            detail="run:N",
        )
        .properties(width=260, height=170, title=name)
    )


def styled(chart: alt.TopLevelMixin, ink: str) -> alt.TopLevelMixin:
    """Return a chart with the report's fonts and lines, on white unless the ink is that of the text around it."""
    return (
        chart.configure(background="transparent" if ink == "currentColor" else "white", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink, titleColor=ink, domainColor=ink, tickColor=ink, gridColor=ink, gridOpacity=0.14,
            domainOpacity=0.5, tickOpacity=0.5, labelFontSize=11, titleFontWeight="normal", labelLimit=160,
        )
        .configure_axisX(grid=False)
        .configure_title(color=ink, fontSize=13, anchor="start", offset=16)
    )  # fmt: skip


def svg(chart: alt.TopLevelMixin, name: str) -> str:
    """Return a chart as SVG to stand in a page: it takes the width there is and the color of the text around it.

    Args:
        chart: Any of the above.
        name: Unique in the page; begins all ids.
    """
    text = io.StringIO()
    styled(chart, "currentColor").save(text, format="svg")
    # Ids are counted over all drawings of the process; the page must be the same each time it is made.
    found = dict.fromkeys(re.findall(r'\bid="([^"]*)"', text.getvalue()))
    numbers = {old: f"{name}-{number}" for number, old in enumerate(found)}
    own = re.sub(r'(\bid="|url\(#)([^")]*)', lambda use: use[1] + numbers.get(use[2], use[2]), text.getvalue())
    # Sizes in pixels would keep it from shrinking on a phone; viewBox stays.
    opening, end, rest = own.partition(">")
    width = re.search(r'\bwidth="([\d.]+)"', opening)
    sized = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
    return f'{sized} style="width:100%;max-width:{float(width[1]) if width else 300:.0f}px"{end}{rest}'


def save(chart: alt.TopLevelMixin, folder: Path, name: str) -> list[Path]:
    """Write a chart as ``name.svg``, ``name.pdf`` and ``name.png``, black on white."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{kind}" for kind in ("svg", "pdf", "png")]
    drawn = styled(chart, "#222222")
    for file in files:
        with replacing(file) as draft:
            drawn.save(str(draft), scale_factor=2 if file.suffix == ".png" else 1)
    return files
