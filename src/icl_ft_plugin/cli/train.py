"""``icl-ft train reversal/nano --model nano --corpus rows.jsonl --out runs/ft``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icl_ft_plugin.cli.completion import models, recipes
from icl_ft_plugin.cli.options import Out, Settings
from icl_ft_plugin.errors import UsageError


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or its place under recipes/.", autocompletion=recipes)],
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(help="Folder, embedded model or Hub id; the recipe's by default.", autocompletion=models),
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Training rows, JSON lines; the recipe's by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Training seed; the recipe's by default.")] = None,
    settings: Settings = None,
    repository: Annotated[
        str | None, typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload it as a model, private if new.")
    ] = None,
) -> None:
    """Finetune a model by a TRL recipe, into a plain checkpoint with a ledger and a card."""
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.export import hub
    from icl_ft_plugin.training.recipes.recipe import find_recipe, load
    from icl_ft_plugin.training.rows import read_rows

    if repository is not None:
        hub.check(repository)
    loaded = load(find_recipe(recipe), overrides_from(settings or []))
    name = model or loaded.model
    if name is None:
        raise UsageError(f"{loaded.path}: model_name_or_path is missing; name the model with --model")
    rows = [row for file in ([corpus] if corpus else loaded.data_files) for row in read_rows(file)]
    from icl_ft_plugin.training.train import train as finetune

    ledger = finetune(model=name, rows=rows, recipe=loaded, output=out, seed=seed)
    typer.echo(f"{out}: {ledger.steps} steps, {ledger.tokens:,} tokens, {ledger.seconds:.0f} s")
    if repository is not None:
        typer.echo(hub.push(out, repository, "model"))
