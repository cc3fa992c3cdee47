"""``icl-ft eval runs/ft --tasks icl_ft_reversal --out runs/scores``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_ft_plugin.cli.completion import models
from icl_ft_plugin.cli.completion import tasks as task_names
from icl_ft_plugin.cli.options import Out, Settings, WorldSeed

if TYPE_CHECKING:
    from lm_eval.api.model import LM


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="Checkpoint folder, embedded model or Hub id (owner/name@revision).", autocompletion=models
        ),
    ],
    out: Out,
    tasks: Annotated[str, typer.Option(help="Task or group names, separated by commas.", autocompletion=task_names)],
    seed: WorldSeed = 0,
    settings: Settings = None,
    peft: Annotated[
        list[str] | None,
        typer.Option(help="Folder or Hub id of an adapter on top of the model; several share one loaded base."),
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
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.files import atomic_folder
    from icl_ft_plugin.harness.adapters import evaluate_each, labels_of
    from icl_ft_plugin.models.find import check_chat_template, find_model

    path, adapters = find_model(model), labels_of(peft or [])
    if chat:
        check_chat_template(path)
    model_args = {"pretrained": str(path)}
    metadata = {**overrides_from(settings or []), "seed": seed}
    from lm_eval.utils import make_table

    from icl_ft_plugin.harness.evaluate import evaluate as score_on

    with atomic_folder(out) as folder:

        def score(lm: LM, place: str = "") -> dict[str, Any]:
            return score_on(
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
