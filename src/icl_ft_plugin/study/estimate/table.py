"""What a study will cost, as a person reads it: a table by model, worlds and arm, and where its rates are from."""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.study.estimate.cost import Cost, Used
from icl_ft_plugin.study.progress.show import aligned

HEADER = ("", "cells", "to do", "tokens trained on", "tokens written", "prompt tokens", "minutes")


def table(costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    """Return as text the header, a row per model, worlds and arm, and their sum; all but the cells is what is left to do."""
    groups: dict[str, list[Cost]] = {}
    for cost in costs:
        groups.setdefault(cost.cell.labels.group, []).append(cost)
    return [HEADER, *(_row(name, group) for name, group in groups.items()), _row("all", costs)]


def _row(name: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    left = [cost for cost in costs if not cost.done]
    about = "~" if any(cost.estimated for cost in left) else ""
    trained = [cost.trained for cost in left if cost.trained is not None]
    more = "+ ?" if len(trained) < len(left) else ""
    written = sum(tokens for cost in left for tokens in cost.written.values())
    minutes = sum(seconds for cost in left for seconds in cost.seconds.values()) / 60
    return (
        name,
        str(len(costs)),
        str(len(left)),
        f"{about}{sum(trained):,}{more}",
        f"~{written:,}" if written else "0",
        f"{sum(cost.prompts or 0 for cost in left):,}{'+ ?' if any(cost.prompts is None for cost in left) else ''}",
        f"{about}{minutes:.1f}{more or ('+ ?' if any(cost.untimed for cost in left) else '')}",
    )


def lines(costs: Sequence[Cost], rates: Used) -> list[str]:
    """Return the table and the rates behind its minutes, aligned for a terminal."""
    width = max(map(len, rates), default=0)
    sources = [
        f"  {what.ljust(width)}  {rate.tokens_per_second:>9,.0f}  {', '.join(families)}: {rate.source}"
        for what, found in rates.items()
        for rate, families in found.items()
    ]
    note = (
        "Minutes are those of one process, one cell after the other; prompts are counted as if no prefix were shared."
    )
    if any(cost.estimated for cost in costs if not cost.done):
        note += " ~: estimated: what models have not written yet, or a sample of many rows."
    if any(cost.trained is None for cost in costs if not cost.done):
        note += " ?: sdft is not estimated."
    if any(cost.untimed for cost in costs):
        note += " Minutes leave out answers that are written, and what an engine does."
    unshared = {cost.cell.model.name: cost.unshared for cost in costs if cost.unshared and not cost.done}
    warned = [f"{name}: prefixes are not shared: {reason}" for name, reason in unshared.items()]
    found = ["Tokens a second, and where the rate is from:", *sources] if sources else []
    return [*aligned(table(costs)), "", note, *warned, *found]
