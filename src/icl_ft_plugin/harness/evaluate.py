"""Scores a model: ``evaluate(["icl_ft_reversal_closed"], model="runs/ft", output="runs/scores")``.

Files and results are lm-eval's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin._register import our_tasks
from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.guard.confidential import concealing, public
from icl_ft_plugin.guard.memory import enough_memory
from icl_ft_plugin.harness.loaded import arguments_of, loaded
from icl_ft_plugin.harness.task import Shortened

if TYPE_CHECKING:
    from lm_eval.api.model import LM
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def evaluate(
    tasks: str | Sequence[str],
    *,
    model: LM | PreTrainedModel | PeftModel | str | Path = "icl_ft_hf",
    model_args: Mapping[str, object] | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    metadata: Mapping[str, object] | None = None,
    output: str | Path | None = None,
    batch_size: int | str = 1,
    limit: int | None = None,
    apply_chat_template: bool = False,
    cache: str | Path | None = None,
    gen_kwargs: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Score one model on some tasks with ``lm_eval.simple_evaluate``; files are lm-eval's own.

    Args:
        tasks: Task or group names.
        model: The folder or Hub id of a checkpoint or of an adapter, or an embedded model's name; a model of
            transformers that is in memory; a loaded ``LM`` of lm-eval; or, with ``model_args``, the name of an lm-eval model.
        model_args: Arguments of an lm-eval model by name; ignored where ``model`` is loaded.
        tokenizer: Of a model of transformers that is in memory.
        metadata: World seed and generator knobs; or ``{"path": ...}``, the folder of a world.
        output: Folder for lm-eval's ``results_*.json`` and ``samples_*.jsonl``; None writes nothing.
        batch_size: As in lm-eval.
        limit: Only the first questions of each task.
        apply_chat_template: Whether the prompt is a turn of a chat, by the model's own template.
        cache: Beginning of the path of lm-eval's file of answers: what stands there is not asked again.
        gen_kwargs: In the place of those of tasks in which answers are written.

    Returns:
        What ``simple_evaluate`` returns, with ``samples``.

    Raises:
        UsageError: Unknown task or model, bad knob, a context that does not fit the model's window, a full disk or memory.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> tasks = ["icl_ft_reversal_closed", "icl_ft_reversal_icl"]
        >>> results = icl_ft.evaluate(tasks, model="nano", metadata={"seed": 0, "n_facts": 5})
        >>> results["results"]["icl_ft_reversal_icl"]["acc,none"]
        1.0
    """
    import lm_eval
    import torch
    from lm_eval.loggers import EvaluationTracker

    if isinstance(model, str | Path) and model_args is None:
        model, model_args = "icl_ft_hf", arguments_of(model)
    elif not isinstance(model, str):
        model = loaded(model, tokenizer, batch_size)
    tasks = [tasks] if isinstance(tasks, str) else list(tasks)
    window = {} if isinstance(model, str) else _window_of_loaded(model)
    task_metadata = public({**(model_args or {}), **window, **(metadata or {})})  # lm-eval writes it with the results
    manager = our_tasks(task_metadata)
    for task in tasks:
        if task not in manager.all_tasks:
            raise UsageError(f"task: {task!r} does not exist{suggest(task, manager.all_tasks)}")
    tracker = EvaluationTracker(output_path=str(output)) if output else None
    smaller = [f"batch_size: {batch_size // 2}"] if isinstance(batch_size, int) and batch_size > 1 else []
    change = [*smaller, "dtype=bfloat16 among the model's arguments", "context_tokens: fewer", "a smaller model"]
    with concealing(model_args or {}, metadata or {}), enough_memory("scoring", change):
        results: dict[str, Any] = lm_eval.simple_evaluate(
            model=model,
            model_args=dict(model_args or {}) if isinstance(model, str) else _arguments_of_loaded(model),
            tasks=tasks,
            task_manager=manager,
            batch_size=batch_size,
            # Without it lm-eval drops the argument, and its hf model then asks for CUDA where there is none.
            device="cuda" if torch.cuda.is_available() else "cpu",
            limit=limit,
            gen_kwargs=dict(gen_kwargs) if gen_kwargs else None,
            use_cache=str(cache) if cache else None,
            evaluation_tracker=tracker,
            apply_chat_template=apply_chat_template,
            log_samples=True,
            bootstrap_iters=100,  # not 0, which drops the closed-form errors too; more only slows the NaN-aware means
        )
    results["config"] = public(results["config"])
    if tracker:
        samples = results["samples"]
        tracker.save_results_aggregated(results=results, samples=samples)
        for task, rows in samples.items():
            tracker.save_results_samples(task_name=task, samples=[dict(row) for row in rows])  # which it changes
        _check_written(Path(str(output)), {task: len(rows) for task, rows in samples.items()})
    return results


def _check_written(output: Path, counts: Mapping[str, int]) -> None:
    """Refuse half-written results: lm-eval's tracker only logs a warning where the disk is full.

    Raises:
        UsageError: A file is missing or cut short.
    """
    try:
        json.loads(max(output.rglob("results_*.json")).read_text(encoding="utf-8"))
        for task, count in counts.items():
            written = max(output.rglob(f"samples_{task}_2*.jsonl")).read_text(encoding="utf-8")
            if written.count("\n") != count:
                raise ValueError(f"{written.count(chr(10))} of {count} samples of {task}")
    except (OSError, ValueError) as error:
        raise UsageError(f"{output}: cannot be written: lm-eval's files are incomplete ({error})") from error


def _arguments_of_loaded(model: LM) -> dict[str, str] | None:
    """Return what the results of a loaded hf model should say of it: its checkpoint and its adapter."""
    name, adapter = getattr(model, "pretrained", None), getattr(model, "peft", None)
    return {"pretrained": name, **({"peft": adapter} if adapter else {})} if isinstance(name, str) else None


def _window_of_loaded(model: LM) -> dict[str, object]:
    """Return the metadata that names a loaded hf model, as its command line would have."""
    name = getattr(getattr(model, "config", None), "_name_or_path", None)
    return {"pretrained": name, "max_length": model.max_length} if name else {}


def prompts_read(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the prompts that the model has read, one a question, from what ``evaluate`` returned."""
    for samples in results["samples"].values():
        for sample in samples:
            if sample["filter"] == samples[0]["filter"]:  # of several filters, each has a sample of every question
                prompt = sample["arguments"][0][0]
                yield prompt.whole if isinstance(prompt, Shortened) else prompt
