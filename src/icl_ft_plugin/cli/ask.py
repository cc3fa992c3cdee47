"""``icl-ft data ask handbook --model_args pretrained=DIR --out asked``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icl_ft_plugin.cli.augment import arguments_of, identity_of, progress
from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.guard.confidential import concealing, public

if TYPE_CHECKING:
    from collections.abc import Callable

    from icl_ft_plugin.augment.journal import Journal
    from icl_ft_plugin.augment.questions.write import Writing
    from icl_ft_plugin.schema import World


def data_ask(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of documents.jsonl; its questions are not read.")
    ],
    out: Annotated[Path, typer.Option("--out", "--output", help="Folder to write; started again, it goes on.")],
    model: Annotated[str, typer.Option(help="lm-eval model: icl_ft_hf, hf, vllm, local-completions ...")] = "icl_ft_hf",
    model_args: Annotated[str, typer.Option("--model_args", "--model-args", help="Its arguments: key=value,...")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind of question to write, of those in recipes/prompts/writing; may be repeated. Default: all."
        ),
    ] = None,
    choices: Annotated[int, typer.Option(min=2, help="Choices of a question, and questions of a block.")] = 4,
    documents: Annotated[int | None, typer.Option(min=1, help="Write about so many documents, the first; all.")] = None,
    temperature: Annotated[float, typer.Option(help="0 decodes greedily.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the sampling and the blocks.")] = 0,
    attempts: Annotated[int, typer.Option(min=1, help="How often a failing model is asked.")] = 5,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Prompts generated together; 8, and 1 a request to a server.")
    ] = None,
) -> None:
    """Let a model write questions about own documents, and keep those that stand up to what can be checked."""
    from icl_ft_plugin.augment.generate import load_lm
    from icl_ft_plugin.augment.questions.folder import make_folder
    from icl_ft_plugin.augment.questions.write import write
    from icl_ft_plugin.augment.settings import Settings
    from icl_ft_plugin.config import parsed
    from icl_ft_plugin.families.own.lines import KINDS
    from icl_ft_plugin.models.find import found_in

    world = _documents(folder)
    kinds = tuple(one for one in KINDS if one in (kind or KINDS))
    for name in kind or ():
        if name not in KINDS:
            raise UsageError(f"--kind: {shown(name)} is none of {', '.join(KINDS)}{suggest(name, KINDS)}")
    together = batch_size or (1 if "completions" in model else 8)
    settings = parsed(Settings, {"temperature": temperature, "seed": seed, "chunk": max(8, together)}, "ask")
    arguments = found_in(model, arguments_of(model_args))
    identity = identity_of(model, arguments)

    def make(journal: Journal) -> Writing:
        lm = load_lm(model, arguments, together)
        with concealing(arguments):
            return write(world, lm, identity, journal, settings, choices, documents, kinds, _progress, attempts)

    named = public(arguments)
    writer = Path(str(named.get("pretrained") or named.get("model") or model)).name
    about = {
        "model": {"model": model, "model_args": named, "hash": identity},
        "documents_hash": world.hash,
        "settings": {
            "kinds": kinds,
            "choices": choices,
            "documents": documents,
            "temperature": temperature,
            "seed": seed,
        },
    }
    writing = make_folder(out, folder / "documents.jsonl", make, writer, about)
    for name, counts in writing.counts.items():
        typer.echo(f"{name}: {', '.join(f'{count} {fate}' for fate, count in counts.items())}")
    kept = {kind: sum(map(len, blocks)) for kind, blocks in writing.blocks.items()}
    if not any(kept.values()):
        typer.echo(f"{out}: no question stood up to the checks; candidates.jsonl says why")
        return
    said = (
        f"{sum(writing.closed.values())} of them answered without evidence, {sum(kept.values()) / choices:g} by chance"
    )
    typer.echo(f"{out}: {sum(kept.values())} questions, {said}; read review.html before you use them")


def _progress(name: str) -> Callable[[int, int], None]:
    return progress(name, "")


def _documents(folder: Path) -> World:
    """Return the documents alone as a world: there may be no questions yet."""
    from dataclasses import replace

    from icl_ft_plugin.families.own.read import QUESTIONS, explained, read, world_of

    reading = read(folder)
    if errors := [problem for problem in reading.errors if problem.file != QUESTIONS]:
        raise UsageError(explained(folder, errors))
    return replace(world_of(reading), questions=())
