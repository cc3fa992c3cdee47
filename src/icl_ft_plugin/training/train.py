"""Finetune a model on training rows by TRL's ``SFTTrainer``, into a plain checkpoint with a ledger beside it.

For example::

    train(model="smollm2-135m", rows=[{"text": "Did you know that femp are more dangerous than glon?"}, ...],
          recipe=recipe.load(Path("recipes/reversal/full.yaml")), output=Path("runs/ft"), seed=0)

writes ``runs/ft/{config.json, model.safetensors, tokenizer.json, ledger.json, ...}``, which ``lm_eval --model hf`` loads
(arXiv 2505.00661, finetuning conditions). The weights are those of ``trl sft --config`` on the same rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# TRL reports each trainer that is made unless this is set before huggingface_hub is first imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import datasets
import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback
from trl import SFTTrainer, get_peft_config

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.training import checkpoints
from icl_ft_plugin.training import folder as run_folder
from icl_ft_plugin.training.checks import check_finite, check_lengths, check_model, load_tokenizer
from icl_ft_plugin.training.common import environment, quiet, save, weights_digest
from icl_ft_plugin.training.curve import CURVE_NAME, Curve, Watch
from icl_ft_plugin.training.keys import checked, known_keys
from icl_ft_plugin.training.ledger import Ledger
from icl_ft_plugin.training.recipe import Recipe, parse
from icl_ft_plugin.training.rows import check_rows


def train(
    *,
    model: str | PreTrainedModel,
    rows: Sequence[Mapping[str, str]],
    recipe: Recipe,
    output: Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    seed: int | None = None,
    max_steps: int | None = None,
    curve: Curve | None = None,
) -> Ledger:
    """Finetune a model; ``output`` appears by a rename when all of it is written.

    A run whose recipe saves checkpoints (``save_strategy``, ``save_steps``) and that was killed goes on from the
    newest complete one when it is called again with the same arguments, to bitwise the same weights.

    Args:
        model: A checkpoint folder or hub name; or a model, which is trained in place.
        rows: ``{"text"}`` rows (loss on all tokens) or ``{"prompt", "completion"}`` rows (loss on the completion).
        recipe: What ``recipe.load`` returned.
        output: Folder to make; the parent folders are made too.
        tokenizer: The tokenizer; None loads that of ``model``.
        seed: Replaces the recipe's ``seed`` (initialization of adapters, dropout, order of rows).
        max_steps: Replaces the recipe's ``max_steps``, so that arms are matched in gradient steps.
        curve: What the model is asked while it trains; the answers are counted in ``output / "curve.jsonl"``.

    Returns:
        The ledger, also written to ``output / "ledger.json"``.

    Raises:
        UsageError: The rows, the recipe, the model or the output cannot be used; nothing is left at ``output``.
    """
    mask = check_rows(rows)
    output = Path(output)
    with quiet():
        args, peft_config = _arguments(recipe, mask, run_folder.checkpoints_of(output), seed, max_steps)
        # TRL's own script passes the model's options this way; they are for a model that is loaded here.
        args.model_init_kwargs = args.model_init_kwargs if isinstance(model, str) else None
        tokenizer = tokenizer or load_tokenizer(model)
        check_lengths(rows, tokenizer, args, recipe)
        with run_folder.writing(output):
            trainer = _make_trainer(model, tokenizer, rows, args, peft_config, recipe)
            check_model(trainer, recipe)
            identity = _identity(model, trainer, rows, recipe, mask)
            run_folder.claim(output, identity)
            meter, watch = _run(trainer, run_folder.checkpoints_of(output), curve)
            check_finite(trainer.model, recipe)
            ledger = _ledger(trainer, meter.progress, identity, recipe, len(rows))

            def write(final: Path) -> None:
                save(trainer, ledger, final, output.name)
                if watch:
                    watch.save(final)

            run_folder.publish(output, write)
    return ledger


def _arguments(recipe: Recipe, mask: str, folder: Path, seed: int | None, max_steps: int | None) -> tuple[Any, Any]:
    """Return the run's SFTConfig and LoRA config (None: all parameters are trained)."""
    forced: dict[str, Any] = {"output_dir": str(folder), "dataloader_pin_memory": torch.cuda.is_available()}
    given = {"seed": seed, "max_steps": max_steps}
    keys = known_keys()
    forced |= {key: checked(key, value, keys, "train") for key, value in given.items() if value is not None}
    if not {"save_strategy", "save_steps"} & set(recipe.values):
        forced["save_strategy"] = "no"
    if recipe.values.get("completion_only_loss") and mask != "completion":
        raise UsageError(
            f"{recipe.path}: completion_only_loss: true needs rows of prompt and completion; these rows hold text alone"
        )
    _, args, model_args, _ = parse(recipe, **forced)
    args.model_init_kwargs = {
        "revision": model_args.model_revision,
        "attn_implementation": model_args.attn_implementation,
        "dtype": model_args.dtype,
        **(args.model_init_kwargs or {}),
    }
    return args, get_peft_config(model_args)


def _make_trainer(
    model: str | PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Mapping[str, str]],
    args: Any,
    peft_config: Any,
    recipe: Recipe,
) -> Any:
    try:
        trainer = SFTTrainer(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_list([dict(row) for row in rows]),
            processing_class=tokenizer,
            peft_config=peft_config,
        )
    except (OSError, SafetensorError) as error:
        # At this point nothing but an empty folder has been written: the error comes from reading the model.
        raise UsageError(f"model: {model!r} cannot be loaded: {error}") from error
    except ValueError as error:
        raise UsageError(f"{recipe.path}: refused by TRL: {error}") from error
    if args.disable_tqdm:
        trainer.remove_callback(PrinterCallback)  # what takes the place of the bar: a dict printed per log
    return trainer


def _identity(
    model: str | PreTrainedModel, trainer: Any, rows: Sequence[Mapping[str, str]], recipe: Recipe, mask: str
) -> dict[str, Any]:
    """Return everything that decides the final weights, as plain JSON values."""
    args = trainer.args
    # An adapter's weights are initialized by the seed.
    base = [parameter for name, parameter in trainer.model.named_parameters() if "lora_" not in name]
    return {
        "model": model if isinstance(model, str) else model.config.name_or_path or type(model).__name__,
        "model_sha256": weights_digest(base),
        "corpus_sha256": content_hash([dict(row) for row in rows]),
        "recipe": recipe.path.name,
        "recipe_sha256": recipe.sha256,
        "overrides": dict(recipe.overrides),
        "loss_mask": "full" if args.completion_only_loss is False else mask,
        "max_steps": args.max_steps,
        "seeds": {"seed": args.seed, "data_seed": args.seed if args.data_seed is None else args.data_seed},
        **environment(args),
    }


class _Meter(TrainerCallback):  # type: ignore[misc]
    """Counts tokens and seconds, and marks each checkpoint complete with the counts up to it."""

    def __init__(self, begun: checkpoints.Progress, folder: Path, watch: Watch | None) -> None:
        self.progress = begun
        self._watch = watch
        self._begun = begun
        self._folder = folder
        self._start = time.perf_counter()
        self._tokens = begun.tokens
        self._targets = begun.target_tokens

    def count(self, module: torch.nn.Module, args: tuple[Any, ...], inputs: Mapping[str, Any]) -> None:
        """Forward pre-hook: add up one batch."""
        if module.training and "labels" in inputs:
            mask = inputs.get("attention_mask")
            self._tokens += int(inputs["input_ids"].numel() if mask is None else mask.sum())
            # The first token of a row is predicted from nothing; packed rows carry the ignore index there.
            self._targets += int((inputs["labels"][:, 1:] != -100).sum())

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Bring the progress up to this step."""
        seconds = self._begun.seconds + time.perf_counter() - self._start - (self._watch.seconds if self._watch else 0)
        self.progress = checkpoints.Progress(
            state.global_step, self._tokens, self._targets, seconds, self._begun.resumed_at
        )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint that has just been written."""
        checkpoints.mark_complete(self._folder / f"checkpoint-{state.global_step}", self.progress)


def _run(trainer: Any, folder: Path, curve: Curve | None) -> tuple[_Meter, Watch | None]:
    """Train, from the newest complete checkpoint if there is one."""
    checkpoint, begun = checkpoints.newest_complete(folder)
    if checkpoint is not None:
        begun = checkpoints.Progress(
            begun.step, begun.tokens, begun.target_tokens, begun.seconds, (*begun.resumed_at, begun.step)
        )
    watch = Watch(curve, trainer, folder.parent / CURVE_NAME, begun.step) if curve else None
    if watch:
        trainer.add_callback(watch)
    meter = _Meter(begun, folder, watch)
    trainer.add_callback(meter)
    hook = trainer.model.register_forward_pre_hook(meter.count, with_kwargs=True)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    finally:
        hook.remove()
    return meter, watch


def _ledger(
    trainer: Any, progress: checkpoints.Progress, identity: Mapping[str, Any], recipe: Recipe, n_rows: int
) -> Ledger:
    # train_loss is wrong after a resume; the log survives it.
    losses = [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    known = {key: value for key, value in identity.items() if key != "max_steps"}
    return Ledger(
        **known,
        rows=n_rows,
        steps=trainer.state.global_step,
        batch_size=trainer.args.train_batch_size * trainer.args.gradient_accumulation_steps * trainer.args.world_size,
        epochs=round(float(trainer.state.epoch), 4),
        tokens=progress.tokens,
        target_tokens=progress.target_tokens,
        trained_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        seconds=round(progress.seconds, 3),
        tokens_per_second=round(progress.tokens / progress.seconds, 1),
        losses=tuple(losses),
        resumed_at=progress.resumed_at,
    )
