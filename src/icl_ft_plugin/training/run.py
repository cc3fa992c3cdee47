"""One training run, of whatever kind: a trainer of TRL, what goes through it, its ledger and the folder it saves.

For example, of a full finetuning, a LoRA adapter, one of several processes, or a self-distillation::

    with quiet(), writing(output) as work:
        run = Run(trainer, Origin("models/nano", recipe, corpus_sha256="9f...", rows=1000, loss_mask="full"))
        claim(work, run.identity)
        run.train()  # goes on from the newest complete checkpoint in trainer.args.output_dir
        with atomic_folder(output, inside=work) as folder:
            run.save(folder, output.name)
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from safetensors import SafetensorError
from transformers import PrinterCallback

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import FULL
from icl_ft_plugin.guard.memory import enough_memory
from icl_ft_plugin.models.find import weights_hash
from icl_ft_plugin.training import checkpoints
from icl_ft_plugin.training.checks import check_finite
from icl_ft_plugin.training.curve import CURVE_NAME, Curve, Watch
from icl_ft_plugin.training.ledger import Ledger, environment
from icl_ft_plugin.training.meter import Batches, Counted, Meter, Trained
from icl_ft_plugin.training.recipes.fit import advice
from icl_ft_plugin.training.recipes.recipe import Recipe
from icl_ft_plugin.training.saving import save

if TYPE_CHECKING:
    from transformers import Trainer


@dataclass(frozen=True, slots=True)
class Origin:
    """What a run is made from, beside the trainer.

    Attributes:
        model: The base model as it was named.
        recipe: The recipe.
        corpus_sha256: Hash of all that is learned from.
        rows: Number of rows, each counted once.
        loss_mask: ``"full"`` or ``"completion"``.
        repeats: How often each row stands in the trainer's dataset.
    """

    model: str
    recipe: Recipe
    corpus_sha256: str
    rows: int
    loss_mask: str
    repeats: int = 1


class Run:
    """A training run.

    Args:
        trainer: A trainer of TRL that has not begun; its ``output_dir`` is where checkpoints are.
        origin: What it is made from.
        counted: Returns the tokens that the trainer has seen and those that bore the loss; by default, batches that
            have labels are counted.

    Attributes:
        trainer: The trainer.
        identity: Everything that decides the final weights, as plain JSON values.
    """

    def __init__(self, trainer: Trainer, origin: Origin, counted: Counted | None = None) -> None:
        self.trainer = trainer
        self._origin = origin
        self._counted = counted
        self._watch: Watch | None = None
        self._done = checkpoints.Progress()
        self._trained_parameters = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
        args = trainer.args
        # An adapter's weights are initialized by the seed.
        base = [parameter for name, parameter in trainer.model.named_parameters() if "lora_" not in name]
        self.identity: dict[str, Any] = {
            "model": origin.model,
            "model_sha256": weights_hash(base),
            "corpus_sha256": origin.corpus_sha256,
            "recipe": origin.recipe.path.name,
            "recipe_sha256": origin.recipe.sha256,
            "overrides": dict(origin.recipe.overrides),
            "loss_mask": origin.loss_mask,
            "max_steps": args.max_steps,
            "seeds": {"seed": args.seed, "data_seed": args.seed if args.data_seed is None else args.data_seed},
            **environment(args),
        }
        if args.disable_tqdm:
            trainer.remove_callback(PrinterCallback)  # what takes the place of the bar: a dict printed per log

    def train(self, curve: Curve | None = None) -> None:
        """Train, from the newest complete checkpoint if there is one.

        Args:
            curve: What the model is asked while it trains.

        Raises:
            UsageError: A curve is wanted of several processes, memory ran out, or the training diverged.
        """
        trainer, folder = self.trainer, Path(self.trainer.args.output_dir)
        checkpoint, begun = checkpoints.newest_complete(folder)
        if checkpoint is not None:
            begun = dataclasses.replace(begun, resumed_at=(*begun.resumed_at, begun.step))
        if curve:
            self._watch = Watch(curve, trainer, folder.parent / CURVE_NAME, begun.step)
            trainer.add_callback(self._watch)
        batches = Batches()
        meter = Meter(begun, folder, self._counted or batches.counted, self._watch)
        trainer.add_callback(meter)
        hook = trainer.model.register_forward_pre_hook(batches.add, with_kwargs=True)
        try:
            with enough_memory(f"{self._origin.recipe.path}: training", advice(self._origin.recipe)):
                trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Trained:
            trainer.callback_handler.on_train_end(trainer.args, trainer.state, trainer.control)
        finally:
            hook.remove()
        check_finite(trainer.model, self._origin.recipe)
        self._done = self._of_all_processes(meter.progress)

    @property
    def ledger(self) -> Ledger:
        """The record of the training that is done."""
        trainer, done = self.trainer, self._done
        args = trainer.args
        # train_loss is wrong after a resume; the log survives it.
        losses = [(entry["step"], float(entry["loss"])) for entry in trainer.state.log_history if "loss" in entry]
        return Ledger(
            **{key: value for key, value in self.identity.items() if key != "max_steps"},
            rows=self._origin.rows,
            steps=trainer.state.global_step,
            batch_size=args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
            epochs=round(float(trainer.state.epoch) * self._origin.repeats, 4),
            tokens=done.tokens,
            target_tokens=done.target_tokens,
            trained_parameters=self._trained_parameters,
            seconds=round(done.seconds, 3),
            tokens_per_second=round(done.tokens / done.seconds, 1),
            losses=tuple(losses),
            resumed_at=done.resumed_at,
        )

    def save(self, folder: Path, name: str) -> None:
        """Write the trained model, its ledger, card and curve into a folder that will have a name."""
        save(self.trainer, self.ledger, folder, name)
        if self._watch:
            self._watch.save(folder)

    def _of_all_processes(self, own: checkpoints.Progress) -> checkpoints.Progress:
        """Return the progress with the tokens of all processes, the seconds of this one."""
        accelerator = self.trainer.accelerator
        if accelerator.num_processes == 1:
            return own
        counts = torch.tensor([own.tokens, own.target_tokens], device=accelerator.device)
        tokens, targets = (int(count) for count in accelerator.reduce(counts, "sum"))
        return dataclasses.replace(own, tokens=tokens, target_tokens=targets)


@contextlib.contextmanager
def refusals(model: object, recipe: Recipe, by: str = "TRL") -> Iterator[None]:
    """Turn what goes wrong while a trainer is made into errors of use: nothing has been written then.

    Raises:
        UsageError: The model cannot be loaded, for lack of memory or otherwise, or the values of the recipe are refused.
    """
    with enough_memory(f"{recipe.path}: model: {model!r}", advice(recipe)):
        try:
            yield
        except (OSError, SafetensorError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            raise UsageError(f"model: {model!r} cannot be loaded: {error}") from error
        except (
            ValueError,
            ImportError,
        ) as error:  # of an extra that a key asks for: bitsandbytes, liger-kernel, deepspeed
            raise UsageError(f"{recipe.path}: refused by {by}: {error}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' bars for loading, mapping and saving, and two warnings that do not apply."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled(), not datasets.are_progress_bars_disabled()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*deprecated")
            yield
    finally:
        if shown[0]:
            logging.enable_progress_bar()
        if shown[1]:
            datasets.enable_progress_bars()
