"""Writes everything a report consists of beside the tables.

For a study ``runs/demo``: ``report.html`` (or the file asked for), beside it ``figures/reversal-nano.svg``, ``.pdf``
and ``.png``, and ``table.parquet`` (as ``table.csv``), ``items.parquet`` (every scored question), ``items.R`` and ``items.py`` (the mixed model).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.stats.scale import scaled
from icl_ft_plugin.report.store.parquet import kinds_of, write_rows
from icl_ft_plugin.report.store.read import Study
from icl_ft_plugin.report.table import csv_records, to_markdown, write_table
from icl_ft_plugin.report.words import title

NEEDED = ("altair", "vl_convert", "jinja2", "pyarrow")


@dataclass(frozen=True, slots=True)
class Report:
    """What a study found; ``print`` shows its tables, and a notebook renders them.

    Attributes:
        study: What was scored.
        blocks: Its numbers, of each model on each entry of worlds.
        files: What was written.
    """

    study: Study
    blocks: tuple[Block, ...]
    files: tuple[Path, ...]

    @property
    def findings(self) -> dict[str, list[str]]:
        """What was found, in sentences, by the title of a block; the most important first."""
        return {title(block): findings(block) for block in self.blocks}

    def __repr__(self) -> str:
        """One line, however many numbers there are."""
        cells = f"{len(self.study.cells)} of {self.study.planned} cells"
        return f"<Report {self.study.name!r}: {cells}, {len(self.files)} files in {str(self.study.folder)!r}>"

    def __str__(self) -> str:
        """The tables, as Markdown."""
        return to_markdown(self.study, list(self.blocks))

    def _repr_markdown_(self) -> str:
        return str(self)


def report(folder: str | Path, output: str | Path | None = None) -> Report:
    """Write the comparison table of a study and its page, as ``icl-ft report`` does.

    Args:
        folder: The study's folder.
        output: The page; ``report.html`` in the folder by default, where the packages of ``icl-ft-plugin[report]`` are there.

    Raises:
        UsageError: The folder holds no study, or no complete cell yet; or a file cannot be written.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> small = ["arms=[pretrained, icl]", "worlds.0.config.n_facts=5"]
        >>> icl_ft.run_study("demo", "runs/demo", overrides=small)
        >>> made = icl_ft.report("runs/demo")
        >>> made.files[0].name
        'table.md'
        >>> print(made)  # doctest: +ELLIPSIS
        # demo
        ...
    """
    study, blocks, files = write_table(Path(folder))
    if output is not None or not missing_packages():
        files += write_report(study, blocks, Path(output or Path(folder) / "report.html"))
    return Report(study, tuple(blocks), tuple(files))


def missing_packages() -> list[str]:
    """Return which of the packages that the page is made with are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def require_packages() -> None:
    """Stop where the page cannot be made.

    Raises:
        UsageError: A package is missing.
    """
    if missing := missing_packages():
        raise UsageError(f"the page needs {', '.join(missing)}: pip install 'icl-ft-plugin[report]'")


def write_report(study: Study, blocks: Sequence[Block], out: Path) -> list[Path]:
    """Write the page, the figures and the Parquet tables.

    Args:
        study: What was scored.
        blocks: Its numbers.
        out: The HTML file; all else stands beside it.

    Returns:
        The files.

    Raises:
        UsageError: A package is missing, or the file cannot be written.
    """
    require_packages()
    from icl_ft_plugin.report.html import figures, measured, page, scaling
    from icl_ft_plugin.report.store.export import write_items

    try:
        files = [page.write_page(page.render(study, blocks), out)]
        for block in blocks:
            name = f"{block.worlds}-{block.model}"
            drawn = {name: figures.family_figure(block)}
            drawn |= {f"{name}-{end}": chart for end, chart in measured.panels(block, ink="#222222").items()}
            for called, chart in drawn.items():
                files += figures.save(chart, out.parent / "figures", _file_name(called))
        for axis, panels in scaling.panels(scaled(study), ink="#222222").items():
            files += figures.save(figures.side_by_side(panels), out.parent / "figures", _file_name(f"scaling-{axis}"))
        files += write_items(study, out.parent)
        records = csv_records(blocks)
        files.append(write_rows(out.parent / "table.parquet", records, kinds_of(records)))
    except OSError as error:
        raise UsageError(f"{error.filename or out}: cannot be written ({error.strerror})") from error
    return files


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name).strip("._") or "figure"
