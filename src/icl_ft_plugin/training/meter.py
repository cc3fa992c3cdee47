"""What goes through a model in training, counted: tokens, those that bear the loss, and seconds.

For example the batch of one row of five tokens, a completion of two behind a prompt of three, is ``(5, 2)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import TrainerCallback

from icl_ft_plugin.training import checkpoints
from icl_ft_plugin.training.curve import Watch

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


Counted = Callable[[], tuple[int, int]]


class Batches:
    """Counts the tokens of the batches that a model is trained on."""

    def __init__(self) -> None:
        self._tokens = self._targets = 0

    def add(self, module: torch.nn.Module, args: tuple[object, ...], inputs: Mapping[str, torch.Tensor]) -> None:
        """Forward pre-hook: add up one batch."""
        if module.training and "labels" in inputs:
            mask = inputs.get("attention_mask")
            self._tokens += int(inputs["input_ids"].numel() if mask is None else mask.sum())
            # The first token of a row is predicted from nothing; packed rows carry the ignore index there.
            self._targets += int((inputs["labels"][:, 1:] != -100).sum())

    def counted(self) -> tuple[int, int]:
        """Return the tokens so far, padding excluded, and those of them that bore the loss."""
        return self._tokens, self._targets


class Trained(Exception):
    """All steps had been taken when the run was killed."""


class Meter(TrainerCallback):  # type: ignore[misc]
    """Notes tokens and seconds at each step, and marks each checkpoint complete with the counts up to it."""

    def __init__(self, begun: checkpoints.Progress, folder: Path, counted: Counted, watch: Watch | None) -> None:
        self.progress = begun
        self._begun = begun
        self._folder = folder
        self._counted = counted
        self._watch = watch
        self._start = time.perf_counter()

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Stop a trainer that resumes from the last step in the middle of an epoch: it would take one more."""
        if state.global_step >= state.max_steps:
            raise Trained

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Bring the progress up to this step."""
        tokens, targets = self._counted()
        seconds = time.perf_counter() - self._start - (self._watch.seconds if self._watch else 0)
        begun = self._begun
        self.progress = checkpoints.Progress(
            state.global_step,
            begun.tokens + tokens,
            begun.target_tokens + targets,
            begun.seconds + seconds,
            begun.resumed_at,
        )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Mark the checkpoint that has just been written."""
        checkpoints.mark_complete(self._folder / f"checkpoint-{state.global_step}", self.progress)
