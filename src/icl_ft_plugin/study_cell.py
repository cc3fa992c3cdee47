"""Runs one cell of a study: augments, trains and scores, each only if it has not been done.

A cell's ``ledger.json``, shortened::

    {"training": {"steps": 200, "tokens": 68436, ...},
     "augmentation": {"local": {"hash": "77b0c1...", "prompt_tokens": 4210, "generated_tokens": 5120, ...}},
     "evaluation": {"questions": 80, "prompt_tokens": 410}, "seconds": 71.2}
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin import own, register, retrieval
from icl_ft_plugin.corpus import atomic_folder, context_text, documents_within, join_documents
from icl_ft_plugin.question_prompts import PLAIN, form_of, load_question_prompt
from icl_ft_plugin.schema import Question
from icl_ft_plugin.study_augment import arm_rows, augmentation_cost
from icl_ft_plugin.study_find import find_recipe
from icl_ft_plugin.study_key import Cell
from icl_ft_plugin.study_schema import StudyConfig
from icl_ft_plugin.study_store import Store


def run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    """Augment and train if the arm does, score, and put the results in place.

    Meanwhile ``running/KEY.json`` in the study's folder says that the cell is being run, where and since when.

    Raises:
        UsageError: Something cannot be used, made or written; nothing is left in the cell's place.
    """
    with _marked(cell, store):
        _run_cell(cell, study, store)


@contextlib.contextmanager
def _marked(cell: Cell, store: Store) -> Iterator[None]:
    marker = store.folder / "running" / f"{cell.key}.json"
    marker.parent.mkdir(parents=True, exist_ok=True)
    note = {
        "key": cell.key,
        "labels": cell.labels,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
    }
    draft = marker.with_name(f".{marker.name}")
    draft.write_text(json.dumps(note) + "\n", encoding="utf-8")
    draft.replace(marker)
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)


def _run_cell(cell: Cell, study: StudyConfig, store: Store) -> None:
    from icl_ft_plugin.harness import evaluate

    register()
    begun = time.perf_counter()
    model: Any = "icl_ft_hf"
    model_args = {"pretrained": str(cell.model.path)}
    training = None
    if cell.arm.baseline:
        from icl_ft_plugin.study_baseline import BaselineLM

        model = BaselineLM(cell.world, cell.arm.baseline)
    if cell.trained:
        with store.making(store.checkpoint(cell)):
            checkpoint = _train(cell, study, store)
        training = json.loads((checkpoint / "ledger.json").read_text(encoding="utf-8"))
        if cell.arm.method == "sdft":
            training["sdft"] = json.loads((checkpoint / "sdft.json").read_text(encoding="utf-8"))
        if (checkpoint / "adapter_config.json").is_file():
            model_args["peft"] = str(checkpoint)
        else:
            model_args["pretrained"] = str(checkpoint)
    with atomic_folder(store.cell(cell)) as temporary:
        evaluate(
            list(dict.fromkeys(cell.tasks.values())),
            model=model,
            model_args=model_args,
            metadata=_metadata(cell),
            output=temporary,
            batch_size=study.batch_size,
            apply_chat_template=cell.arm.chat_template,
        )
        ledger = {
            "training": training,
            "augmentation": augmentation_cost(cell, store),
            "evaluation": prompt_cost(cell),
            "seconds": round(time.perf_counter() - begun, 3),
        }
        config = {
            "key": cell.key,
            "labels": cell.labels,
            "identity": cell.identity,
            "world": {"family": cell.family, "seed": cell.world_seed, "config": dict(cell.config)},
            "arm": cell.arm.model_dump(),
            "model": str(cell.model.path),
            "batch_size": study.batch_size,
        }
        for name, data in (("ledger.json", ledger), ("config.json", config)):
            (temporary / name).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if cell.trained and (checkpoint / "curve.jsonl").is_file():
            shutil.copy(checkpoint / "curve.jsonl", temporary)


def _metadata(cell: Cell) -> dict[str, Any]:
    """Return what the cell's tasks are built from."""
    metadata = {"seed": cell.world_seed, "context_copies": cell.arm.context_copies, **cell.config}
    if cell.arm.context_tokens:
        metadata["context_tokens"] = cell.arm.context_tokens
    if cell.arm.prompt != PLAIN:
        metadata["prompt"] = cell.arm.prompt
    if cell.family == own.FAMILY:
        metadata["split"] = list(cell.tasks)
    return metadata


def _train(cell: Cell, study: StudyConfig, store: Store) -> Path:
    """Return the folder of the cell's trained weights, made now or by an earlier run."""
    checkpoint = store.checkpoint(cell)
    if not checkpoint.is_dir():
        from icl_ft_plugin import finetune, finetune_launch, recipe

        loaded = recipe.load(find_recipe(str(cell.source.recipe)), {**cell.source.overrides, "disable_tqdm": True})
        curve = _curve(cell, study)
        if cell.arm.method == "sdft":
            from icl_ft_plugin import finetune_sdft

            finetune_sdft.distill(
                model=str(cell.model.path),
                world=cell.world,
                recipe=loaded,
                output=checkpoint,
                copies=cell.arm.context_copies,
                seed=cell.training_seed,
                max_steps=steps_of(cell, len(finetune_sdft.prompts_of(cell.world)), loaded.values.get("max_steps")),
                curve=curve,
            )
            return checkpoint
        rows = arm_rows(cell, store)
        what: dict[str, Any] = {"model": str(cell.model.path), "rows": rows, "recipe": loaded, "output": checkpoint}
        what |= {"seed": cell.training_seed, "max_steps": steps_of(cell, len(rows), loaded.values.get("max_steps"))}
        if cell.launch:
            finetune_launch.train(**what, launch=cell.launch)
        else:
            finetune.train(**what, curve=curve)
    return checkpoint


def _curve(cell: Cell, study: StudyConfig) -> Any:
    """Return what the model is asked while it trains, None if nothing."""
    if study.curve_every is None:
        return None
    from icl_ft_plugin.finetune_curve import Curve

    tasks = list(dict.fromkeys(cell.tasks.values()))
    metadata = {"pretrained": str(cell.model.path), **_metadata(cell)}
    asked = (study.curve_every, study.curve_questions, study.batch_size)
    return Curve(tasks, metadata, *asked, chat_template=cell.arm.chat_template)


def steps_of(cell: Cell, rows: int, recipe_steps: int | None) -> int | None:
    """Return the gradient steps; an arm matched in epochs takes more, the more rows it has."""
    if cell.match == "steps":
        return cell.steps
    return max(1, round((cell.steps or recipe_steps or 0) * rows / len(cell.world.documents)))


def prompt_cost(cell: Cell) -> dict[str, Any]:
    """Count the prompt tokens of the cell's questions as if no prefix were shared; the choices are not counted.

    Where documents were chosen per question, ``"retrieved"`` says how many, and for which share of the questions that
    name their evidence all of it was there.
    """
    world, arm = cell.world, cell.arm
    questions = [question for question in world.questions if question.split in cell.tasks]
    cost: dict[str, Any] = {"questions": len(questions)}
    if arm.baseline:
        return {**cost, "prompt_tokens": 0}
    contexts: list[str] = []
    if arm.condition == "icl" and arm.context_tokens and cell.family == own.FAMILY:
        found = [
            retrieval.chosen(world.documents, own.stem_of(q.prompt), arm.context_tokens, _counter(cell.model.path))
            for q in questions
        ]
        contexts = [join_documents(documents) for documents in found]
        cost["retrieved"] = retrieval.summary(found, questions, len(world.documents), arm.context_tokens)
    elif arm.condition == "icl" and arm.context_tokens:
        documents = documents_within(world, arm.context_tokens, _counter(cell.model.path))
        contexts = [join_documents(documents)] * len(questions)
    elif arm.condition == "icl":
        contexts = [context_text(world, arm.context_copies)] * len(questions)
    count = _counter(cell.model.path)
    if arm.prompt == PLAIN and not arm.chat_template:
        cost["prompt_tokens"] = sum(map(count, contexts)) + sum(count(question.prompt) for question in questions)
    else:
        contexts = contexts or [""] * len(questions)
        cost["prompt_tokens"] = sum(
            count(_prompt(cell, question, context)) for question, context in zip(questions, contexts, strict=True)
        )
    return cost


def _prompt(cell: Cell, question: Question, context: str) -> str:
    """Return the whole prompt of a question as the arm asks it."""
    prompt = load_question_prompt(cell.arm.prompt)
    own_words = cell.family == own.FAMILY and cell.arm.prompt != PLAIN  # such a prompt sets off the question itself
    asked = own.stem_of(question.prompt) if own_words else question.prompt
    text = prompt.render(asked, documents=context, form=form_of(cell.family, question.split))
    if not cell.arm.chat_template:
        return text
    turns = [{"role": "user", "content": text}]
    return str(tokenizer_of(cell.model.path).apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


@lru_cache(maxsize=2)
def _counter(model: Path) -> Callable[[str], int]:
    """Return what counts a text's tokens; it remembers, for a context stands before many questions."""
    tokenizer = tokenizer_of(model)
    return lru_cache(maxsize=100_000)(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))


@lru_cache(maxsize=2)
def tokenizer_of(model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)
