"""Figures of accuracy along a scale: one panel per model, family, scale and split, a line per arm with its intervals.

``figures.save(alt.concat(*panels(scaled(study), ink="#222222")["facts"]), folder, "scaling-facts")`` writes that of the number of facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import altair as alt

from icl_ft_plugin.report.html.figures import colors
from icl_ft_plugin.report.stats.scale import Scaled
from icl_ft_plugin.report.words import spaced


def panels(points: Sequence[Scaled], *, ink: str = "currentColor") -> dict[str, list[alt.LayerChart]]:
    """Return the panels of each scale."""
    found: dict[str, dict[tuple[str, str, str], list[Scaled]]] = {}
    for point in points:
        found.setdefault(point.axis, {}).setdefault((point.model, point.family, point.split), []).append(point)
    return {axis: [_panel(of, ink) for of in groups.values()] for axis, groups in found.items()}


def _panel(points: Sequence[Scaled], ink: str) -> alt.LayerChart:
    """Return one panel: the scale is logarithmic where its largest value is far from its least."""
    first, values = points[0], sorted({point.value for point in points})
    arms = list(dict.fromkeys(point.arm for point in points))
    shades = colors(arms)
    wide = values[-1] > 8 * max(values[0], 1)
    x = alt.X(
        "value:Q",
        scale=alt.Scale(type="symlog", constant=1, nice=False, padding=12)
        if wide
        else alt.Scale(zero=False, nice=False, padding=12),
        axis=alt.Axis(title=spaced(first.axis), values=values, labelExpr="format(datum.value, '~s')"),
    )
    percent = alt.Axis(title=None, format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), axis=percent)
    legend = alt.Legend(title=None, orient="bottom", columns=3, labelColor=ink)
    fill = alt.Color("arm:N", scale=alt.Scale(domain=arms, range=[shades[arm] for arm in arms]), legend=legend)
    data = [
        {**asdict(p), "low": p.accuracy if p.low is None else p.low, "high": p.accuracy if p.high is None else p.high}
        for p in points
    ]
    base = alt.Chart(alt.Data(values=data)).encode(x=x, color=fill)
    chance = [{"value": point.value, "chance": point.chance} for point in points if point.arm == first.arm]
    return alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=1.5, opacity=0.85).encode(y=y),
        base.mark_point(filled=True, size=45, opacity=1).encode(y=y),
        alt.Chart(alt.Data(values=chance))
        .mark_line(color=ink, strokeDash=[5, 4], strokeWidth=1.2)
        .encode(x=x, y="chance:Q"),
    ).properties(width=260, height=190, title=", ".join(filter(None, [first.model, first.family, spaced(first.split)])))
