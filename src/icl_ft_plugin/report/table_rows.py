"""The rows of every table of the report, as text; the Markdown, the terminal and the page show the same ones.

For example ``gap_rows(block)`` begins ``[["arm", "reversal", ...], ["ft+oracle", "84 [51, 103]", ...]]``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from icl_ft_plugin.report.summary import Block


def accuracy_rows(block: Block) -> list[list[str]]:
    """Return as text the header, the chance line and one row per arm."""
    chance = {split: record["chance"] for (_, split), record in block.accuracy.items()}
    rows = [
        ["arm", "n (facts)", *block.splits],
        ["chance", "", *(f"{100 * chance[split]:.1f}" for split in block.splits)],
    ]
    for arm in block.arms:
        records = [block.accuracy.get((arm, split)) for split in block.splits]
        found = [record for record in records if record]
        n = f"{_range(record['n'] for record in found)} ({_range(record['facts'] for record in found)})"
        rows.append([arm, n, *map(_cell, records)])
    return rows


def compute_rows(block: Block) -> list[list[str]]:
    """Return as text what each arm cost."""
    columns = {
        "training runs": "training_runs",
        "gradient steps": "steps",
        "training tokens": "training_tokens",
        "augmentation tokens": "augmentation_tokens",
        "prompt tokens per question": "prompt_tokens",
    }
    if not any(cost["augmentation_tokens"] for cost in block.compute.values()):
        del columns["augmentation tokens"]
    return [
        ["arm", *columns],
        *([arm, *(f"{block.compute[arm][key]:,}" for key in columns.values())] for arm in block.arms),
    ]


def label_rows(block: Block) -> dict[str, list[list[str]]]:
    """Return per title, e.g. ``"gold word: less / more"``, the accuracies by a label that has 2 to 6 values."""
    tables = {}
    for label in dict.fromkeys(label for record in block.accuracy.values() for label in record["labels"]):
        found = {key: record["labels"].get(label, {}) for key, record in block.accuracy.items()}
        values = sorted({value for entries in found.values() for value in entries})
        if 2 <= len(values) <= 6:
            tables[f"{label.replace('_', ' ')}: {' / '.join(values)}"] = [
                ["arm", *block.splits],
                *(
                    [arm, *(_parts(found.get((arm, split), {}), values) for split in block.splits)]
                    for arm in block.arms
                ),
            ]
    return tables


def _parts(entries: dict[str, dict[str, float]], values: list[str]) -> str:
    return " / ".join(f"{100 * entries[value]['accuracy']:.1f}" if value in entries else "-" for value in values)


def _cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    accuracy, low, high = (f"{100 * record[key]:.1f}" for key in ("accuracy", "low", "high"))
    return f"{accuracy} [{low}, {high}]{' ↓' if record['against_chance'] == 'below' else ''}"


def _range(numbers: Iterable[int]) -> str:
    distinct = sorted(set(numbers))
    return "-".join(map(str, distinct[:1] + distinct[1:][-1:]))


def gap_rows(block: Block) -> list[list[str]]:
    """Return the share of the gap between ft and icl that each arm closes, in %; header only where there is none."""
    found = {(record["arm"], record["split"]): record for record in block.gaps}
    arms = list(dict.fromkeys(arm for arm, _ in found))
    return [
        ["arm", *block.splits],
        *([arm, *(_gap_cell(found.get((arm, split))) for split in block.splits)] for arm in arms),
    ]


def _gap_cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    if record["closed"] is None:
        return "undefined"
    low, high = ("unbounded" if record[key] is None else f"{100 * record[key]:.0f}" for key in ("low", "high"))
    return f"{100 * record['closed']:.0f} [{low}, {high}]"


def gap_reasons(block: Block) -> list[str]:
    """Return why the gap is undefined, once per split."""
    reasons = {record["split"]: record["reason"] for record in block.gaps if record["closed"] is None}
    return [f"{split}: {reason}." for split, reason in reasons.items()]


def comparison_rows(block: Block) -> list[list[str]]:
    """Return every pair of arms on every split: difference in points, interval, p-values, what could be detected."""
    header = ["split", "difference", "points [95% interval]", "p", "p (Holm)", "detectable (points)"]
    return [header, *(_comparison(record) for record in block.comparisons)]


def _comparison(record: dict[str, Any]) -> list[str]:
    difference, low, high = (f"{100 * record[key]:+.1f}" for key in ("difference", "low", "high"))
    detectable = "" if record["detectable"] is None else f"{100 * record['detectable']:.0f}"
    return [
        record["split"],
        f"{record['arm']} - {record['than']}",
        f"{difference} [{low}, {high}]",
        p_value(record["p"]),
        p_value(record["p_holm"]),
        detectable,
    ]


def p_value(p: float | None) -> str:
    """Return a p-value to three places."""
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def ordering_rows(block: Block) -> list[list[str]]:
    """Return the paper's orderings with their verdicts."""
    header = ["split", "ordering", "verdict", "p", "p of the contrary"]
    rows = [
        [record["split"], record["claim"], record["verdict"], p_value(record["p"]), p_value(record["p_contrary"])]
        for record in block.orderings
    ]
    return [header, *rows]


def variance_rows(block: Block) -> list[list[str]]:
    """Return where an arm's answers vary, as shares of the variance of a single answer."""
    sources = ("world", "seed", "item", "rest")
    rows = []
    for (arm, split), record in block.accuracy.items():
        parts = record["variance"]
        total = sum(parts.get(source) or 0.0 for source in sources)
        shares = (
            ["-" if parts.get(source) is None else f"{100 * parts[source] / total:.0f}" for source in sources]
            if total
            else ["-"] * 4
        )
        rows.append([split, arm, f"{total:.3f}", *shares])
    return [["split", "arm", "variance", "world seed %", "training seed %", "item %", "item x training seed %"], *rows]
