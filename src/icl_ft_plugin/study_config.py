"""The study file: which worlds, models, arms and seeds make the grid.

For example ``recipes/studies/demo.yaml``::

    name: demo
    models: [nano]
    worlds:
      - {family: reversal, config: {n_facts: 20}, seeds: [0]}
    arms: [pretrained, icl, ft, ft+rephrase, ft+oracle]
    training_seeds: [0, 1, 2]
    recipe: reversal/full.yaml
    steps: 200

An arm is data: which parts of the corpus are trained on, which tokens bear the loss, which prompt the test has. A name
means an entry of ``recipes/arms.yaml``; an entry of the same form may stand in its place. All that can be wrong with
the file is found here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from icl_ft_plugin.augment.prompts import load_prompt
from icl_ft_plugin.augment.settings import GENERATED, Settings
from icl_ft_plugin.augment.training import check_form
from icl_ft_plugin.corpus import world_of
from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.generators import make_config
from icl_ft_plugin.paths import recipes_dir, study_names
from icl_ft_plugin.question_prompts import PLAIN, load_question_prompt
from icl_ft_plugin.recipe import read_yaml

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Steps = Annotated[int, Field(ge=1, le=10**9)]
Schema = TypeVar("Schema")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arm(_Strict):
    """One way of learning the facts.

    Attributes:
        name: Its label in tables.
        corpus: Parts trained on: ``"documents"``, ``"local"`` and ``"global"`` (what the cell's own base model infers from
            them), ``"oracle"`` (all that rules infer) or one style of the oracle, e.g. ``"rephrase"``; empty for an
            untrained arm.
        loss: ``"full"`` text or ``"completion"`` only.
        splitting: Of all that is trained on, into sentences: ``"none"``, ``"independent"`` or ``"cumulative"``.
        split_loss: Of cumulative rows: on the ``"target"`` sentence or on ``"all"`` of the row.
        keep: ``"all"`` that the model wrote, or only what is ``"entailed"`` by the documents: this uses the truth.
        transform: A rival by rule in the place of plain text: ``"reverse"`` or ``"masked"``.
        method: ``"finetune"``, or the experimental ``"sdft"``: the documents stand in the prompt of a teacher, the base
            model, and the student learns what that says about the world's names (see ``finetune_sdft``).
        condition: The prompt at test: ``"closed"`` book or the documents in context (``"icl"``).
        context_copies: Documents per fact in the in-context prompt, and in that of a teacher; 0 puts all of them there.
        context_tokens: In their place, a budget in tokens of the model's tokenizer; own documents are then chosen per
            question (``retrieval``).
        prompt: How the questions are asked: one of ``recipes/prompts/questions``, or a file of that form.
        chat_template: Whether the prompt is the user's turn of a chat, by the model's own template.
        baseline: Instead of a model, what counts which words of a choice and its question stand in the same documents, or
            sentences, answers (see ``baselines``).
    """

    name: str = Field(min_length=1)
    corpus: list[str] = []
    loss: Literal["full", "completion"] = "full"
    splitting: Literal["none", "independent", "cumulative"] = "none"
    split_loss: Literal["target", "all"] = "target"
    keep: Literal["all", "entailed"] = "all"
    transform: Literal["reverse", "masked"] | None = None
    method: Literal["finetune", "sdft"] = "finetune"
    condition: Literal["closed", "icl"] = "closed"
    context_copies: int = Field(default=1, ge=0)
    context_tokens: int | None = Field(default=None, ge=1)
    prompt: str = PLAIN
    chat_template: bool = False
    baseline: Literal["cooccurrence", "cooccurrence_sentence"] | None = None


_SDFT_ARM = {"corpus": ["documents"], "loss": "full", "splitting": "none", "keep": "all", "transform": None}


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
    """

    family: str
    config: dict[str, Any] = {}
    seeds: list[Seed] = Field(default=[0], min_length=1)
    name: str | None = None
    splits: list[str] | None = Field(default=None, min_length=1)
    arms: list[Arm] | None = Field(default=None, min_length=1)
    recipe: str | None = None
    recipe_overrides: dict[str, Any] = {}
    steps: Steps | None = None
    augmentation: Settings | None = None

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
    recipe_overrides: dict[str, Any] = {}
    steps: Steps | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """How the trained arms of some worlds are trained: recipe file, its overrides, gradient steps."""

    recipe: str | None
    overrides: Mapping[str, Any]
    steps: int | None


class StudyConfig(_Strict):
    """A whole study file.

    Attributes:
        name: Title of the table.
        models: Folders of checkpoints, or names of embedded models.
        worlds: What is to be learned.
        arms: The ways of learning it.
        training_seeds: One training run per seed and trained arm; untrained arms run once per world.
        recipe: Training recipe, a file or its place under ``recipes/``; needed by trained arms.
        recipe_overrides: Keys of the recipe to replace.
        steps: Gradient steps of every trained arm, so that arms are matched; the recipe's own by default.
        match: ``"steps"``: every trained arm takes ``steps``. ``"epochs"``: so does an arm of the world's documents alone,
            and every other arm passes as often over its own rows.
        hyperparameters: Every trained arm is trained with each of them; by default once, with the recipe as it is.
        launch: Trains each cell in several processes, by ``accelerate launch``: a file of ``recipes/accelerate`` or a path.
        augmentation: How the models write the parts ``"local"`` and ``"global"``.
        curve_every: Gradient steps between two scorings while an arm trains (``finetune_curve``); no part of a cell's
            identity. None: none.
        curve_questions: Questions per split that are asked each time, the first ones; None: all.
        batch_size: Of the scoring; no part of a cell's identity.
        keep_checkpoints: Whether trained weights outlive their scoring.
    """

    name: str = Field(min_length=1)
    models: list[str] = Field(min_length=1)
    worlds: list[Worlds] = Field(min_length=1)
    arms: list[Arm] = Field(min_length=1)
    training_seeds: list[Seed] = Field(default=[0], min_length=1)
    recipe: str | None = None
    recipe_overrides: dict[str, Any] = {}
    steps: Steps | None = None
    match: Literal["steps", "epochs"] = "steps"
    hyperparameters: list[Hyperparameters] = []
    launch: str | None = None
    augmentation: Settings = Settings()
    curve_every: int | None = Field(default=None, ge=1)
    curve_questions: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=8, ge=1)
    keep_checkpoints: bool = False

    def arms_of(self, worlds: Worlds) -> list[Arm]:
        """Return the ways in which some worlds are learned."""
        return self.arms if worlds.arms is None else worlds.arms

    def training_of(self, worlds: Worlds, hyper: Hyperparameters | None = None) -> Training:
        """Return how the trained arms of some worlds are trained."""
        given = hyper or Hyperparameters(name="as it is")
        overrides = {**self.recipe_overrides, **worlds.recipe_overrides, **given.recipe_overrides}
        return Training(worlds.recipe or self.recipe, overrides, given.steps or worlds.steps or self.steps)


COMMANDS = ("run", "status")  # what one may have meant to type in place of a study


def load_study(file: Path, overrides: list[str] | None = None) -> StudyConfig:
    """Read and check a study file.

    Args:
        file: The YAML file, or the name of a study that ships in ``recipes/studies``.
        overrides: ``"key=value"`` or ``"worlds.0.config.n_facts=5"``; values are YAML.

    Returns:
        The study, every arm resolved.

    Raises:
        UsageError: The file is missing or anything in it is wrong; the message names key, value and file.
    """
    shipped = recipes_dir() / "studies" / f"{file}.yaml"
    file = shipped if not file.exists() and shipped.is_file() else file
    if not file.exists() and (hint := suggest(str(file), [*study_names(), *COMMANDS])):
        raise UsageError(f"study: {str(file)!r} is no file and no study that ships{hint}")
    data = read_yaml(file)
    for override in overrides or []:
        _override(data, override)
    place = f"{file}{' with --set' if overrides else ''}"
    entries = data.get("worlds")
    for holder in (data, *(entries if isinstance(entries, list) else ())):
        if isinstance(holder, dict) and isinstance(holder.get("arms"), list):
            holder["arms"] = [_resolve_arm(arm, place) for arm in holder["arms"]]
    study = _parse(StudyConfig, data, place)
    _check(study, place)
    return study


def _parse(schema: type[Schema], data: dict[str, Any], place: str) -> Schema:
    try:
        return TypeAdapter(schema).validate_python(data, strict=True)
    except ValidationError as failure:
        raise UsageError("\n".join(f"{place}: {_explain(error)}" for error in failure.errors())) from failure


def _explain(error: Any) -> str:
    """Say in one line which key has which wrong value, and what would be right."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {
            "worlds": Worlds,
            "arms": Arm,
            "augmentation": Settings,
            "hyperparameters": Hyperparameters,
        }
        inner = next((models[part] for part in reversed(error["loc"][:-1]) if part in models), StudyConfig)
        known = list(inner.model_fields)
        return f"unknown key {key!r} (value {error['input']!r}){suggest(error['loc'][-1], known)}"
    if error["type"] == "missing":
        return f"{key} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {error['input']!r}: {message}" if key else message


def _override(data: dict[str, Any], override: str) -> None:
    """Set one dotted key; an integer part indexes a list."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {override!r}: write key=value")
    *parents, last = path.split(".")
    node: Any = data
    try:
        value = yaml.safe_load(text)
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value
    except (yaml.YAMLError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(f"--set {override!r}: there is no such place in the study file, or no such value") from error


def known_arms() -> dict[str, Any]:
    """Return the arms of ``recipes/arms.yaml`` by name, unparsed."""
    return read_yaml(recipes_dir() / "arms.yaml")


def named_arm(name: str) -> Arm:
    """Return an arm of ``recipes/arms.yaml``.

    Raises:
        UsageError: There is none of that name.
    """
    place = str(recipes_dir() / "arms.yaml")
    return _parse(Arm, _resolve_arm(name, place), place)


def _resolve_arm(arm: Any, place: str) -> Any:
    if not isinstance(arm, str):
        return arm
    arms = known_arms()
    if arm not in arms:
        raise UsageError(f"{place}: arms: no arm {arm!r}{suggest(arm, arms)}; arms.yaml has {', '.join(arms)}")
    return {"name": arm, **arms[arm]}


def _check(study: StudyConfig, place: str) -> None:
    """Check what no single value shows."""
    if study.launch and study.curve_every:
        raise UsageError(f"{place}: launch: a learning curve needs a training of one process: leave out curve_every")
    for worlds in study.worlds:
        try:
            if "path" in worlds.config:
                world_of(worlds.family, 0, worlds.config)
            else:
                make_config(worlds.family, worlds.config)
        except UsageError as error:
            raise UsageError(f"{place}: worlds: {error}") from error
    lists: dict[str, list[Any]] = {
        "models": study.models,
        "worlds": [worlds.label for worlds in study.worlds],
        "arms": [arm.name for arm in study.arms],
        "training_seeds": study.training_seeds,
        "hyperparameters": [hyper.name for hyper in study.hyperparameters],
        **{f"worlds[{i}].arms": [arm.name for arm in worlds.arms or ()] for i, worlds in enumerate(study.worlds)},
        **{f"worlds[{i}].seeds": worlds.seeds for i, worlds in enumerate(study.worlds)},
    }
    for key, values in lists.items():
        for value in values:
            if values.count(value) > 1:
                fix = "give one of them a name" if key == "worlds" else "remove one"
                raise UsageError(f"{place}: {key}: {value!r} stands there twice and would make duplicate cells: {fix}")
    for worlds in study.worlds:
        for arm in study.arms_of(worlds):
            if arm.corpus and study.training_of(worlds).recipe is None:
                raise UsageError(f"{place}: recipe is missing, and arm {arm.name!r} is trained")
            _check_arm(arm, place)
    for settings in (study.augmentation, *(worlds.augmentation for worlds in study.worlds if worlds.augmentation)):
        for strategy, name in settings.prompts.items():
            try:
                load_prompt(name, strategy)
            except UsageError as error:
                raise UsageError(f"{place}: augmentation.prompts.{strategy}: {error}") from error


def _check_arm(arm: Arm, place: str) -> None:
    try:
        check_form(arm.loss, arm.splitting, arm.transform)
    except UsageError as error:
        raise UsageError(f"{place}: arm {arm.name!r}: {error}") from error
    if arm.context_tokens and arm.condition != "icl":
        raise UsageError(f"{place}: arm {arm.name!r}: context_tokens without condition: icl has nothing to choose")
    try:
        load_question_prompt(arm.prompt)
    except UsageError as error:
        raise UsageError(f"{place}: arm {arm.name!r}: {error}") from error
    plain = {**arm.model_dump(), **_SDFT_ARM}
    if arm.method == "sdft" and plain != arm.model_dump():
        raise UsageError(
            f"{place}: arm {arm.name!r}: method: sdft leaves the documents as they are, in the teacher's prompt: "
            "write corpus: [documents] and no loss, splitting, keep or transform"
        )
    if arm.keep == "entailed" and not set(arm.corpus) & set(GENERATED):
        raise UsageError(
            f"{place}: arm {arm.name!r}: keep: entailed filters {' and '.join(GENERATED)}, and it has neither"
        )
    if arm.baseline and (arm.corpus or arm.condition != "closed" or arm.prompt != PLAIN or arm.chat_template):
        raise UsageError(
            f"{place}: arm {arm.name!r}: baseline: nothing is trained or prompted: write no corpus and condition"
        )
