"""The commands for what leaves this place: ``icl-ft export upstream reversal --out .../lm_eval/tasks/icl_ft_reversal``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icl_ft_plugin.cli.completion import families

export_app = typer.Typer(no_args_is_help=True, help="Task folders that stand alone in other projects.")


@export_app.command("upstream")
def upstream(
    family: Annotated[str, typer.Argument(help="Dataset family; `icl-ft tasks` lists all.", autocompletion=families)],
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write: lm_eval/tasks/NAME of a checkout; it must not exist.")
    ],
) -> None:
    """Write a family as a task folder for lm-evaluation-harness itself, and its row into the checkout's table."""
    from icl_ft_plugin.export import readme
    from icl_ft_plugin.export.upstream import upstream as write
    from icl_ft_plugin.families import family_of

    table = write(family, out)
    typer.echo(f"{out}: {len(list(out.glob('*.yaml')))} tasks")
    row = readme.row(out.name, family_of(family).description)
    typer.echo(f"row added to {table}" if table else f"row for lm_eval/tasks/README.md:\n{row}")


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
