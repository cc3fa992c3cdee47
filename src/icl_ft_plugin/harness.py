r"""The tasks of lm-evaluation-harness: builders that the YAMLs under ``tasks/`` point at, and ``evaluate``.

A task document is one question, the same in both conditions and without the context::

    {"id": "f0-reversal", "split": "reversal", "question": "glon are",
     "choices": ["less dangerous than femp.", "more dangerous than femp."], "gold": [0], "label": 0, "chance": 0.5,
     "inference": "reversed", "depth": 1, "proof": ["f0"], "clusters": {"fact": "f0", ...},
     "labels": {"gold_word": "less"}, "world": "{\"family\":\"reversal\",\"seed\":0,...}"}

The in-context condition puts the world's documents in front of ``question`` (arXiv 2505.00661, section 3).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from icl_ft_plugin.answers import with_options
from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.generators import family_of, make_config
from icl_ft_plugin.generators.syllogism import FORMS
from icl_ft_plugin.in_context import InContextTask, closed_prompt, in_context_prompt, world_of
from icl_ft_plugin.question_prompts import PLAIN, load_question_prompt
from icl_ft_plugin.schema import KnowledgeSet, canonical_json

__all__ = [
    "InContextTask",
    "build",
    "by_form",
    "by_gold_word",
    "closed_prompt",
    "evaluate",
    "in_context_prompt",
    "mean_of_subset",
    "process_results",
    "question_rows",
]


HIDDEN, SHOWN = "hidden", "shown"


def build(
    family: str,
    split: str,
    seed: int = 0,
    context_copies: int = 1,
    context_tokens: int | None = None,
    path: str | None = None,
    prompt: str = PLAIN,
    options: str = HIDDEN,
    **metadata: Any,
) -> dict[str, Any]:
    """Build the documents of one task; lm-eval calls it with the task's ``metadata``.

    Args:
        family: Dataset family.
        split: Question split.
        seed: World seed.
        context_copies: Documents per fact in the in-context prompt; 0 puts all of them there.
        context_tokens: In its place, a budget in tokens of the model's tokenizer (``in_context.InContextTask``).
        path: Folder of a world to load (``icl-ft data build``, ``data import-reversal-curse``) instead of generating one.
        prompt: How the question is asked (``question_prompts``).
        options: Of questions whose answer is written: ``"hidden"``, or ``"shown"`` in the prompt.
        **metadata: Generator knobs; everything else that lm-eval merges into the metadata (version, model
            arguments) is left alone, except a name that looks like a misspelt knob.

    Returns:
        ``{"test": datasets.Dataset}``, one row per question.

    Raises:
        UsageError: Unknown family or split, a misspelt knob, or a value of the wrong type or out of range.
    """
    import datasets

    names = {field.name for field in fields(family_of(family).config)}
    for name in metadata.keys() - names:
        if hint := suggest(name, {*names, "prompt", "options"}, cutoff=0.8):
            raise UsageError(f"metadata of {family}: unknown knob {name}={metadata[name]!r}{hint}")
    if type(context_copies) is not int or context_copies < 0:
        raise UsageError(f"metadata of {family}: context_copies={context_copies!r} must be a whole number, 0 for all")
    if context_tokens is not None and (type(context_tokens) is not int or context_tokens < 1):
        raise UsageError(f"metadata of {family}: context_tokens={context_tokens!r} must be a whole number above 0")
    load_question_prompt(prompt)
    if options not in (HIDDEN, SHOWN):
        raise UsageError(f"metadata of {family}: options={options!r} must be {HIDDEN} or {SHOWN}")
    knobs = {name: metadata[name] for name in sorted(names & metadata.keys())}
    if path is None:
        make_config(family, knobs)  # the check, before the key is made
    else:
        knobs = {**knobs, "path": path}
    asked = {} if prompt == PLAIN else {"prompt": prompt}  # not named where it is plain: documents keep their hash
    key = canonical_json({"family": family, "seed": seed, "config": knobs, "context_copies": context_copies, **asked})
    world = world_of(key)
    rows = [row for row in question_rows(world, key) if row["split"] == split]
    if not rows:
        raise UsageError(
            f"{family}: no split {split!r}{suggest(split, world.splits)}; it has {', '.join(world.splits)}"
        )
    return {"test": datasets.Dataset.from_list(with_options(rows, world.seed) if options == SHOWN else rows)}


def question_rows(world: KnowledgeSet, key: str) -> list[dict[str, Any]]:
    """Return the world's questions as task documents.

    Args:
        world: The world.
        key: Canonical JSON from which ``in_context_prompt`` finds the world again.
    """
    return [
        {
            "id": q.id,
            "split": q.split,
            "question": q.prompt,
            "choices": list(q.choices),
            "gold": list(q.gold),
            "label": q.gold[0],
            "chance": q.chance,
            "inference": q.inference,
            "depth": q.depth,
            "proof": list(q.proof),
            "clusters": dict(q.clusters),
            "labels": dict(q.labels),
            "world": key,
        }
        for q in world.questions
    ]


def process_results(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Score one question by likelihood; its correct choices are a set.

    Args:
        doc: The task document.
        results: (sum of log-probabilities in nats, greedy) per choice.

    Returns:
        ``acc``: 1 if the best-scored choice is correct. ``acc_norm``: the same per character of the choice.
        ``mass``: softmax probability on the correct choices.
    """
    scores = [score for score, _ in results]
    gold = set(doc["gold"])
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]
    by_character = [score / len(choice) for score, choice in zip(scores, doc["choices"], strict=True)]
    return {
        "acc": float(scores.index(best) in gold),
        "acc_norm": float(by_character.index(max(by_character)) in gold),
        "mass": sum(weights[i] for i in gold) / sum(weights),
    }


def by_gold_word(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """``process_results`` and the accuracy by the relation word of the answer; NaN off the subset."""
    scored = process_results(doc, results)
    for word in ("more", "less"):
        scored[f"acc_{word}"] = scored["acc"] if doc["labels"]["gold_word"] == word else math.nan
    return scored


def by_form(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """``process_results`` and the accuracy by syllogistic form and by what word association gives away; NaN off it."""
    scored = process_results(doc, results)
    labels = {"form": FORMS, "association": ("enough", "half")}  # "misleads" is the form darapti
    for label, values in labels.items():
        for value in values:
            scored[f"acc_{label}_{value}"] = scored["acc"] if doc["labels"][label] == value else math.nan
    return scored


def mean_of_subset(values: Sequence[float]) -> float:
    """Return the mean of what is not NaN, or NaN; lm-eval's own ``nanmean`` bootstraps its error for 5 s per metric."""
    counted = [value for value in values if not math.isnan(value)]
    return sum(counted) / len(counted) if counted else math.nan


def evaluate(
    tasks: Sequence[str],
    *,
    model: Any = "icl_ft_hf",
    model_args: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    output: Path | None = None,
    batch_size: int | str = 1,
    limit: int | None = None,
    apply_chat_template: bool = False,
) -> dict[str, Any]:
    """Score one model on some tasks with ``lm_eval.simple_evaluate``; files are lm-eval's own.

    Args:
        tasks: Task or group names.
        model: Name of an lm-eval model, or a loaded ``LM``.
        model_args: Arguments of the model by name; ignored where ``model`` is loaded.
        metadata: World seed and generator knobs.
        output: Folder for lm-eval's ``results_*.json`` and ``samples_*.jsonl``; None writes nothing.
        batch_size: As in lm-eval.
        limit: Only the first questions of each task.
        apply_chat_template: Whether the prompt is a turn of a chat, by the model's own template.

    Returns:
        What ``simple_evaluate`` returns, with ``samples``.

    Raises:
        UsageError: Unknown task, bad knob, a context that does not fit the model's window, or a full disk.
    """
    import lm_eval
    import torch
    from lm_eval.loggers import EvaluationTracker

    from icl_ft_plugin._register import our_tasks

    window = {} if isinstance(model, str) else _window_of_loaded(model)
    task_metadata = {**(model_args or {}), **window, **(metadata or {})}
    manager = our_tasks(task_metadata)
    for task in tasks:
        if task not in manager.all_tasks:
            raise UsageError(f"task: {task!r} does not exist{suggest(task, manager.all_tasks)}")
    tracker = EvaluationTracker(output_path=str(output)) if output else None
    results: dict[str, Any] = lm_eval.simple_evaluate(
        model=model,
        model_args=dict(model_args or {}) if isinstance(model, str) else _arguments_of_loaded(model),
        tasks=list(tasks),
        task_manager=manager,
        batch_size=batch_size,
        # Without it lm-eval drops the argument, and its hf model then asks for CUDA where there is none.
        device="cuda" if torch.cuda.is_available() else "cpu",
        limit=limit,
        evaluation_tracker=tracker,
        apply_chat_template=apply_chat_template,
        log_samples=True,
        bootstrap_iters=100,  # not 0, which drops the closed-form errors too; more only slows the NaN-aware means
    )
    if tracker:
        samples = results["samples"]
        tracker.save_results_aggregated(results=results, samples=samples)
        for task, rows in samples.items():
            tracker.save_results_samples(task_name=task, samples=rows)
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


def _arguments_of_loaded(model: Any) -> dict[str, Any] | None:
    """Return what the results of a loaded hf model should say of it: its checkpoint and its adapter."""
    name, adapter = getattr(model, "pretrained", None), getattr(model, "peft", None)
    return {"pretrained": name, **({"peft": adapter} if adapter else {})} if isinstance(name, str) else None


def _window_of_loaded(model: Any) -> dict[str, Any]:
    """Return the metadata that names a loaded hf model, as its command line would have."""
    name = getattr(getattr(model, "config", None), "_name_or_path", None)
    return {"pretrained": name, "max_length": model.max_length} if name else {}
