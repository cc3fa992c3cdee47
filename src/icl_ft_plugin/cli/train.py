"""``icl-ft train reversal/nano --model nano --corpus rows.jsonl --out runs/ft``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_ft_plugin.cli.completion import models, recipes
from icl_ft_plugin.cli.options import Settings
from icl_ft_plugin.errors import UsageError, shown

if TYPE_CHECKING:
    from icl_ft_plugin.training.ledger import Ledger
    from icl_ft_plugin.training.recipes.recipe import Recipe


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or its place under recipes/.", autocompletion=recipes)],
    out: Annotated[Path | None, typer.Option("--out", "--output", help="Folder to make.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Folder, embedded model or Hub id; the recipe's by default.", autocompletion=models),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Training rows, JSON lines; or the folder of a world or of own documents. The recipe's by default."
        ),
    ] = None,
    rows: Annotated[
        str, typer.Option("--rows", help="What a row of a folder's documents is: documents, messages, sentences, ...")
    ] = "documents",
    seed: Annotated[int | None, typer.Option(help="Training seed; the recipe's by default.")] = None,
    launch: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Train in several processes: a file of recipes/accelerate, or one of your own."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what memory the training takes and whether it is there; train nothing."),
    ] = False,
    settings: Settings = None,
    repository: Annotated[
        str | None, typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload it as a model, private if new.")
    ] = None,
) -> None:
    """Finetune a model by a TRL recipe, into a plain checkpoint with a ledger and a card."""
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.export import hub
    from icl_ft_plugin.models.find import find_model
    from icl_ft_plugin.training.launch import launch_config
    from icl_ft_plugin.training.recipes.recipe import find_recipe, load

    if repository is not None:
        hub.check(repository)
    loaded = load(find_recipe(recipe), overrides_from(settings or []))
    name = model or loaded.model
    if name is None:
        raise UsageError(f"{loaded.path}: model_name_or_path is missing; name the model with --model")
    processes = launch_config(launch) if launch is not None else None
    if dry_run:
        from icl_ft_plugin.training.recipes.fit import report

        path = str(find_model(name, weights=False, revision=loaded.values.get("model_revision")))
        typer.echo("\n".join(report(path, loaded, processes, _longest(path, loaded, corpus, rows))))
        return
    if out is None:
        raise UsageError("--out is missing: name the folder to make")
    path = str(find_model(name))
    what = {"model": path, "rows": _rows(path, loaded, corpus, rows), "recipe": loaded, "output": out, "seed": seed}
    ledger = _train(what, processes)
    typer.echo(f"{out}: {ledger.steps} steps, {ledger.tokens:,} tokens, {ledger.seconds:.0f} s")
    if repository is not None:
        typer.echo(hub.push(out, repository, "model"))


def _train(what: dict[str, Any], launch: Mapping[str, object] | None) -> Ledger:
    from icl_ft_plugin.training import launch as several
    from icl_ft_plugin.training import train as one

    return one.train(**what) if launch is None else several.train(**what, launch=launch)


def _longest(model: str, recipe: Recipe, corpus: Path | None, rows: str) -> int | None:
    """Return the tokens of the longest row; None where the rows are not there yet."""
    from icl_ft_plugin.training.checks import load_tokenizer, longest_row
    from icl_ft_plugin.training.rows import as_trl

    if corpus is None:
        try:
            there = bool(recipe.data_files)
        except UsageError:
            there = False
        if not there:
            return None
    given = as_trl(_rows(model, recipe, corpus, rows))
    return longest_row(given, load_tokenizer(model), recipe.values.get("eos_token"))


def _rows(model: str, recipe: Recipe, corpus: Path | None, rows: str) -> list[Any]:
    """Return the rows to train on: a file's, or those of the documents of a folder."""
    from icl_ft_plugin.training.rows import read_rows

    if corpus is None or not corpus.is_dir():
        return [row for file in ([corpus] if corpus else recipe.data_files) for row in read_rows(file)]
    from icl_ft_plugin.arms.corpus import DOCUMENTS, training_documents
    from icl_ft_plugin.arms.rows import ROWS, known_rows
    from icl_ft_plugin.arms.splitting import within
    from icl_ft_plugin.harness.tokens import tokens_needed
    from icl_ft_plugin.worlds.folder import load_world

    try:
        make = ROWS[known_rows(rows)]
    except ValueError as error:
        raise UsageError(f"--rows {shown(rows)} {error}") from None
    world = load_world(corpus)
    documents = training_documents(world, [DOCUMENTS])
    most = recipe.values.get("max_length", 1024)
    if rows == "documents" and most and not recipe.values.get("packing"):
        pieces = list(within(documents, most - 1, tokens_needed({"pretrained": model}, "--corpus").count))  # 1: its end
        if len(pieces) > len(documents):
            long = len(documents) - len({d.id for d in documents} & {d.id for d in pieces})
            typer.echo(
                f"{corpus}: {long} of {len(documents)} documents have more than max_length: {most} tokens and are split "
                f"between sentences: {len(pieces)} rows",
                err=True,
            )
        documents = pieces
    return make(world, documents)
