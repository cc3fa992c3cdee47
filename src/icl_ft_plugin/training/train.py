"""Finetune a model on training rows by TRL's ``SFTTrainer``, into a plain checkpoint with a ledger beside it.

For example::

    train("smollm2-135m", [{"text": "Did you know that femp are more dangerous than glon?"}, ...],
          recipe="reversal/full", output="runs/ft", seed=0)

writes ``runs/ft/{config.json, model.safetensors, tokenizer.json, ledger.json, ...}``, which ``lm_eval --model hf`` loads
(arXiv 2505.00661, finetuning conditions). The weights are those of ``trl sft --config`` on the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

# TRL reports each trainer that is made unless this is set before huggingface_hub is first imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import datasets
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTTrainer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import atomic_folder
from icl_ft_plugin.models.find import find_model
from icl_ft_plugin.paths import called
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.training.checks import check_lengths, check_model, load_tokenizer
from icl_ft_plugin.training.curve import Curve
from icl_ft_plugin.training.folder import checkpoints_in, claim, writing
from icl_ft_plugin.training.ledger import Ledger
from icl_ft_plugin.training.recipes.arguments import sft_arguments
from icl_ft_plugin.training.recipes.recipe import Recipe, find_recipe, load
from icl_ft_plugin.training.rows import as_trl, check_rows
from icl_ft_plugin.training.run import Origin, Run, quiet, refusals


def train(
    model: str | PreTrainedModel,
    rows: Sequence[Mapping[str, object]],
    *,
    recipe: Recipe | str | Path,
    output: str | Path,
    overrides: Mapping[str, object] | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    seed: int | None = None,
    max_steps: int | None = None,
    curve: Curve | None = None,
) -> Ledger:
    """Finetune a model; ``output`` appears by a rename when all of it is written.

    A run whose recipe saves checkpoints (``save_strategy``, ``save_steps``) and that was killed goes on from the
    newest complete one when it is called again with the same arguments, to bitwise the same weights.

    Args:
        model: A checkpoint folder, an embedded model's name or a Hub id (``owner/name@revision``); or a model of
            transformers in memory, which is trained in place.
        rows: ``{"text"}`` rows (loss on all tokens) or ``{"prompt", "completion"}`` rows (loss on the completion),
            or ``{"messages"}`` rows (loss on the last turn, the assistant's).
        recipe: A YAML file in TRL's keys, or its place under ``recipes/`` (``"reversal/nano"``); or what ``recipe.load``
            returned.
        output: Folder to make; the parent folders are made too. With an adapter's recipe it holds the adapter.
        overrides: Keys of the recipe to replace, e.g. ``{"learning_rate": 1e-3}``; of one that is loaded, ``recipe.load``
            has replaced them.
        tokenizer: The tokenizer; None loads that of ``model``.
        seed: Replaces the recipe's ``seed`` (initialization of adapters, dropout, order of rows).
        max_steps: Replaces the recipe's ``max_steps``, so that arms are matched in gradient steps.
        curve: What the model is asked while it trains; the answers are counted in ``output / "curve.jsonl"``.

    Returns:
        The ledger, also written to ``output / "ledger.json"``.

    Raises:
        UsageError: The rows, the recipe, the model or the output cannot be used; nothing is left at ``output``.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> few = {"max_steps": 2, "disable_tqdm": True}
        >>> ledger = icl_ft.train("nano", icl_ft.rows("ft", world), recipe="reversal/nano", output="runs/ft", overrides=few)
        >>> ledger.steps, ledger.rows == len(world.documents)
        (2, True)
    """
    output = Path(output)
    if isinstance(recipe, Recipe):
        if overrides:
            raise UsageError("overrides: the recipe is loaded; give them to recipe.load")
    else:
        recipe = load(find_recipe(recipe), overrides)
    if isinstance(model, str):
        model = str(find_model(model, revision=recipe.values.get("model_revision")))
    with quiet(), writing(output) as work:
        run = prepare(
            model=model,
            rows=rows,
            recipe=recipe,
            folder=checkpoints_in(work),
            tokenizer=tokenizer,
            seed=seed,
            max_steps=max_steps,
        )
        claim(work, run.identity)
        run.train(curve)
        with atomic_folder(output, inside=work) as folder:
            run.save(folder, output.name)
    return run.ledger


def prepare(
    *,
    model: str | PreTrainedModel,
    rows: Sequence[Mapping[str, object]],
    recipe: Recipe,
    folder: Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    seed: int | None = None,
    max_steps: int | None = None,
) -> Run:
    """Return the run that these arguments of ``train`` make, ready to begin.

    Args:
        model: As in ``train``.
        rows: As in ``train``.
        recipe: As in ``train``.
        folder: Where checkpoints are written, if the recipe saves any.
        tokenizer: As in ``train``.
        seed: As in ``train``.
        max_steps: As in ``train``.

    Raises:
        UsageError: The rows, the recipe or the model cannot be used.
    """
    mask = check_rows(rows)
    args, peft_config = sft_arguments(recipe, mask, folder, seed, max_steps)
    # TRL's own script passes the model's options this way; they are for a model that is loaded here.
    args.model_init_kwargs = args.model_init_kwargs if isinstance(model, str) else None
    tokenizer = tokenizer or load_tokenizer(model)
    given = as_trl(rows)
    check_lengths(given, tokenizer, args, recipe)
    with refusals(model, recipe):
        trainer = SFTTrainer(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_list(given),
            processing_class=tokenizer,
            peft_config=peft_config,
        )
    check_model(trainer, recipe)
    origin = Origin(
        model=called(model) if isinstance(model, str) else model.config.name_or_path or type(model).__name__,
        recipe=recipe,
        corpus_sha256=content_hash([dict(row) for row in rows]),
        rows=len(rows),
        loss_mask="full" if args.completion_only_loss is False else mask,
    )
    return Run(trainer, origin)
