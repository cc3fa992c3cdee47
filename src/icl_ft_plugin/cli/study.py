"""The commands on studies: ``icl-ft study demo --out runs/demo`` runs a whole comparison and prints its table.

``icl-ft study STUDY`` is short for ``icl-ft study run STUDY``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from icl_ft_plugin.cli.completion import studies
from icl_ft_plugin.cli.options import Settings, folded
from icl_ft_plugin.cli.report import report
from icl_ft_plugin.errors import UsageError, printable, shown, suggest
from icl_ft_plugin.paths import study_names

if TYPE_CHECKING:
    from icl_ft_plugin.study.executors.local import Executor
    from icl_ft_plugin.study.schema import StudyConfig


class _RunByDefault(TyperGroup):
    """Takes what is no command of the group for the study to run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            name, *_ = args
            hint = "" if name in study_names() or Path(name).exists() else suggest(name, self.commands)
            if hint:
                raise UsageError(f"study: {shown(name)} is no command, no file and no study that ships{hint}")
            args = ["run", *args]
        return super().parse_args(ctx, args)


study_app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Grids of worlds, models, arms and seeds. `icl-ft study STUDY` is short for `icl-ft study run STUDY`.",
    epilog="Example: icl-ft study demo --out runs/demo",
)


@study_app.command(epilog="Example: icl-ft study run demo --out runs/demo")
def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY", help="Study file, or the name of one that ships (demo).", autocompletion=studies
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The study's folder; made, or gone on with.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the study, list its cells, estimate their cost and what they can tell."),
    ] = False,
    power: Annotated[
        float | None,
        typer.Option(help="Say how many worlds and runs tell the effect with this probability; run nothing."),
    ] = None,
    effect: Annotated[float, typer.Option(help="With --power: the true difference, in points.")] = 10,
    rates: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="With --dry-run or --power: a study that was run on this machine."),
    ] = None,
    settings: Settings = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that share the cells; 0: this one alone.")] = 0,
    executor: Annotated[str, typer.Option(help="Where cells run: local, or ray (a Ray cluster).")] = "local",
    cpus: Annotated[
        float | None, typer.Option("--cpus-per-cell", min=0, help="What a cell asks Ray for; 1 by default.")
    ] = None,
    gpus: Annotated[
        float | None, typer.Option("--gpus-per-cell", min=0, help="What a cell asks Ray for; 0 by default.")
    ] = None,
) -> None:
    """Run a grid of worlds, models, arms and seeds; started again, it runs only the missing cells."""
    from icl_ft_plugin.study.config import load_study
    from icl_ft_plugin.study.models import left_out
    from icl_ft_plugin.study.plan import plan

    config = load_study(file, settings)
    if power is not None:
        typer.echo(folded(_needed(config, _studies(rates or []), power, effect)))
        return
    if dry_run:
        from icl_ft_plugin.study.estimate.cost import Estimator
        from icl_ft_plugin.study.estimate.memory import memory_lines
        from icl_ft_plugin.study.estimate.power import power_lines
        from icl_ft_plugin.study.estimate.table import lines

        measured = _studies(rates or [])
        cells = plan(config, weights=False)
        for cell in cells:
            done = out is not None and (out / "cells" / cell.key).is_dir()
            typer.echo(folded([f"{cell.key}  {'done' if done else 'to do'}  {cell}"]))
            for label in cell.also:
                typer.echo(f"{cell.key}  the same   {label}")
        for line in left_out(config):
            typer.echo(line)
        estimator = Estimator([*([out] if out else []), *measured], own=out is not None)
        costs = estimator.costs(cells)
        told = [*lines(costs, estimator.rates), *memory_lines(costs), *power_lines(cells, measured)]
        typer.echo(folded(["", *told]))
        return
    if rates:
        raise UsageError("--rates tells --dry-run how fast this machine is: add --dry-run, or leave it out")
    if out is None:
        raise UsageError("--out is missing: name the study's folder")
    from icl_ft_plugin.study.run import Incomplete, run_study

    chosen = _executor(executor, workers, cpus, gpus)
    for line in left_out(config):
        typer.echo(line, err=True)
    try:
        with _progress() as announce:
            run_study(config, out, announce, chosen)
    except Incomplete:
        if any((out / "cells").glob("[!.]*")):
            report([out])
        raise
    report([out])


@study_app.command(epilog="Example: icl-ft study status runs/demo")
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.")],
) -> None:
    """Show how far a study has come: what is done, running, failed and damaged, and the time left."""
    from icl_ft_plugin.study.progress.status import lines, read_status

    found = read_status(folder)
    typer.echo("\n".join(lines(found)))
    if found.count("damage"):
        raise typer.Exit(2)


@study_app.command(epilog="Example: icl-ft study verify runs/demo")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study's folder; or a world's, an augmentation's.")],
) -> None:
    """Compare every byte of a study's cells and augmentations with what was written; exit code 2 where one differs."""
    from icl_ft_plugin.study.progress.verify import verify as compare

    found = compare(folder)
    for fault in found.faults:
        typer.echo(printable(fault))
    typer.echo(printable(found.summary))
    if found.faults:
        raise typer.Exit(2)


def _needed(config: StudyConfig, measured: list[Path], power: float, effect: float) -> list[str]:
    from icl_ft_plugin.study.estimate.power import needed_lines
    from icl_ft_plugin.study.plan import plan

    if not 0 < power < 1:
        raise UsageError(f"--power {power:g}: a probability between 0 and 1, e.g. 0.8")
    if not 0 < effect <= 100:
        raise UsageError(f"--effect {effect:g}: points, more than 0 and at most 100")
    return needed_lines(plan(config, weights=False), measured, effect / 100, power)


def _studies(folders: list[Path]) -> list[Path]:
    for folder in folders:
        if not (folder / "study.json").is_file():
            raise UsageError(f"--rates {folder}: no study there")
    return folders


def _executor(name: str, workers: int, cpus: float | None, gpus: float | None) -> Callable[..., Executor]:
    """Return what runs the cells, by the options that choose it."""
    if name not in ("local", "ray"):
        raise UsageError(f"--executor {shown(name)}{suggest(name, ('local', 'ray'))}: local or ray")
    if name == "ray":
        from icl_ft_plugin.study.executors.ray import Ray

        if workers:
            raise UsageError(
                f"--workers {workers}: the cluster's size decides with --executor ray; leave one of them out"
            )
        return partial(Ray, cpus=1 if cpus is None else cpus, gpus=gpus or 0)
    if cpus is not None or gpus is not None:
        raise UsageError("--cpus-per-cell and --gpus-per-cell are what a cell asks Ray for: add --executor ray")
    if workers:
        from icl_ft_plugin.study.executors.workers import Workers

        return partial(Workers, count=workers)
    from icl_ft_plugin.study.executors.local import InProcess

    return InProcess


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar over the cells."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    # A copy of standard error, which the runner sends to the log.
    console = Console(file=os.fdopen(os.dup(2), "w"))
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("planning", total=None)
        yield lambda text, done, total: bar.update(
            task, description=escape(printable(text)), completed=done, total=total
        )
