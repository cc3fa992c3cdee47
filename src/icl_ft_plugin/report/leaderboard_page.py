"""The leaderboard as files: ``leaderboard.html``, and beside it the same numbers as Markdown, CSV and Parquet.

It begins with sentences such as "Simple reversals, reversal, icl: nano is first with 100%; smollm2-135m (41%) is behind
(p < 0.001)."
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from icl_ft_plugin.families import named
from icl_ft_plugin.report.findings import p_text, spaced
from icl_ft_plugin.report.leaderboard import Scored, rank, read_results, shortened
from icl_ft_plugin.report.orderings import LEVEL
from icl_ft_plugin.report.table_rows import p_value

HEADER = ("rank", "model", "% [95% interval]", "n (facts)", "p to the first", "contamination")


def write_leaderboard(folders: Sequence[Path], out: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """Rank the models under some folders and write the page and the tables.

    Args:
        folders: lm-eval's output folders.
        out: The HTML file; the others get its name and another suffix.

    Returns:
        The records of ``leaderboard.rank``, and the files.

    Raises:
        UsageError: The folders hold no samples of our tasks.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from icl_ft_plugin.report.page import write_page

    results = shortened(read_results(folders))
    records = rank(results)
    files = [write_page(render(results, records), out)]
    for suffix, text in ((".md", to_markdown(records)), (".csv", _csv(records))):
        files.append(write_page(text, out.with_suffix(suffix)))
    pq.write_table(pa.Table.from_pylist(records), out.with_suffix(".parquet"))
    return records, [*files, out.with_suffix(".parquet")]


def render(results: Sequence[Scored], records: Sequence[dict[str, Any]]) -> str:
    """Return the page."""
    from icl_ft_plugin.report.page import fill

    datasets = _grouped(records, "family", "config")
    several = len({family for family, _ in datasets}) < len(datasets)
    families = [
        {
            "anchor": f"b{i}",
            "title": named(family).title,
            "config": _knobs(config) if several else "",
            "lists": [
                {"title": f"{spaced(split)}, {condition}", "rows": rows}
                for (split, condition), rows in _main_first(family, _grouped(of, "split", "condition"))
            ],
        }
        for i, ((family, config), of) in enumerate(datasets.items())
    ]
    models = len({scored.model for scored in results})
    return fill(
        "leaderboard.html.j2",
        name="Leaderboard",
        models=f"{models} model{'' if models == 1 else 's'}",
        questions=f"{sum(len(scored.items) for scored in results):,}",
        found=sentences(records),
        families=families,
    )


def _main_first(family: str, lists: dict[Any, list[dict[str, Any]]]) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Put the split that the family is about, in context, first."""
    return sorted(
        lists.items(), key=lambda entry: (entry[0][0] != named(family).main, entry[0][0], entry[0][1] == "closed")
    )


def sentences(records: Sequence[dict[str, Any]]) -> list[str]:
    """Say who is first on each family's main split in context, whether that is sure, and who is contaminated."""
    said = []
    for (family, split, condition, _), rows in _grouped(records, "family", "split", "condition", "config").items():
        if split != (named(family).main or split) or condition == "closed":
            continue
        first, *others = rows
        text = f"{named(family).title}, {spaced(split)}, {condition}: {first['model']} is first with {100 * first['accuracy']:.0f}%"
        if others:
            behind = sum(row["p_best"] is not None and row["p_best"] < LEVEL for row in others)
            next_p = p_text(others[0]["p_best"])
            text += f"; {behind} of {len(others)} others are surely behind (the next: {others[0]['model']}, {100 * others[0]['accuracy']:.0f}%, {next_p})"
        said.append(text + ".")
    bad = list(dict.fromkeys(row["model"] for row in records if row["contamination"] == "above chance"))
    if bad:
        said.append(f"Above chance with a bare question somewhere, so to be read with care: {', '.join(bad)}.")
    return said


def to_markdown(records: Sequence[dict[str, Any]]) -> str:
    """Return all lists as Markdown tables."""
    parts = ["# Leaderboard", *sentences(records)]
    for (family, config, split, condition), rows in _grouped(records, "family", "config", "split", "condition").items():
        lines = [HEADER, ["---"] * len(HEADER), *map(_line, rows)]
        parts += [
            f"## {named(family).title}, {spaced(split)}, {condition}",
            *filter(None, [_knobs(config)]),
            "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines),
        ]
    return "\n\n".join(parts) + "\n"


def _line(row: dict[str, Any]) -> list[str]:
    accuracy, low, high = (f"{100 * row[key]:.1f}" for key in ("accuracy", "low", "high"))
    mark = " ↓" if row["against_chance"] == "below" else ""
    return [
        str(row["rank"]),
        row["model"],
        f"{accuracy} [{low}, {high}]{mark}",
        f"{row['n']} ({row['facts']})",
        p_value(row["p_best"]),
        row["contamination"],
    ]


def _knobs(config: str) -> str:
    return ", ".join(f"{key}={value}" for key, value in json.loads(config).items())


def _csv(records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _grouped(records: Sequence[dict[str, Any]], *keys: str) -> dict[Any, list[dict[str, Any]]]:
    def key(record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record[name] for name in keys)

    return {name: list(rows) for name, rows in groupby(sorted(records, key=key), key=key)}
