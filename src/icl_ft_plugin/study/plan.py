"""From a study file to its cells; a cell is one model that learns one world in one way and is asked about it.

For example, ``plan(load_study(Path("demo")))`` begins with
``Cell(model=Model("nano", ...), worlds="reversal", family="reversal", ..., arm=Arm(name="pretrained"), training_seed=None)``.
A cell's key is the hash of all that its numbers depend on, so an unchanged cell is never run twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_ft_plugin import families as generators
from icl_ft_plugin.arms.arm import GENERATED, Arm, Strategy
from icl_ft_plugin.arms.rows import training_documents
from icl_ft_plugin.augment.prompts import Prompt, default_prompt, load_prompt
from icl_ft_plugin.augment.run import identity_of
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.config import read_yaml
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.harness.index import find_tasks
from icl_ft_plugin.models.find import check_chat_template, find_model, folder_hash
from icl_ft_plugin.schema import World, canonical_json, content_hash
from icl_ft_plugin.study.cell import Cell, Model, hash_at, world_at
from icl_ft_plugin.study.schema import Hyperparameters, StudyConfig, Training, Worlds
from icl_ft_plugin.training.launch import launch_config
from icl_ft_plugin.training.recipe import find_recipe

# Keys of a recipe that a study decides itself.
DECIDED = (
    "model_name_or_path",
    "datasets",
    "dataset_name",
    "output_dir",
    "max_steps",
    "seed",
    "data_seed",
    "disable_tqdm",
)
# Where a run is watched: overriding these makes no other cell.
TRACKING = ("report_to", "run_name", "project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id")


def plan(study: StudyConfig) -> list[Cell]:
    """Return the cells of a study in the order of its file; untrained arms have one cell per world.

    Raises:
        UsageError: A model, recipe, split or corpus part does not exist, or two cells are the same.
    """
    labels = [Path(name).resolve().name for name in study.models]
    models = [
        _model(name, label if labels.count(label) == 1 else name)
        for name, label in zip(study.models, labels, strict=True)
    ]
    cells = []
    for model in models:
        for worlds in study.worlds:
            runs = _runs(study, worlds)
            for seed in worlds.seeds:
                for arm in study.arms_of(worlds):
                    for run in runs if arm.corpus else [_UNTRAINED]:
                        cells.append(_cell(study, model, worlds, seed, arm, run))
    seen: dict[str, Cell] = {}
    for cell in cells:
        if cell.key in seen:
            raise UsageError(f"{study.name}: duplicate cell: ({cell}) is the same as ({seen[cell.key]}); remove one")
        seen[cell.key] = cell
    return cells


@dataclass(frozen=True, slots=True)
class _Run:
    """What a cell has of its study besides model, world and arm."""

    training_seed: int | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    source: Training = Training(None, {}, None)  # noqa: RUF009 - frozen
    hyperparameters: str | None = None


_UNTRAINED = _Run()


def _runs(study: StudyConfig, worlds: Worlds) -> list[_Run]:
    """Return the training runs of each trained arm: hyper-parameters x training seeds."""
    if not any(arm.corpus for arm in study.arms_of(worlds)):
        return []
    runs = []
    hypers: list[Hyperparameters | None] = [*study.hyperparameters] or [None]
    for hyper in hypers:
        source = study.training_of(worlds, hyper)
        values = _recipe_values(study, source)
        name = hyper.name if hyper else None
        runs += [_Run(seed, values, source, name) for seed in study.training_seeds]
    return runs


def _cell(study: StudyConfig, model: Model, worlds: Worlds, seed: int, arm: Arm, run: _Run) -> Cell:
    if arm.chat_template:
        check_chat_template(model.path)
    settings = worlds.augmentation or study.augmentation
    key = canonical_json(worlds.config)
    world, world_hash = world_at(worlds.family, seed, key), hash_at(worlds.family, seed, key)
    augmentations: dict[str, str] = {
        strategy: content_hash(augmentation_identity(world_hash, model, settings, strategy))[:16]
        for strategy in GENERATED
        if strategy in arm.corpus
    }
    return Cell(
        model=model,
        worlds=worlds.label,
        family=worlds.family,
        config=worlds.config if "path" in worlds.config else world.config,
        world_seed=seed,
        tasks=find_tasks(world, worlds.splits, arm.condition),
        arm=arm.model_copy(update={"corpus": corpus_parts(world, arm)}),
        training_seed=run.training_seed,
        recipe=run.recipe,
        steps=run.source.steps,
        match=study.match if arm.corpus else "steps",
        augmentations=augmentations,
        source=run.source,
        hyperparameters=run.hyperparameters,
        launch=_launch(study, arm) if arm.corpus else {},
        settings=settings,
    )


def _launch(study: StudyConfig, arm: Arm) -> dict[str, Any]:
    if study.launch is None:
        return {}
    if arm.method != "finetune":
        raise UsageError(
            f"arm {arm.name!r}: method: {arm.method} trains in one process: leave out launch: {study.launch}"
        )
    return launch_config(study.launch)


def prompt_of(model: Model, settings: Settings, strategy: Strategy) -> Prompt:
    """Return the prompt that a model augments with: the one named in the study, else the one made for it."""
    name = settings.prompts.get(strategy) or default_prompt(strategy, "icl_ft_hf", {"pretrained": str(model.path)})
    return load_prompt(name, strategy)


def augmentation_identity(world_hash: str, model: Model, settings: Settings, strategy: Strategy) -> dict[str, Any]:
    """Return everything that a model's augmentation of a world depends on."""
    return identity_of(world_hash, prompt_of(model, settings, strategy), settings, model.hash)


def corpus_parts(world: World, arm: Arm) -> list[str]:
    """Return the parts an arm trains on, with ``"oracle"`` spelt out in the styles that the family's oracle has.

    Raises:
        UsageError: The family has no such part.
    """
    if not arm.corpus:
        return []
    styles: list[str] = []
    if world.family == own.FAMILY and ("oracle" in arm.corpus or arm.keep == "entailed"):
        what = "corpus part 'oracle'" if "oracle" in arm.corpus else "keep: entailed"
        raise UsageError(f"arm {arm.name!r}: {own.no_rules(what)}")
    if world.family == own.FAMILY and arm.method == "sdft" and not any(fact.arguments for fact in world.facts):
        raise UsageError(
            f"arm {arm.name!r}: method: sdft continues names, and the documents have none (no runs of capitalized words)"
        )
    if "oracle" in arm.corpus:
        styles = list(dict.fromkeys(d.style for d in generators.family_of(world.family).oracle(world)))
    parts = [part for name in arm.corpus for part in (styles if name == "oracle" else [name])]
    try:
        training_documents(world, [part for part in parts if part not in GENERATED])
    except UsageError as error:
        raise UsageError(f"arm {arm.name!r}: {error}") from error
    return list(dict.fromkeys(parts))


def _model(name: str, label: str) -> Model:
    path = find_model(name)
    return Model(label, path, folder_hash(path))


def _recipe_values(study: StudyConfig, source: Training) -> dict[str, Any]:
    from icl_ft_plugin.training import recipe

    loaded = recipe.load(find_recipe(str(source.recipe)), source.overrides)
    if study.match == "epochs" and not (source.steps or loaded.values.get("max_steps", -1) > 0):
        raise UsageError(
            f"{study.name}: match: epochs needs steps (or max_steps in the recipe): those of the documents alone"
        )
    dropped = [*DECIDED] if source.steps else [key for key in DECIDED if key != "max_steps"]
    file = read_yaml(loaded.path)
    dropped += [key for key in TRACKING if key not in file]
    return {key: file[key] if key in TRACKING else value for key, value in loaded.values.items() if key not in dropped}
