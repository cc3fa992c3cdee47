"""The commands on worlds: ``icl-ft data build reversal --out reversal --arm ft``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from icl_ft_plugin.errors import UsageError

data_app = typer.Typer(no_args_is_help=True, help="Worlds and their training rows.")
Out = Annotated[Path, typer.Option("--out", "--output", help="Folder to write; it must not exist.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override; may be repeated.")]
WorldSeed = Annotated[int, typer.Option("--seed", help="World seed.")]


@data_app.command("build")
def data_build(
    family: Annotated[str, typer.Argument(help="Dataset family, e.g. reversal.")],
    out: Out,
    seed: WorldSeed = 0,
    settings: Settings = None,
    arms: Annotated[
        list[str] | None,
        typer.Option("--arm", help="Also write train-ARM.jsonl, the rows of this arm; may be repeated."),
    ] = None,
    worlds: Annotated[
        int | None, typer.Option(min=1, help="Write so many worlds, of consecutive seeds, each into OUT/seed-SEED.")
    ] = None,
) -> None:
    """Generate a world, or many: world.json, facts, documents and questions as JSON lines."""
    from icl_ft_plugin.corpus import atomic_folder, write_card
    from icl_ft_plugin.recipe import overrides_from

    knobs = overrides_from(settings or [])
    with atomic_folder(out) as folder:
        if worlds is None:
            counts = _write(family, seed, knobs, arms or [], folder)
        else:
            # One world at a time: memory does not grow with their number.
            for number in range(seed, seed + worlds):
                (folder / f"seed-{number}").mkdir()
                counts = _write(family, number, knobs, arms or [], folder / f"seed-{number}")
            write_card(folder, f"{family}, seeds {seed} to {seed + worlds - 1}", "seed-*/")
    typer.echo(f"{out}: {'' if worlds is None else f'{worlds} worlds, the last of '}{counts}")


def _write(family: str, seed: int, knobs: dict[str, Any], arms: list[str], folder: Path) -> str:
    """Write one world and the rows of some arms into an empty folder; return what they are, in words."""
    from icl_ft_plugin.augment.training import training_rows
    from icl_ft_plugin.corpus import write_jsonl, write_world
    from icl_ft_plugin.generators import generate
    from icl_ft_plugin.study_config import named_arm
    from icl_ft_plugin.study_plan import corpus_parts

    world = generate(family, seed, knobs)
    write_world(world, folder)
    counts = f"{len(world.facts)} facts, {len(world.documents)} documents, {len(world.questions)} questions"
    for name in arms:
        arm = named_arm(name)
        if not arm.corpus:
            raise UsageError(f"--arm {name!r}: this arm is not trained, so it has no rows")
        if arm.method != "finetune":
            raise UsageError(f"--arm {name!r}: this arm learns from a teacher in a study, not from rows")
        rows = training_rows(
            world,
            corpus_parts(world, arm),
            {},
            loss=arm.loss,
            splitting=arm.splitting,
            split_loss=arm.split_loss,
            rival=arm.transform,
        )
        write_jsonl(folder / f"train-{name}.jsonl", rows)
        counts += f", {len(rows)} rows of {name}"
    return counts


@data_app.command("verify")
def data_verify(
    world: Annotated[str, typer.Argument(metavar="WORLD", help="Folder that `data build` wrote, or a family.")],
    seed: WorldSeed = 0,
    settings: Settings = None,
) -> None:
    """Prove every answer of a world and refute every distractor; exit code 1 on a violation."""
    from icl_ft_plugin.corpus import context_documents, read_world
    from icl_ft_plugin.generators import generate
    from icl_ft_plugin.logic import verify
    from icl_ft_plugin.recipe import overrides_from

    if Path(world).is_dir():
        if settings or seed:
            raise UsageError(f"--seed and --set say how to generate a family; {world} is generated already")
        loaded = read_world(Path(world))
    else:
        loaded = generate(world, seed, overrides_from(settings or []))
    violations = verify(loaded, [context_documents(loaded)])
    for violation in violations:
        typer.echo(f"{violation.rule}: {violation.message}")
    splits = ", ".join(f"{sum(q.split == split for q in loaded.questions)} {split}" for split in loaded.splits)
    typer.echo(f"{loaded.family}, seed {loaded.seed}: {splits}: {len(violations) or 'no'} violations")
    if violations:
        raise typer.Exit(1)


@data_app.command("import-reversal-curse")
def data_import_reversal_curse(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the original *_prompts_*.jsonl files.")],
    out: Out,
    seed: Annotated[int, typer.Option(help="Draws the distractors, nothing else.")] = 0,
) -> None:
    """Read the data of the reversal curse (arXiv 2309.12288) into a world."""
    from icl_ft_plugin.corpus import save_world
    from icl_ft_plugin.generators.reversal_curse import load

    world = load(folder, seed)
    save_world(world, out)
    typer.echo(f"{out}: {len(world.facts)} facts, {len(world.documents)} documents, {len(world.questions)} questions")
