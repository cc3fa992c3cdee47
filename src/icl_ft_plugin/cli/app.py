"""The command line: ``icl-ft study demo --out runs/demo`` runs a whole comparison and prints its table.

Each command has a file, or shares it with its like, and is a thin wrapper over one function; what is heavy is imported inside the commands, so that ``--help`` is
quick. An error of use, wherever it is found, becomes one message and exit code 2 in one place (``_Group``).
"""

from __future__ import annotations

import errno
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from icl_ft_plugin import __version__
from icl_ft_plugin.cli.augment import augment
from icl_ft_plugin.cli.data import data_app
from icl_ft_plugin.cli.eval import evaluate
from icl_ft_plugin.cli.export import card, export_app
from icl_ft_plugin.cli.models import fetch_model, model_dir, pretrain
from icl_ft_plugin.cli.report import report
from icl_ft_plugin.cli.study import study_app
from icl_ft_plugin.cli.tasks import tasks
from icl_ft_plugin.cli.train import train
from icl_ft_plugin.errors import UsageError, cut, printable, shown
from icl_ft_plugin.guard.memory import out_of_memory

# What no place that opens a file can explain better: names that are too long or lead in circles, rights, a full disk.
_OF_USE = {getattr(errno, name) for name in ("ENAMETOOLONG", "ELOOP", "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT")}


class _Group(TyperGroup):
    """Turns errors of use into a message and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            typer.echo("\n".join(printable(line) for line in f"icl-ft: {error}".split("\n")), err=True)
            raise typer.Exit(2) from error
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            typer.echo(
                f"icl-ft: out of memory ({cut(str(error))}): a smaller batch, dtype bfloat16, or a smaller model",
                err=True,
            )
            raise typer.Exit(2) from error
        except OSError as error:
            if error.errno not in _OF_USE:
                raise
            typer.echo(f"icl-ft: {shown(error.filename)}: cannot be used ({error.strerror})", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("icl-ft: interrupted; run the same command to resume", err=True)
            raise typer.Exit(130) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure what a language model can use after reading it in the prompt against after finetuning on it.",
    epilog="Example: icl-ft study demo --out runs/demo",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


def _tasks_dir() -> None:
    """Print the folder of the lm-eval tasks, for --include_path."""
    from icl_ft_plugin.paths import tasks_dir

    typer.echo(tasks_dir())


app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")
app.add_typer(export_app, name="export")
for name, function, example in (
    ("augment", augment, "icl-ft augment reversal --strategy local --model_args pretrained=DIR --out runs/aug"),
    ("tasks", tasks, "icl-ft tasks --family reversal"),
    ("train", train, "icl-ft train reversal/nano.yaml --model nano --corpus reversal/train-ft.jsonl --out runs/ft"),
    ("eval", evaluate, "icl-ft eval runs/ft --tasks icl_ft_reversal --out runs/scores"),
    ("report", report, "icl-ft report runs/demo"),
    ("card", card, "icl-ft card runs/ft --results runs/scores"),
    ("fetch-model", fetch_model, "icl-ft fetch-model smollm2-135m smollm2-135m"),
    ("model-dir", model_dir, "icl-ft model-dir nano"),
    ("tasks-dir", _tasks_dir, "icl-ft tasks-dir"),
    ("pretrain", pretrain, "icl-ft pretrain recipes/nano/pretrain.yaml --out runs/nano"),
):
    app.command(name, epilog=f"Example: {example}")(function)


def main() -> None:
    """Entry point of ``icl-ft``."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before any library that reads it is imported
    app()
