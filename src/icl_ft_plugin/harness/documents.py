r"""Task documents: the questions of a world, as lm-evaluation-harness knows them; ``build`` is what the YAMLs point at.

A task document is one question, the same in both conditions and without the context::

    {"id": "f0-reversal", "split": "reversal", "question": "glon are",
     "choices": ["less dangerous than femp.", "more dangerous than femp."], "gold": [0], "label": 0, "chance": 0.5,
     "inference": "reversed", "depth": 1, "proof": ["f0"], "clusters": {"fact": "f0", ...},
     "labels": {"gold_word": "less"}, "world": "{\"family\":\"reversal\",\"seed\":0,...}"}

Its field ``world`` is all that it takes to make the world again, and the prompt (``prompts``).
"""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.families import Family, family_of, make_config
from icl_ft_plugin.guard.confidential import shown_as
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import Doc, Extras, World, canonical_json
from icl_ft_plugin.worlds import folder
from icl_ft_plugin.worlds.context import LEAST, chosen_by

if TYPE_CHECKING:
    import datasets


HIDDEN, SHOWN = "hidden", "shown"


def build(family: str, split: str | Sequence[str] | None = None, **metadata: Any) -> dict[str, datasets.Dataset]:
    """Build the documents of one task; lm-eval calls it with the task's ``metadata``, the arguments of ``task_documents``.

    Returns:
        ``{"test": datasets.Dataset}``, one row per question.
    """
    import datasets

    return {"test": datasets.Dataset.from_list(task_documents(family, split, **metadata))}


def task_documents(
    family: str,
    split: str | Sequence[str] | None = None,
    seed: int = 0,
    context_copies: int = 1,
    context_tokens: int | None = None,
    context_nearest: int | None = None,
    context_distractors: int | None = None,
    context_distance: int | None = None,
    context_seed: int = 0,
    path: str | None = None,
    prompt: str = PLAIN,
    options: str = HIDDEN,
    pmi: bool = False,
    **metadata: Any,
) -> list[Doc]:
    """Return the documents of one task.

    Args:
        family: Dataset family.
        split: The question split, or several; all by default.
        seed: World seed.
        context_copies: Documents per fact in the in-context prompt; 0 puts all of them there.
        context_tokens: In its place, a budget in tokens of the model's tokenizer (``context``).
        context_nearest: Of these, so many for each question, the nearest by BM25.
        context_distractors: Or those that the question needs, and so many others.
        context_distance: How many of the others stand behind the needed ones; by default they stand mixed.
        context_seed: Of the order of the documents in the prompt, and of the copies that stand there.
        path: Folder of a world to load (``icl-ft data build``, own documents) instead of generating one.
        prompt: How the question is asked (``prompts``).
        options: Of questions whose answer is written: ``"hidden"``, or ``"shown"`` in the prompt.
        pmi: Whether each choice is scored behind the bare prompt, too (``task``).
        **metadata: Generator knobs; everything else that lm-eval merges into the metadata (version, model
            arguments) is left alone, except a name that looks like a misspelt knob.

    Raises:
        UsageError: Unknown family or split, no folder where the family needs one, a misspelt knob, or a value of the
            wrong type or out of range.
    """
    found = family_of(family)
    for name in metadata.keys() - found.knobs.keys():
        if hint := suggest(name, {*found.knobs, *_PARAMETERS}, cutoff=0.8):
            raise UsageError(f"metadata of {family}: unknown knob {name}={shown_as(name, metadata[name])}{hint}")
    if type(context_copies) is not int or context_copies < 0:
        raise UsageError(
            f"metadata of {family}: context_copies={shown(context_copies)} must be a whole number, 0 for all"
        )
    chosen_by(
        dict(zip(LEAST, (context_tokens, context_nearest, context_distractors, context_distance), strict=True)),
        f"metadata of {family}",
    )
    if type(context_seed) is not int or not 0 <= context_seed < 2**32:
        raise UsageError(
            f"metadata of {family}: context_seed={shown(context_seed)} must be a whole number from 0 to 2**32 - 1"
        )
    load_question_prompt(prompt)
    if type(pmi) is not bool:
        raise UsageError(f"metadata of {family}: pmi={shown(pmi)} must be true or false")
    if options not in (HIDDEN, SHOWN):
        raise UsageError(f"metadata of {family}: options={shown(options)} must be {HIDDEN} or {SHOWN}")
    knobs = {name: metadata[name] for name in sorted(found.knobs.keys() & metadata.keys())}
    plain = {} if prompt == PLAIN else {"prompt": prompt}
    order = {"context_seed": context_seed} if context_seed else {}
    key = _key(found, seed, knobs, path, context_copies, {**plain, **order})
    world = world_of(key)
    asked = _splits(world, split)
    chosen = [row for row in question_rows(world, key) if row["split"] in asked]
    if prompt != PLAIN:  # which says itself how a question is set off from its answer
        chosen = [{**row, "question": found.stem(row["question"])} for row in chosen]
    return with_options(chosen, world.seed) if options == SHOWN else chosen


_PARAMETERS = {
    name for name, given in inspect.signature(task_documents).parameters.items() if given.kind is not given.VAR_KEYWORD
}


def _key(
    family: Family, seed: int, knobs: dict[str, object], path: str | None, copies: int, asked: dict[str, object]
) -> str:
    """Return the field ``world``; what is plain is not named in it: documents keep their hash."""
    if family.generate is None:
        if path is None:
            raise UsageError(
                f'{family.title}: no path; say where they are: --metadata \'{{"path": "DIR"}}\' (docs/own-documents.md)'
            )
        world = folder.world_of(family.name, seed, {"path": path})
        # The hash keeps a folder that was edited apart from what it was before, within one process too.
        made = {"family": family.name, "seed": world.seed, "config": {"path": path}, "hash": world.hash}
        return canonical_json({**made, "context_copies": 1, **asked})
    if path is None:
        make_config(family.name, knobs)  # the check, before the key is made
    else:
        knobs = {**knobs, "path": path}
    made = {"family": family.name, "seed": seed, "config": knobs}
    return canonical_json({**made, "context_copies": copies, **asked})


def _splits(world: World, split: str | Sequence[str] | None) -> list[str]:
    """Return the splits that are asked.

    Raises:
        UsageError: One does not exist, or none is named.
    """
    asked = [split] if isinstance(split, str) else list(world.splits if split is None else split)
    there = f"it has {', '.join(world.splits)}"
    for name in asked:
        if name not in world.splits:
            raise UsageError(f"{world.family}: no split {shown(name)}{suggest(str(name), world.splits)}; {there}")
    if not asked:
        raise UsageError(f"{world.family}: split={shown(split)} names none; {there}")
    return asked


def question_rows(world: World, key: str) -> list[Doc]:
    """Return the world's questions as task documents.

    Args:
        world: The world.
        key: Canonical JSON from which ``world_of`` finds the world again.
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
            **(Extras(block=q.block) if q.block else Extras()),
            "labels": dict(q.labels),
            "world": key,
        }
        for q in world.questions
    ]


def with_options(rows: Sequence[Doc], seed: int) -> list[Doc]:
    """Return task documents with the field ``options``: the choices in the order in which they are shown.

    The right one stands at every place equally often, as far as the count allows, in an order that depends on the seed
    alone.

    Args:
        rows: The task documents of one split.
        seed: The world seed.
    """
    if not rows:
        return []
    rng = random.Random(f"options-{seed}-{rows[0]['split']}")
    places = [i for i, _ in enumerate(rows)]
    rng.shuffle(places)
    found: list[Doc] = []
    for place, row in zip(places, rows, strict=True):
        right, others = row["label"], [i for i in range(len(row["choices"])) if i != row["label"]]
        rng.shuffle(others)
        others.insert(place % len(row["choices"]), right)
        found.append({**row, "options": [row["choices"][i].removesuffix(".") for i in others]})
    return found


_OF_PROMPT = ("context_copies", "context_seed", "prompt")


def world_of(key: str) -> World:
    """Return the world of a task document from its ``world`` field."""
    return _world(world_key(key))


def world_key(key: str) -> str:
    """Return what of a task document's ``world`` field the world itself depends on, and not its prompt."""
    return canonical_json({k: v for k, v in json.loads(key).items() if k not in _OF_PROMPT})


@lru_cache(maxsize=8)
def _world(key: str) -> World:
    spec = json.loads(key)
    return folder.world_of(spec["family"], spec["seed"], spec["config"])
