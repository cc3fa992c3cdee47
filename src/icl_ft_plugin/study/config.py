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

An arm is data: which parts of the corpus are trained on, what a row of them is, which prompt the test has. A name
means an entry of ``recipes/arms.yaml``; an entry of the same form may stand in its place. All that can be wrong with
the file is found here, before anything runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from icl_ft_plugin.arms.arm import GENERATED, Arm, is_written
from icl_ft_plugin.arms.named import resolved
from icl_ft_plugin.augment.prompts import load_prompt
from icl_ft_plugin.config import parsed, read_yaml, set_key
from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.families import make_config
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.paths import PLAIN, recipes_dir, study_names
from icl_ft_plugin.study.schema import StudyConfig
from icl_ft_plugin.worlds.context import chosen_by
from icl_ft_plugin.worlds.folder import world_of

_SDFT_ARM = {"corpus": ["documents"], "rows": "documents", "keep": "all"}


def load_study(file: str | Path, overrides: Sequence[str] | None = None) -> StudyConfig:
    """Read and check a study file.

    Args:
        file: The YAML file, or the name of a study that ships in ``recipes/studies`` (``demo``, ``demo.yaml``).
        overrides: ``"key=value"`` or ``"worlds.0.config.n_facts=5"``; values are YAML.

    Returns:
        The study, every arm resolved.

    Raises:
        UsageError: The file is missing or anything in it is wrong; the message names key, value and file.
    """
    shipped = recipes_dir() / "studies" / f"{str(file).removesuffix('.yaml')}.yaml"
    file = shipped if not Path(file).exists() and shipped.is_file() else Path(file)
    if not file.exists() and (hint := suggest(str(file), study_names())):
        raise UsageError(f"study: {shown(str(file))} is no file and no study that ships{hint}")
    data = read_yaml(file)
    for override in overrides or ():
        set_key(data, override, "the study file")
    place = f"{file}{' with --set' if overrides else ''}"
    entries = data.get("worlds")
    for holder in (data, *(entries if isinstance(entries, list) else ())):
        if isinstance(holder, dict) and isinstance(holder.get("arms"), list):
            holder["arms"] = [resolved(arm, place) for arm in holder["arms"]]
    study = parsed(StudyConfig, data, place)
    _check(study, place)
    return study


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
    lists: dict[str, Sequence[object]] = {
        "models": [entry.name or f"{entry.called} {entry.recipe or ''}".strip() for entry in study.models],
        "worlds": [worlds.label for worlds in study.worlds],
        "arms": [arm.name for arm in study.arms],
        "training_seeds": study.training_seeds,
        "context_seeds": study.context_seeds,
        "hyperparameters": [hyper.name for hyper in study.hyperparameters],
        **{f"worlds[{i}].arms": [arm.name for arm in worlds.arms or ()] for i, worlds in enumerate(study.worlds)},
        **{f"worlds[{i}].seeds": worlds.seeds for i, worlds in enumerate(study.worlds)},
    }
    for key, values in lists.items():
        for value in values:
            if values.count(value) > 1:
                fix = "give one of them a name" if key in ("worlds", "models") else "remove one"
                raise UsageError(
                    f"{place}: {key}: {shown(value)} stands there twice and would make duplicate cells: {fix}"
                )
    _check_answers(study, place)
    learners = [entry for entry in study.models if not entry.untrainable]
    for worlds in study.worlds:
        for arm in study.arms_of(worlds):
            if arm.corpus and not all(study.training_of(worlds, recipe=entry.recipe).recipe for entry in learners):
                raise UsageError(f"{place}: recipe is missing, and arm {shown(arm.name)} is trained")
            _check_arm(arm, place)
    for settings in (study.augmentation, *(worlds.augmentation for worlds in study.worlds if worlds.augmentation)):
        for strategy, name in settings.prompts.items():
            try:
                load_prompt(name, strategy)
            except UsageError as error:
                raise UsageError(f"{place}: augmentation.prompts.{strategy}: {error}") from error


def _check_answers(study: StudyConfig, place: str) -> None:
    """Refuse what does not go with how the study is answered."""
    if study.pmi and study.answers != "chosen":
        raise UsageError(
            f"{place}: pmi: answers: {study.answers}: no choice has a likelihood to correct: leave out pmi"
        )
    if study.answer_tokens and study.answers == "chosen":
        raise UsageError(f"{place}: answer_tokens: {study.answer_tokens}: answers: chosen: no answer is written")
    if study.answer_tokens and study.curve_every:
        raise UsageError(
            f"{place}: answer_tokens: a learning curve asks with the task's own limit: leave out curve_every"
        )
    for arm in (arm for worlds in study.worlds for arm in study.arms_of(worlds)):
        if arm.baseline and study.answers != "chosen":
            raise UsageError(
                f"{place}: arm {shown(arm.name)}: answers: {study.answers}: a baseline chooses and writes nothing: leave it out"
            )


def _check_arm(arm: Arm, place: str) -> None:
    chosen = chosen_by(arm.model_dump(), f"{place}: arm {shown(arm.name)}")
    if chosen and arm.condition != "icl":
        raise UsageError(
            f"{place}: arm {shown(arm.name)}: {next(iter(chosen))} without condition: icl has nothing to choose"
        )
    try:
        load_question_prompt(arm.prompt)
    except UsageError as error:
        raise UsageError(f"{place}: arm {shown(arm.name)}: {error}") from error
    plain = {**arm.model_dump(), **_SDFT_ARM}
    if arm.method == "sdft" and plain != arm.model_dump():
        raise UsageError(
            f"{place}: arm {shown(arm.name)}: method: sdft leaves the documents as they are, in the teacher's prompt: "
            "write corpus: [documents] and no rows or keep"
        )
    if arm.keep == "entailed" and not any(map(is_written, arm.corpus)):
        raise UsageError(
            f"{place}: arm {shown(arm.name)}: keep: entailed filters {', '.join(GENERATED)} and files, and it has none"
        )
    if arm.replay and arm.method == "sdft":
        raise UsageError(f"{place}: arm {shown(arm.name)}: replay: method: sdft has no rows to add to")
    if arm.replay and not arm.corpus:
        raise UsageError(f"{place}: arm {shown(arm.name)}: replay: nothing is trained: write a corpus")
    if arm.baseline and (arm.corpus or arm.condition != "closed" or arm.prompt != PLAIN or arm.chat_template):
        raise UsageError(
            f"{place}: arm {shown(arm.name)}: baseline: nothing is trained or prompted: write no corpus and condition"
        )
