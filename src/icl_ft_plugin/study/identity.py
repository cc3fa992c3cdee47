"""What the numbers of a cell depend on, and so its key: the hash of all of it.

For example the identity of a trained cell, shortened::

    {"training": {"version": "0.1", "model": "c15a51...", "world": "77b0c1...", "corpus": ["documents"], "seed": 0,
                  "recipe": {"learning_rate": 0.003, ...}, "steps": 200, ...},
     "tasks": {"reversal": "icl_ft_reversal_closed"},
     "test": {"condition": "closed", "prompt": "5c31...", ...}}
"""

from __future__ import annotations

from collections.abc import Mapping

from icl_ft_plugin import __version__
from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.arms.foreign import FILE
from icl_ft_plugin.harness.prompts import QuestionPrompt
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.study.cell import Cell, Kept, Model, PlannedWorld, Training, Writing
from icl_ft_plugin.study.engine import Engine
from icl_ft_plugin.training.launch import DECIDING
from icl_ft_plugin.worlds.context import chosen_by

# What of an arm decides its training rows, and what is learned of them.
LEARNED = {"corpus", "rows", "keep", "method"}
# The same of what most arms leave alone: only where it is set does it stand in an identity.
MARKED = {"inferred", "replay"}
# Keys of a recipe that a study decides itself, and those that say where a run is watched: they make no other cell.
_DECIDED = ("model_name_or_path", "datasets", "dataset_name", "output_dir", "seed", "data_seed", "disable_tqdm")
_TRACKING = ("report_to", "run_name", "project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id")


def identity_of_weights(
    model: Model, world: PlannedWorld, arm: Arm, writings: Mapping[str, Writing], training: Training | None
) -> dict[str, object]:
    """Return everything that the weights depend on that are asked: trained ones, or those of the base model."""
    identity: dict[str, object] = {"version": __version__, "model": model.hash, "world": world.hash}
    if training is None:
        return identity
    dropped = {*_DECIDED, *_TRACKING, *(("max_steps",) if training.steps else ())}
    return {
        **identity,
        **arm.model_dump(include=LEARNED),
        **arm.model_dump(include=MARKED, exclude_defaults=True, exclude={"replay": {"path"}}),
        "corpus": [part if not part.startswith(FILE) else writings[part].key for part in arm.corpus],
        "teacher_copies": arm.context_copies if arm.method == "sdft" else None,
        "augmentations": {part: writing.key for part, writing in writings.items() if not part.startswith(FILE)},
        "seed": training.seed,
        "recipe": {key: value for key, value in training.recipe.values.items() if key not in dropped},
        "steps": training.steps,
        "match": training.match,
        "launch": {key: training.launch[key] for key in DECIDING if key in training.launch},
    }


def identity_of(
    weights: Mapping[str, object],
    model: Model,
    arm: Arm,
    prompt: QuestionPrompt,
    tasks: Mapping[str, str],
    kept: Kept | None,
    pmi: bool,
    context_seed: int = 0,
    engine: Engine | None = None,
    answer_tokens: int | None = None,
) -> dict[str, object]:
    """Return everything that a cell's numbers depend on; what is plain, such as context seed 0, is no part of it."""
    asked = arm.model_dump(include={"condition", "context_tokens", "chat_template", "baseline"})
    asked |= {**chosen_by(arm.model_dump(), arm.name), **({"pmi": True} if pmi else {})}
    asked |= {"context_seed": context_seed} if context_seed else {}
    asked |= {"answer_tokens": answer_tokens} if answer_tokens else {}
    copies = arm.context_copies if arm.condition == "icl" else None
    loaded = engine.identity if engine else {"model_args": dict(model.asked)} if model.asked else {}
    test = {**asked, "context_copies": copies, "prompt": prompt.hash, **loaded}
    identity: dict[str, object] = {"training": weights, "tasks": dict(tasks), "test": test}
    return {**identity, "kept": kept.identity} if kept else identity


def key_of(identity: Mapping[str, object]) -> str:
    """Return the name of a folder."""
    return content_hash(identity)[:16]


def before_key(cell: Cell) -> str:
    """Return the name of the folder of what the cell's base model answers to what else it is asked."""
    asked = cell.arm.model_dump(include={"chat_template"})
    kept = cell.kept.identity if cell.kept else None
    return key_of({"version": __version__, "model": cell.model.hash, "kept": kept, **asked, "prompt": cell.prompt.hash})
