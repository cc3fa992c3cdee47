"""Learning curves: a model is scored by lm-evaluation-harness while it trains, every so many gradient steps.

One line per step and split of ``curve.jsonl``, beside the weights and then in the study's cell, which the report draws::

    {"step": 50, "split": "reversal", "accuracy": 0.45, "questions": 20}

The weights are bitwise those of a run without a curve, and its seconds are not counted as training. A run that was
killed and goes on from a checkpoint keeps the points up to that checkpoint and scores the others anew.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import torch
from transformers import TrainerCallback

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_jsonl, write_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer, TrainerControl, TrainerState, TrainingArguments


CURVE_NAME = "curve.jsonl"


@dataclass(frozen=True, slots=True)
class Curve:
    """What a model is asked while it trains.

    Attributes:
        tasks: Names of lm-eval tasks of this package.
        metadata: World seed and generator knobs; ``pretrained``, whose tokenizer and window a prompt in context needs.
        every: Gradient steps between two scorings; step 0 and the last step are scored too.
        questions: Questions per task, the first ones; None asks all.
        batch_size: Of the scoring.
        chat_template: Whether a prompt is a turn of a chat, by the model's own template.
    """

    tasks: Sequence[str]
    metadata: Mapping[str, object]
    every: int
    questions: int | None = None
    batch_size: int = 8
    chat_template: bool = False


class Watch(TrainerCallback):  # type: ignore[misc]
    """The callback that scores and writes.

    Args:
        curve: What is asked.
        trainer: Whose model is asked.
        file: Written anew, in one rename, at each point.
        begun: Step that the run goes on from: points of later steps were made by a run that was killed.

    Attributes:
        seconds: What the scoring has taken, in wall time.

    Raises:
        UsageError: The run has several processes, of which each holds a part of the batch or of the model.
    """

    def __init__(self, curve: Curve, trainer: Trainer, file: Path, begun: int = 0) -> None:
        if trainer.args.world_size > 1:
            raise UsageError("curve_every: a learning curve needs a training run of one process; leave it out")
        from icl_ft_plugin._register import our_tasks

        self.seconds = 0.0
        self._curve = curve
        self._trainer = trainer
        self._file = file
        self._points = _read(file, begun) if begun else []
        self._tasks = our_tasks(curve.metadata).load(list(curve.tasks))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Score the model as it is before the first step."""
        if state.global_step == 0:
            self._score(0)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Score after every so many steps, and after the last."""
        if state.global_step % self._curve.every == 0 or state.global_step == state.max_steps:
            self._score(state.global_step)

    def save(self, folder: Path) -> None:
        """Put the curve beside the weights."""
        shutil.copy(self._file, folder / CURVE_NAME)

    def _score(self, step: int) -> None:
        begun = time.perf_counter()
        model = self._trainer.model
        with _undisturbed(model):
            right = self._ask(model)
        self._points += [
            {"step": step, "split": split, "accuracy": sum(hits) / len(hits), "questions": len(hits)}
            for split, hits in right.items()
        ]
        write_text(self._file, "".join(f"{json.dumps(point)}\n" for point in self._points))
        self.seconds += time.perf_counter() - begun

    def _ask(self, model: PreTrainedModel) -> dict[str, list[float]]:
        """Return by split whether each answer was right."""
        from lm_eval.evaluator import evaluate

        from icl_ft_plugin.prefix.lm import PrefixLM

        # Made anew each time: it keeps what the weights of an earlier step made of a prefix.
        lm = PrefixLM(model, tokenizer=self._trainer.processing_class, batch_size=self._curve.batch_size)
        results = evaluate(
            lm=lm,
            task_dict=self._tasks,
            limit=self._curve.questions,
            bootstrap_iters=0,
            apply_chat_template=self._curve.chat_template,
        )
        right: dict[str, list[float]] = {}
        for samples in results["samples"].values():
            for sample in samples:
                hit = sample["exact_match" if "exact_match" in sample else "acc"]
                right.setdefault(sample["doc"]["split"], []).append(float(hit))
        return right


def _read(file: Path, last: int) -> list[dict[str, Any]]:
    """Return the points up to a step."""
    points = read_jsonl(file) if file.is_file() else []
    return [point for point in points if point["step"] <= last]


@contextlib.contextmanager
def _undisturbed(model: PreTrainedModel) -> Iterator[None]:
    """Keep the training as it is: mode of the model, and every source of random numbers."""
    modes = [(module, module.training) for module in model.modules()]
    drawn, drawn_by_numpy = random.getstate(), numpy.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(drawn)
        numpy.random.set_state(drawn_by_numpy)
