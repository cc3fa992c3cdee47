"""The commands for what leaves this place: ``icl-ft export upstream reversal celebrity --out .../lm_eval/tasks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icl_ft_plugin.cli.completion import families

UPSTREAM = "Example: icl-ft export upstream reversal celebrity --out lm-evaluation-harness/lm_eval/tasks"
export_app = typer.Typer(no_args_is_help=True, help="Task folders that stand alone in other projects.", epilog=UPSTREAM)


@export_app.command("upstream", epilog=UPSTREAM)
def upstream(
    family: Annotated[
        list[str],
        typer.Argument(
            metavar="FAMILY...", help="Dataset families; `icl-ft tasks` lists all.", autocompletion=families
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to make it in: lm_eval/tasks of a checkout.")],
    results: Annotated[
        list[Path] | None,
        typer.Option(help="lm-eval's results on a public model, a file or output folder; may be repeated."),
    ] = None,
) -> None:
    """Write the task folder icl_ft for lm-evaluation-harness itself, and its row into the checkout's table."""
    from icl_ft_plugin.export import readme
    from icl_ft_plugin.export.upstream import DESCRIPTION, NAME
    from icl_ft_plugin.export.upstream import upstream as write

    table = write(family, out, results or [])
    typer.echo(out / NAME)
    typer.echo(
        f"row added to {table}" if table else f"row for lm_eval/tasks/README.md:\n{readme.row(NAME, DESCRIPTION)}"
    )


def card(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model or adapter that `train` wrote.")],
    results: Annotated[
        list[Path] | None, typer.Option(help="lm-eval's results of it, a file or output folder; may be repeated.")
    ] = None,
) -> None:
    """Write a trained model's card anew, with its scores in the form that the Hub shows."""
    from icl_ft_plugin.training.card import read_results, write_model_card
    from icl_ft_plugin.worlds.card import CARD

    write_model_card(folder, read_results(results or []))
    typer.echo(folder / CARD)
