"""The command ``icl-ft report``: of a study's folder, or of lm-eval's output folders.

``icl-ft report runs/demo`` prints the comparison table and writes it, and the page ``runs/demo/report.html``;
``icl-ft report their/results more/results`` ranks the models that are scored there and writes ``leaderboard.html``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icl_ft_plugin.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="A study's folder, or output folders of lm_eval.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; DIR/report.html, or leaderboard.html, by default.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            metavar="FOLDER",
            help="Also keep a study's items and costs there, to report again; an archive that is there grows.",
        ),
    ] = None,
) -> None:
    """Write and print the comparison table of a study, and its page; or a leaderboard of lm-eval's results."""
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise UsageError(f"--out {out}: name a file in a folder that exists, e.g. report.html")
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        raise UsageError(f"{', '.join(missing)}: no such folder; name a study's, or output folders of lm_eval")
    studies = [folder for folder in folders if (folder / "study.json").is_file()]
    if len(folders) == 1 and (studies or not _holds_results(folders[0])):
        _study(folders[0], out, archive)
    elif studies:
        raise UsageError(f"{studies[0]}: a study; report one study at a time, or several folders of lm-eval's output")
    elif archive is not None:
        raise UsageError(f"--archive {archive}: of a study alone")
    else:
        _leaderboard(folders, out or Path("leaderboard.html"))


def _holds_results(folder: Path) -> bool:
    return next(folder.rglob("samples_icl_ft_*.jsonl"), None) is not None


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


def _study(folder: Path, out: Path | None, archive: Path | None) -> None:
    from icl_ft_plugin.report.findings import findings
    from icl_ft_plugin.report.store.archive import write_archive
    from icl_ft_plugin.report.table import missing_note, to_rich, write_table
    from icl_ft_plugin.report.table_rows import legend
    from icl_ft_plugin.report.words import about, title
    from icl_ft_plugin.report.write import missing_packages, write_report

    found, blocks, files = write_table(folder, None if out is None else out.parent)
    console = _console()
    for block in blocks:
        for table in to_rich(block):
            console.print(table)
        console.print(f"{legend(block)}\n{about(block)}", highlight=False, markup=False)
    for block in blocks:
        console.print(f"\n{title(block)}", style="bold", highlight=False, markup=False)
        for text in findings(block):
            console.print(text, highlight=False, markup=False)
    if note := missing_note(found):
        console.print(note, style="bold red")
    missing = missing_packages()
    if out is not None or not missing:
        files += write_report(found, blocks, out or folder / "report.html")
    if archive is not None:
        write_archive(found, archive)
        files.append(archive)
    typer.echo("\n".join(["written:", *(f"  {file}" for file in files)]))
    if out is None and missing:
        typer.echo(f"no page: {', '.join(missing)} not installed (pip install 'icl-ft-plugin[report]')")
    if found.damaged:
        raise UsageError("\n".join(found.damaged))


def _leaderboard(folders: list[Path], out: Path) -> None:
    from icl_ft_plugin.report.leaderboard.page import sentences, to_rich, write_leaderboard
    from icl_ft_plugin.report.write import require_packages

    require_packages()
    lists, files = write_leaderboard(folders, out)
    console = _console()
    for text in sentences(lists):
        console.print(text, highlight=False, markup=False)
    for table in to_rich(lists):
        console.print(table)
    typer.echo("\n".join(["written:", *(f"  {file}" for file in files)]))
