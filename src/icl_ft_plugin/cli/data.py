"""The commands on worlds: ``icl-ft data build reversal --out reversal --arm ft``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icl_ft_plugin.cli.ask import data_ask
from icl_ft_plugin.cli.completion import arms as arm_names
from icl_ft_plugin.cli.completion import families
from icl_ft_plugin.cli.options import BuildCommand, Out, Settings, WorldSeed
from icl_ft_plugin.errors import UsageError, cut, shown, suggest

if TYPE_CHECKING:
    from icl_ft_plugin.families.own.check import Tokens
    from icl_ft_plugin.worlds.card import Summary

data_app = typer.Typer(
    no_args_is_help=True,
    help="Worlds and their training rows.",
    epilog="Example: icl-ft data build reversal --out reversal",
)


@data_app.command(
    "build",
    cls=BuildCommand,
    epilog="Example: icl-ft data build reversal --set n_facts=20 --arm ft --out reversal",
)
def data_build(
    family: Annotated[str, typer.Argument(help="Dataset family; `icl-ft tasks` lists all.", autocompletion=families)],
    out: Out,
    seed: WorldSeed = 0,
    settings: Settings = None,
    arms: Annotated[
        list[str] | None,
        typer.Option(
            "--arm", help="Also write train-ARM.jsonl, the rows of this arm; may be repeated.", autocompletion=arm_names
        ),
    ] = None,
    worlds: Annotated[
        int | None, typer.Option(min=1, help="Write so many worlds, of consecutive seeds, each into OUT/seed-SEED.")
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Upload it as a dataset, private if new.")
    ] = None,
) -> None:
    """Generate a world, or many: world.json, facts, documents and questions as JSON lines."""
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.export import hub
    from icl_ft_plugin.files import atomic_folder, write_manifest
    from icl_ft_plugin.worlds.card import write_dataset_card

    if repository is not None:
        hub.check(repository)
    knobs = overrides_from(settings or [])
    with atomic_folder(out, manifest=True) as folder:
        if worlds is None:
            counts, _ = _write(family, seed, knobs, arms or [], folder)
        else:
            # One world at a time: memory does not grow with their number.
            summaries = []
            for number in range(seed, seed + worlds):
                (folder / f"seed-{number}").mkdir()
                counts, summary = _write(family, number, knobs, arms or [], folder / f"seed-{number}")
                write_manifest(folder / f"seed-{number}")
                summaries.append(summary)
            write_dataset_card(folder, summaries, arms or [])
    typer.echo(f"{out}: {'' if worlds is None else f'{worlds} worlds, the last of '}{counts}")
    if repository is not None:
        typer.echo(hub.push(out, repository, "dataset"))


def _write(family: str, seed: int, knobs: dict[str, object], arms: list[str], folder: Path) -> tuple[str, Summary]:
    """Write one world and the rows of some arms into an empty folder; return what they are, in words, for its card."""
    from icl_ft_plugin.augment.statements import rows
    from icl_ft_plugin.families import generate
    from icl_ft_plugin.files import write_jsonl
    from icl_ft_plugin.worlds.card import summarize, write_dataset_card
    from icl_ft_plugin.worlds.folder import write_world

    world = generate(family, seed, knobs)
    write_world(world, folder)
    counts = f"{len(world.facts)} facts, {len(world.documents)} documents, {len(world.questions)} questions"
    for name in arms:
        found = rows(name, world)
        write_jsonl(folder / f"train-{name}.jsonl", found)
        counts += f", {len(found)} rows of {name}"
    summary = summarize(world)
    write_dataset_card(folder, [summary], arms)
    return counts, summary


@data_app.command("verify", epilog="Example: icl-ft data verify reversal --seed 3")
def data_verify(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="Folder that `data build` wrote, or a family.")],
    seed: WorldSeed = 0,
    settings: Settings = None,
) -> None:
    """Prove every answer of a world and refute every distractor; exit code 1 on a violation."""
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.families import generate
    from icl_ft_plugin.worlds.context import context_documents
    from icl_ft_plugin.worlds.folder import load_world
    from icl_ft_plugin.worlds.verify import verify

    if Path(world).is_dir():
        if settings or seed:
            raise UsageError(f"--seed and --set say how to generate a family; {world} is generated already")
        loaded = load_world(Path(world))
    else:
        loaded = generate(world, seed, overrides_from(settings or []))
    violations = verify(loaded, [context_documents(loaded)])
    for violation in violations:
        typer.echo(cut(f"{violation.rule}: {violation.message}", 400))
    splits = ", ".join(f"{sum(q.split == split for q in loaded.questions)} {split}" for split in loaded.splits)
    typer.echo(f"{loaded.family}, seed {loaded.seed}: {splits}: {len(violations) or 'no'} violations")
    if violations:
        raise typer.Exit(1)


@data_app.command("import-reversal-curse", epilog="Example: icl-ft data import-reversal-curse original --out curse")
def data_import_reversal_curse(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the original *_prompts_*.jsonl files.")],
    out: Out,
    seed: Annotated[int, typer.Option(help="Draws the distractors, nothing else.")] = 0,
) -> None:
    """Read the data of the reversal curse (arXiv 2309.12288) into a world."""
    from icl_ft_plugin.families.celebrity.reversal_curse import load
    from icl_ft_plugin.worlds.folder import save_world

    world = load(folder, seed)
    save_world(world, out)
    typer.echo(f"{out}: {len(world.facts)} facts, {len(world.documents)} documents, {len(world.questions)} questions")


@data_app.command("check", epilog="Example: icl-ft data check handbook --model nano")
def data_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of documents.jsonl and questions.jsonl.")],
    model: Annotated[
        str | None,
        typer.Option(help="Count tokens with the tokenizer of this checkpoint folder, embedded model or Hub id."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 on warnings too.")] = False,
) -> None:
    """Explain everything that is wrong with own documents, by file, line and field; exit code 2 on errors."""
    from icl_ft_plugin.families.own.check import check

    found = check(folder, None if model is None else _tokens(model))
    for title, problems in (("error", found.errors), ("warning", found.warnings)):
        for problem in problems:
            typer.echo(f"{title}: {problem}")
    typer.echo("\n".join(found.summary))
    if not found.errors and not found.warnings:
        typer.echo(f"{folder}: nothing to complain of")
    else:
        typer.echo(f"{folder}: errors: {len(found.errors)}, warnings: {len(found.warnings)}")
    if found.errors or (strict and found.warnings):
        raise typer.Exit(2)


def _tokens(model: str) -> Tokens:
    """Return the tokenizer and window of a checkpoint."""
    from icl_ft_plugin.families.own.check import Tokens
    from icl_ft_plugin.models.find import find_model

    path = find_model(model, weights=False)
    from icl_ft_plugin.harness.tokens import tokens_needed

    found = tokens_needed({"pretrained": str(path)}, "--model")
    return Tokens(model, found.count, found.window)


@data_app.command("example", epilog="Example: icl-ft data example handbook handbook")
def data_example(
    name: Annotated[str, typer.Argument(help="handbook")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
) -> None:
    """Copy an example of own documents, to be read, changed and run."""
    import shutil

    from icl_ft_plugin.files import atomic_folder
    from icl_ft_plugin.paths import examples_dir

    names = sorted(path.name for path in examples_dir().iterdir() if path.is_dir())
    if name not in names:
        raise UsageError(f"example: {shown(name)} is none of {', '.join(names)}{suggest(name, names)}")
    with atomic_folder(folder) as temporary:
        for file in sorted((examples_dir() / name).iterdir()):
            shutil.copy(file, temporary / file.name)
    typer.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


data_app.command("ask", epilog="Example: icl-ft data ask handbook --model_args pretrained=DIR --out asked")(data_ask)
