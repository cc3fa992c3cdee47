"""A cell of a study: one model that learns one world in one way and is asked about it; frozen when it is planned.

For example ``str(plan(load_study(Path("demo")))[2])`` is ``"nano, reversal seed 0, ft, training seed 0"``. All that the
study's files say of a cell is in its record, so whoever runs it, wherever and whenever, reads none of them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError, printable
from icl_ft_plugin.harness.prompts import QuestionPrompt
from icl_ft_plugin.schema import World, canonical_json, content_hash
from icl_ft_plugin.study.engine import Engine
from icl_ft_plugin.training.recipes.recipe import Recipe
from icl_ft_plugin.worlds.folder import stamp, world_of


@dataclass(frozen=True, slots=True)
class Model:
    """A base model.

    Attributes:
        name: Its label in tables.
        path: Folder of the checkpoint; None where only its engine has it.
        hash: Over its weights, config and tokenizer, whatever the folder is called; of a model of the Hub, over repository,
            commit and the Hub's checksums; without a checkpoint, over the engine, the name it has there, and how it is asked.
        arguments: Of lm-eval's ``hf``, beside the folder.
        asked: Those of them that numbers depend on.
        chat_template: Whether its prompts are turns of a chat, whatever the arms say; None leaves it to them.
        recipe: What it is trained by, in the place of the worlds' recipes; None leaves it to them.
        engine: What writes its augmentations and answers; None: ``icl_ft_hf``.
        untrainable: Why it has no cells of trained arms; empty where it has.
    """

    name: str
    path: Path | None
    hash: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    asked: Mapping[str, object] = field(default_factory=dict)
    chat_template: bool | None = None
    recipe: str | None = None
    engine: Engine | None = None
    untrainable: str = ""

    @property
    def checkpoint(self) -> Path:
        """The folder of the checkpoint, of a model that has one."""
        assert self.path is not None
        return self.path

    @property
    def loading(self) -> dict[str, object]:
        """All arguments of lm-eval's ``hf``, of a model that has a checkpoint."""
        return {"pretrained": str(self.checkpoint), **self.arguments}

    @property
    def counting(self) -> dict[str, object]:
        """What names its tokenizer and window in the metadata of a task; empty where neither is known here."""
        if self.path is not None:
            return self.loading
        assert self.engine is not None
        tokenizer = self.engine.arguments.get("tokenizer")
        return {"pretrained": tokenizer, "max_length": self.engine.arguments.get("max_length")} if tokenizer else {}

    @property
    def writer(self) -> str:
        """What names it as the writer of statements: its hash, and how it is asked where that is said."""
        if self.engine is not None:
            return content_hash([self.hash, self.engine.identity])
        return content_hash([self.hash, dict(self.asked)]) if self.asked else self.hash


@dataclass(frozen=True, slots=True)
class PlannedWorld:
    """What a world is made from.

    Attributes:
        family: Dataset family.
        config: All knobs of the world, or the ``path`` of the folder that it is read from.
        seed: Its seed.
        hash: Of everything in it.
    """

    family: str
    config: Mapping[str, object]
    seed: int
    hash: str

    def make(self) -> World:
        """Generate or read the world; of the generated ones the last are kept.

        Raises:
            UsageError: The folder holds another world than when the study was planned.
        """
        if "path" not in self.config:
            return _generated(self.family, self.seed, canonical_json(dict(self.config)))
        path = str(self.config["path"])
        world, digest = _read(self.family, canonical_json(dict(self.config)), stamp(path))
        if digest != self.hash:
            raise UsageError(f"worlds: path: {path!r} has changed since the study was planned; start it again")
        return world


@lru_cache(maxsize=4)
def _read(family: str, config: str, stamp: tuple[tuple[str, int, int], ...]) -> tuple[World, str]:
    world = world_of(family, 0, json.loads(config))
    return world, world.hash


@lru_cache(maxsize=4)
def _generated(family: str, seed: int, config: str) -> World:
    return world_of(family, seed, json.loads(config))


@dataclass(frozen=True, slots=True)
class Training:
    """How a cell's model is trained.

    Attributes:
        seed: Of the training.
        recipe: As it stood in its file when the study was planned, with the study's overrides.
        steps: Gradient steps; None leaves them to the recipe.
        match: Whether ``steps`` are this arm's, or those of the world's documents alone (see ``StudyConfig``).
        launch: The configuration of ``accelerate launch`` that it is trained by; empty: it is trained in one process.
    """

    seed: int
    recipe: Recipe
    steps: int | None
    match: str
    launch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Writing:
    """What the cell's model, or another tool, writes about the world, to be trained on.

    Attributes:
        key: Name of its folder, which arms and training seeds share.
        prompt: How the model is asked; None for what another tool wrote.
        sha256: Of the file that this is read from; empty for what a model writes.
    """

    key: str
    prompt: Prompt | None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a trained arm is asked before its training and after: what it could do, and may have lost.

    Attributes:
        tasks: Tasks of lm-eval.
        world: The fresh world that it reads; None where reading is not asked.
        reading: The tasks that ask about that world, its documents in the prompt.
        questions: Of each task, the first ones; None: all.
    """

    tasks: tuple[str, ...]
    world: PlannedWorld | None
    reading: tuple[str, ...]
    questions: int | None

    @property
    def identity(self) -> dict[str, object]:
        """What the numbers depend on beside the weights and the prompt."""
        world = self.world.hash if self.world else None
        return {"tasks": self.tasks, "world": world, "reading": self.reading, "questions": self.questions}


@dataclass(frozen=True, slots=True)
class Labels:
    """What tables call a cell.

    Attributes:
        model: The base model.
        worlds: The study's entry that the world belongs to.
        family: Dataset family.
        world_seed: The world's seed.
        arm: The way of learning.
        training_seed: None for an untrained arm.
        hyperparameters: The study's entry that the recipe follows; None where there is none.
        scale: Where the worlds and the arm stand on each scale of the study.
        context_seed: Of the order of the documents in its prompt; None where none plays (``orders``).
    """

    model: str
    worlds: str
    family: str
    world_seed: int
    arm: str
    training_seed: int | None
    hyperparameters: str | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    context_seed: int | None = None

    @property
    def group(self) -> str:
        """What a person calls the cells that differ in their seeds alone."""
        hyper = f", {self.hyperparameters}" if self.hyperparameters else ""
        return printable(f"{self.model}, {self.worlds}, {self.arm}{hyper}")

    def to_dict(self) -> dict[str, object]:
        """Return them as they stand in files."""
        labels = asdict(self)
        if self.hyperparameters is None:
            del labels["hyperparameters"]
        if not self.scale:
            del labels["scale"]
        if self.context_seed is None:
            del labels["context_seed"]
        return labels

    def __str__(self) -> str:
        """One line for a person."""
        hyper = f", {self.hyperparameters}" if self.hyperparameters else ""
        seeds = {"training": self.training_seed, "context": self.context_seed}
        runs = "".join(f", {kind} seed {seed}" for kind, seed in seeds.items() if seed is not None)
        return printable(f"{self.model}, {self.worlds} seed {self.world_seed}, {self.arm}{hyper}{runs}")


@dataclass(frozen=True, slots=True)
class Cell:
    """One unit of work of a study.

    Attributes:
        key: Name of its folder: the hash of ``identity``, so that an unchanged cell is never run twice.
        training_key: Name of the folder of its trained weights, which cells that only ask differently share; None for an
            untrained arm.
        identity: Everything that its numbers depend on.
        labels: What tables call it.
        model: What learns.
        world: What is learned.
        tasks: The lm-eval task that scores each split.
        arm: The way of learning, its corpus spelt out.
        prompt: How the questions are asked.
        training: None for an untrained arm.
        writings: What is written for the arm, by the part of its corpus.
        settings: How it does so.
        kept: What it is asked beside; None for an untrained arm, or where the study asks nothing.
        pmi: Whether the choices are scored behind the bare prompt, too.
        context_seed: Of the order of the documents in its prompt, and of the copies that stand there.
        answers: Whether answers are ``"chosen"``, or how they are written (see ``StudyConfig``).
        answer_tokens: Most tokens of a written answer; None: the task's.
        engine: What asks it in the place of ``icl_ft_hf``; None: that.
        also: What further tables call it, of entries that name the same model with other recipes.
    """

    key: str
    training_key: str | None
    identity: Mapping[str, object]
    labels: Labels
    model: Model
    world: PlannedWorld
    tasks: Mapping[str, str]
    arm: Arm
    prompt: QuestionPrompt
    training: Training | None
    writings: Mapping[str, Writing]
    settings: Settings
    kept: Kept | None = None
    pmi: bool = False
    context_seed: int = 0
    answers: str = "chosen"
    answer_tokens: int | None = None
    engine: Engine | None = None
    also: tuple[Labels, ...] = ()

    def __str__(self) -> str:
        """One line for a person."""
        return str(self.labels)
