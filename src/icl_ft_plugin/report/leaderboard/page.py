"""The leaderboard as files: ``leaderboard.html``, and beside it the same numbers as Markdown, CSV and Parquet.

It begins with sentences such as "Simple reversals, reversal, icl: nano is first with 100%; 1 of 1 others is surely behind (the next:
smollm2-135m, 41%, p < 0.001)."
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from icl_ft_plugin.families import named
from icl_ft_plugin.report.leaderboard.rank import Rank, Ranking, rank
from icl_ft_plugin.report.leaderboard.read import read_results
from icl_ft_plugin.report.store.parquet import kinds_of, write_rows
from icl_ft_plugin.report.table import markdown, to_csv
from icl_ft_plugin.report.table_rows import Rows
from icl_ft_plugin.report.verdicts import LEVEL
from icl_ft_plugin.report.words import BELOW, interval, p_text, p_value, percent, spaced

if TYPE_CHECKING:
    from rich.table import Table

HEADER = ["rank", "model", "% [95% interval]", "n (facts)", "p to the first", "contamination"]


def write_leaderboard(folders: Sequence[Path], out: Path) -> tuple[list[Ranking], list[Path]]:
    """Rank the models under some folders and write the page and the tables.

    Args:
        folders: lm-eval's output folders.
        out: The HTML file; the others get its name and another suffix.

    Returns:
        The lists, and the files.

    Raises:
        UsageError: The folders hold no samples of our tasks.
    """
    from icl_ft_plugin.report.html.page import write_page

    lists = rank(read_results(folders))
    records = [record for each in lists for record in _records(each)]
    files = [write_page(render(lists), out)]
    for suffix, text in ((".md", to_markdown(lists)), (".csv", to_csv(records))):
        files.append(write_page(text, out.with_suffix(suffix)))
    return lists, [*files, write_rows(out.with_suffix(".parquet"), records, kinds_of(records))]


def _records(ranking: Ranking) -> Iterator[dict[str, object]]:
    about = {key: value for key, value in asdict(ranking).items() if key not in ("ranks", "shared")}
    about["worlds"] = len(ranking.worlds)
    for each in ranking.ranks:
        yield {**about, **asdict(each)}


def render(lists: Sequence[Ranking]) -> str:
    """Return the page."""
    from icl_ft_plugin.report.html.page import fill

    datasets = [(key, list(of)) for key, of in groupby(lists, lambda each: (each.family, each.config))]
    several = len({family for (family, _), _ in datasets}) < len(datasets)
    families = [
        {
            "anchor": f"b{i}",
            "title": named(family).title,
            "config": _knobs(config) if several or named(family).generate is None else "",
            "lists": [
                {"title": _title(each), "notes": [each.note, *_shared(each)], "rows": each.ranks}
                for each in _main_first(of)
            ],
        }
        for i, ((family, config), of) in enumerate(datasets)
    ]
    models = len({each.model for ranking in lists for each in ranking.ranks})
    return fill(
        "leaderboard.html.j2",
        name="Leaderboard",
        models=f"{models} model{'' if models == 1 else 's'}",
        questions=f"{sum(each.n for ranking in lists for each in ranking.ranks):,}",
        found=sentences(lists),
        families=families,
    )


def _title(ranking: Ranking) -> str:
    scope = f" ({ranking.scope})" if ranking.scope else ""
    return f"{spaced(ranking.split)}, {ranking.condition}{scope}"


def _main_first(lists: Sequence[Ranking]) -> list[Ranking]:
    """Put the split that the family is about, in context, first."""
    return sorted(
        lists, key=lambda each: (each.split != named(each.family).main, each.split, each.condition == "closed")
    )


def sentences(lists: Sequence[Ranking]) -> list[str]:
    """Say who is first on each family's main split in context, whether that is sure, and who is contaminated."""
    said = []
    for ranking in lists:
        if ranking.split != (named(ranking.family).main or ranking.split) or ranking.condition == "closed":
            continue
        first, *others = ranking.ranks
        first_is = "is first with" if others else "is right in"
        text = f"{named(ranking.family).title}, {_title(ranking)}: {first.model} {first_is} {percent(first.accuracy)}"
        text += f"; {_behind(others)}" if others else f", chance {percent(first.chance)}"
        said.append(" ".join([f"{text}{f' ({ranking.note})' if ranking.note else ''}.", *_shared(ranking)]))
    ranks = [each for ranking in lists for each in ranking.ranks]
    bad = list(dict.fromkeys(each.model for each in ranks if each.contamination == "above chance"))
    if bad:
        said.append(f"Above chance with a bare question somewhere, so to be read with care: {', '.join(bad)}.")
    return said


def _shared(ranking: Ranking) -> list[str]:
    """Say how the models of a list apart compare with the first of the largest list."""
    said = []
    for each in ranking.shared:
        ends = "" if each.low is None or each.high is None else f" [{100 * each.low:+z.0f}, {100 * each.high:+z.0f}]"
        said.append(
            f"On the {each.questions} questions that both were asked, {each.model} {percent(each.accuracy)} and {each.than} "
            f"{percent(each.other)}: {100 * each.difference:+z.0f} points{ends}."
        )
    return said


def _behind(others: Sequence[Rank]) -> str:
    following = f"the next: {others[0].model}, {percent(others[0].accuracy)}"
    if others[0].p_best is None:
        return f"nothing is tested with fewer than three worlds ({following})"
    behind = sum(each.p_best is not None and each.p_best < LEVEL for each in others)
    return f"{behind} of {len(others)} others are surely behind ({following}, {p_text(others[0].p_best)})"


def to_markdown(lists: Sequence[Ranking]) -> str:
    """Return all lists as Markdown tables."""
    parts = ["# Leaderboard", *sentences(lists)]
    for ranking in lists:
        parts += [
            f"## {named(ranking.family).title}, {_title(ranking)}",
            *filter(None, [*_about(ranking), *_shared(ranking)]),
            markdown(_rows(ranking)),
        ]
    return "\n\n".join(parts) + "\n"


def to_rich(lists: Sequence[Ranking]) -> list[Table]:
    """Return the lists for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    tables = []
    for ranking in lists:
        heading = f"{named(ranking.family).title}, {_title(ranking)}"
        about = ", ".join(filter(None, _about(ranking)))
        table = Table(title=escape(heading), caption=escape(about), title_justify="left", box=SIMPLE_HEAD)
        header, *body = _rows(ranking)
        for name in header:
            table.add_column(name, overflow="fold")
        for row in body:
            table.add_row(*map(escape, row))
        tables.append(table)
    return tables


def _about(ranking: Ranking) -> list[str]:
    return [_knobs(ranking.config), f"chance {percent(ranking.ranks[0].chance)}", ranking.note]


def _rows(ranking: Ranking) -> Rows:
    return [HEADER, *map(_row, ranking.ranks)]


def _row(each: Rank) -> list[str]:
    mark = f" {BELOW}" if each.against_chance == "below" else ""
    shown = f"{100 * each.accuracy:.1f}{interval(each.low, each.high)}{mark}"
    return [str(each.rank), each.model, shown, f"{each.n} ({each.facts})", p_value(each.p_best), each.contamination]


def _knobs(config: str) -> str:
    """Return knobs in words; own documents have the folder that they were read from."""
    knobs = json.loads(config)
    return (
        f"documents of {knobs['path']}" if list(knobs) == ["path"] else ", ".join(f"{k}={v}" for k, v in knobs.items())
    )
