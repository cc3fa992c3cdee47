"""A cell of a study and its key: the hash of all that its numbers depend on, so that an unchanged cell is never run twice.

For example ``Cell(model=Model("nano", ...), worlds="reversal", family="reversal", ..., arm=Arm(name="pretrained"), training_seed=None)``
has the key ``"7b68f557f16098d4"``, the name of its folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin import __version__
from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import World, canonical_json, content_hash
from icl_ft_plugin.study.schema import Training
from icl_ft_plugin.training.launch import DECIDING
from icl_ft_plugin.worlds.folder import world_of


@dataclass(frozen=True, slots=True)
class Model:
    """A base model.

    Attributes:
        name: Its label in tables.
        path: Folder of the checkpoint.
        hash: Over its weights, config and tokenizer, whatever the folder is called.
    """

    name: str
    path: Path
    hash: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One unit of work of a study.

    Attributes:
        model: What learns.
        worlds: Label of the study's entry the world belongs to.
        family: Dataset family.
        config: All knobs of the world.
        world_seed: Its seed.
        tasks: The lm-eval task that scores each split.
        arm: The way of learning.
        training_seed: None for an untrained arm.
        recipe: Keys of the training recipe that are not the study's own; empty for an untrained arm.
        steps: Gradient steps; None leaves them to the recipe, or to no training.
        source: The recipe's file and overrides, from which ``recipe`` was read.
        hyperparameters: Label of the study's entry that the recipe follows; None where there is none.
        launch: The configuration of ``accelerate launch`` that it is trained by; empty: it is trained in one process.
        settings: How the model writes the augmentations.
        match: Whether ``steps`` are this arm's, or those of the world's documents alone (see ``StudyConfig``).
        augmentations: The hash of what the model writes for the arm, by strategy.
    """

    model: Model
    worlds: str
    family: str
    config: Mapping[str, Any]
    world_seed: int
    tasks: Mapping[str, str]
    arm: Arm
    training_seed: int | None
    recipe: Mapping[str, Any]
    steps: int | None
    match: str = "steps"
    augmentations: Mapping[str, str] = field(default_factory=dict)
    source: Training = Training(None, {}, None)  # noqa: RUF009 - frozen
    hyperparameters: str | None = None
    launch: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings = Settings()  # noqa: RUF009 - frozen

    @property
    def trained(self) -> bool:
        """Whether the cell trains a model."""
        return self.training_seed is not None

    @property
    def world(self) -> World:
        """The world, generated once per process."""
        return world_at(self.family, self.world_seed, canonical_json(dict(self.config)))

    @property
    def training(self) -> dict[str, Any]:
        """Everything the trained weights depend on."""
        return {
            "version": __version__,
            "model": self.model.hash,
            "world": hash_at(self.family, self.world_seed, canonical_json(dict(self.config))),
            "corpus": self.arm.corpus,
            "augmentations": dict(self.augmentations),
            "rows": self.arm.rows,
            "keep": self.arm.keep,
            "seed": self.training_seed,
            "recipe": dict(self.recipe),
            "steps": self.steps,
            "match": self.match,
            # Not named where it is "finetune": cells that were run before there was a choice keep their keys.
            **({"method": "sdft", "teacher_copies": self.arm.context_copies} if self.arm.method == "sdft" else {}),
            **({"launch": {key: self.launch[key] for key in DECIDING if key in self.launch}} if self.launch else {}),
        }

    @property
    def identity(self) -> dict[str, Any]:
        """Everything the cell's numbers depend on."""
        test: dict[str, Any] = {"condition": self.arm.condition}
        if self.arm.condition == "icl":
            test["context_copies"] = self.arm.context_copies
            if self.arm.context_tokens:
                test["context_tokens"] = self.arm.context_tokens
        # What is as it always was is not named: cells that were run before there was a choice keep their keys.
        if self.arm.prompt != PLAIN:
            test["prompt"] = load_question_prompt(self.arm.prompt).hash
        if self.arm.chat_template:
            test["chat_template"] = True
        if self.arm.baseline:
            test["baseline"] = self.arm.baseline
        if self.family == own.FAMILY:  # one task asks all splits
            test["splits"] = list(self.tasks)
        return {"training": self.training, "tasks": list(self.tasks.values()), "test": test}

    @property
    def key(self) -> str:
        """Name of the cell's folder."""
        return content_hash(self.identity)[:16]

    @property
    def checkpoint_key(self) -> str:
        """Name of the folder of its trained weights."""
        return content_hash(self.training)[:16]

    @property
    def labels(self) -> dict[str, Any]:
        """What tables call the cell."""
        return {
            "model": self.model.name,
            "worlds": self.worlds,
            "family": self.family,
            "world_seed": self.world_seed,
            "arm": self.arm.name,
            "training_seed": self.training_seed,
            **({"hyperparameters": self.hyperparameters} if self.hyperparameters else {}),
        }

    def __str__(self) -> str:
        """One line for a person."""
        return line_of(self.labels)


def line_of(labels: Mapping[str, Any]) -> str:
    """Return what a person calls a cell of these labels."""
    hyper = f", {name}" if (name := labels.get("hyperparameters")) else ""
    seed = "" if labels["training_seed"] is None else f", training seed {labels['training_seed']}"
    return f"{labels['model']}, {labels['worlds']} seed {labels['world_seed']}, {labels['arm']}{hyper}{seed}"


@lru_cache(maxsize=32)
def world_at(family: str, seed: int, config: str) -> World:
    """Return a world by the canonical JSON of its config; the last ones are kept."""
    return world_of(family, seed, yaml.safe_load(config))


@lru_cache(maxsize=1024)
def hash_at(family: str, seed: int, config: str) -> str:
    """Return the hash of a world by the canonical JSON of its config."""
    return world_at(family, seed, config).hash
