"""What a study file may say: its keys, their types and defaults; ``config`` reads and checks the file.

For example ``StudyConfig(name="demo", models=[ModelEntry(pretrained="nano")], worlds=[Worlds(family="reversal")], arms=[Arm(name="icl", condition="icl")])``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.augment.settings import Settings

# What a model is loaded through that no training of ours writes back.
_UNTRAINABLE = (
    *("gguf_file", "peft", "delta", "load_in_4bit", "load_in_8bit", "quantization_config", "autogptq", "gptqmodel"),
)
WRITTEN_PROMPT = "instruct"  # how a question is asked whose answer is written, where the arm does not say

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Steps = Annotated[int, Field(ge=1, le=10**9)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelEntry(_Strict):
    """A model and how it is asked; a name alone stands for ``{pretrained: NAME}``.

    Attributes:
        pretrained: A folder, an embedded model's name, or an id of the Hub, ``owner/name`` or ``owner/name@revision``; None:
            the model can only be asked, through its engine, and takes part with the arms that train nothing.
        name: Its label in tables; the last part of ``pretrained``, or of the engine's ``model``, by default.
        revision: Branch, tag or commit of a model of the Hub.
        dtype: In which its weights are loaded to be asked; a training's is that of its recipe.
        model_args: All else that lm-eval's ``hf`` takes: ``attn_implementation``, ``device_map``, ``load_in_4bit``,
            ``gguf_file``, ``peft`` ... What changes numbers is part of a cell's identity.
        chat_template: Whether its prompts are turns of a chat, in the place of what the arms say.
        recipe: In the place of the study's and the worlds'.
        engine: The lm-eval model that writes its augmentations and written answers, in the place of ``icl_ft_hf``.
        engine_args: Arguments of the engine: ``model``, ``base_url``, ``num_concurrent`` ...
        loads_adapters: Whether the engine is a server that is told to load a cell's adapter before it is asked, as vLLM's is.
    """

    pretrained: str | None = Field(default=None, min_length=1)
    name: str | None = Field(default=None, min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    dtype: Literal["auto", "float32", "bfloat16", "float16", "float64"] | None = None
    model_args: dict[str, Any] = {}
    chat_template: bool | None = None
    recipe: str | None = None
    engine: str | None = Field(default=None, min_length=1)
    engine_args: dict[str, object] = {}
    loads_adapters: bool = False

    @model_validator(mode="before")
    @classmethod
    def _named_alone(cls, data: object) -> object:
        return {"pretrained": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _said_once(self) -> ModelEntry:
        for key in ("dtype", "revision"):
            if getattr(self, key) and key in self.model_args:
                raise ValueError(f"{key} stands beside model_args and in it: keep one of them")
        if self.revision and "@" in (self.pretrained or ""):
            raise ValueError(f"revision: {self.revision} is said twice: pretrained={self.pretrained} names one too")
        return self

    @model_validator(mode="after")
    def _whole(self) -> ModelEntry:
        for key in ("engine_args", "loads_adapters"):
            if getattr(self, key) and self.engine is None:
                raise ValueError(f"{key} without an engine: say which, e.g. engine: local-chat-completions")
        if self.pretrained is None:
            if self.engine is None:
                raise ValueError(
                    "pretrained is missing: name a checkpoint, or the engine of a model that can only be asked"
                )
            for key in ("revision", "dtype", "model_args", "recipe"):
                if getattr(self, key):
                    raise ValueError(f"{key} is said of a checkpoint, and pretrained is missing")
        return self

    @property
    def called(self) -> str:
        """What names it where it has no name of its own."""
        return self.pretrained or str(self.engine_args.get("model") or self.engine)

    @property
    def untrainable(self) -> str:
        """Why it takes part with the arms alone that train nothing; empty where it can be trained."""
        if self.pretrained is None:
            return f"a model that can only be asked (engine: {self.engine}) has no checkpoint to train"
        key = next((key for key in _UNTRAINABLE if self.model_args.get(key)), None)
        return f"training needs a plain checkpoint, and it has model_args.{key}" if key else ""


class Worlds(_Strict):
    """Worlds of one family and size, one per seed.

    Attributes:
        family: The dataset, e.g. ``"reversal"``.
        config: Knobs of its generator; the rest keep their defaults. Or ``{path: DIR}``, the folder of a world.
        seeds: World seeds; results are pooled over them.
        name: Label in tables; needed where two entries have the same family.
        splits: Question splits to score; all of the family by default.
        arms: In the place of the study's.
        recipe: In the place of the study's.
        recipe_overrides: On top of the study's.
        steps: In the place of the study's.
        augmentation: In the place of the study's.
        scale: Where these worlds stand on each scale that the report draws: ``{"facts": 20}``.
    """

    family: str
    config: dict[str, object] = {}
    seeds: list[Seed] = Field(default=[0], min_length=1)
    name: str | None = None
    splits: list[str] | None = Field(default=None, min_length=1)
    arms: list[Arm] | None = Field(default=None, min_length=1)
    recipe: str | None = None
    recipe_overrides: dict[str, object] = {}
    steps: Steps | None = None
    augmentation: Settings | None = None
    scale: dict[str, float] = {}

    @property
    def label(self) -> str:
        """What tables call these worlds."""
        return self.name or self.family


class Hyperparameters(_Strict):
    """One way to set what the arms are trained with.

    Attributes:
        name: Its label in tables; each has tables of its own.
        recipe_overrides: On top of those of the worlds.
        steps: In the place of those of the worlds.
    """

    name: str = Field(min_length=1)
    recipe_overrides: dict[str, object] = {}
    steps: Steps | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """How the trained arms of some worlds are trained: recipe file, its overrides, gradient steps."""

    recipe: str | None
    overrides: Mapping[str, object]
    steps: int | None


class StudyConfig(_Strict):
    """A whole study file.

    Attributes:
        name: Title of the table.
        models: What learns: names, or entries with how a model is asked.
        worlds: What is to be learned.
        arms: The ways of learning it.
        training_seeds: One training run per seed and trained arm.
        context_seeds: One order of the documents in the prompt per seed and untrained arm that is asked in context; of a trained
            one each training has one of them (``orders``). Other untrained arms run once per world.
        recipe: Training recipe, a file or its place under ``recipes/``; needed by trained arms.
        recipe_overrides: Keys of the recipe to replace.
        steps: Gradient steps of every trained arm, so that arms are matched; the recipe's own by default.
        match: ``"steps"``: every trained arm takes ``steps``. ``"epochs"``: so does an arm of the world's documents alone,
            and every other arm passes as often over its own rows.
        hyperparameters: Every trained arm is trained with each of them; by default once, with the recipe as it is.
        launch: Trains each cell in several processes, by ``accelerate launch``: a file of ``recipes/accelerate`` or a path.
        augmentation: How the models write the parts ``"local"``, ``"global"``, ``"qa"`` and ``"qa-global"``.
        curve_every: Gradient steps between two scorings while an arm trains (``training.curve``); no part of a cell's
            identity. None: none.
        curve_questions: Questions per split that are asked each time, the first ones; None: all.
        retention: What else every trained arm is asked, before its training and after: ``"reading"``, the questions of a fresh
            world of the same family behind its documents, and tasks of lm-eval.
        retention_questions: Questions of each of these, the first ones; None: all.
        answers: ``"chosen"`` among the choices by likelihood, or written: ``"written"`` with the choices hidden, ``"options"``
            with the choices shown.
        answer_tokens: Most tokens of a written answer, for models that think first; None: the task's own limit.
        pmi: Whether every choice is scored behind the bare prompt, too, for a prior-corrected accuracy.
        batch_size: Of the scoring; no part of a cell's identity.
        keep_checkpoints: Whether trained weights outlive their scoring.
    """

    name: str = Field(min_length=1)
    models: list[ModelEntry] = Field(min_length=1)
    worlds: list[Worlds] = Field(min_length=1)
    arms: list[Arm] = Field(min_length=1)
    training_seeds: list[Seed] = Field(default=[0], min_length=1)
    context_seeds: list[Seed] = Field(default=[0, 1, 2], min_length=1)
    recipe: str | None = None
    recipe_overrides: dict[str, object] = {}
    steps: Steps | None = None
    match: Literal["steps", "epochs"] = "steps"
    hyperparameters: list[Hyperparameters] = []
    launch: str | None = None
    augmentation: Settings = Settings()
    curve_every: int | None = Field(default=None, ge=1)
    curve_questions: int | None = Field(default=None, ge=1)
    retention: list[str] = []
    retention_questions: int | None = Field(default=None, ge=1)
    answers: Literal["chosen", "written", "options"] = "chosen"
    answer_tokens: int | None = Field(default=None, ge=1)
    pmi: bool = False
    batch_size: int = Field(default=8, ge=1)
    keep_checkpoints: bool = False

    def arms_of(self, worlds: Worlds) -> list[Arm]:
        """Return the ways in which some worlds are learned, each with how it asks for what is written."""
        arms = self.arms if worlds.arms is None else worlds.arms
        if self.answers == "chosen":
            return arms
        asked = {"prompt": WRITTEN_PROMPT}
        return [arm if "prompt" in arm.model_fields_set else arm.model_copy(update=asked) for arm in arms]

    def training_of(self, worlds: Worlds, hyper: Hyperparameters | None = None, recipe: str | None = None) -> Training:
        """Return how the trained arms of some worlds are trained, where a model names no recipe of its own."""
        given = hyper or Hyperparameters(name="as it is")
        overrides = {**self.recipe_overrides, **worlds.recipe_overrides, **given.recipe_overrides}
        return Training(recipe or worlds.recipe or self.recipe, overrides, given.steps or worlds.steps or self.steps)
