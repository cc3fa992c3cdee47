"""From a study file to its cells: models x worlds x seeds x arms x ways of training.

For example ``[str(cell) for cell in plan(load_study(Path("demo")))]`` begins with ``"nano, reversal seed 0, pretrained"``.
Everything is read here, once: files of recipes and prompts, the models' weights, the worlds, of which none is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from icl_ft_plugin.arms.arm import GENERATED, Arm, Strategy
from icl_ft_plugin.arms.corpus import corpus_parts
from icl_ft_plugin.arms.foreign import FILE, Replay, read_texts
from icl_ft_plugin.augment.prompts import Prompt, default_prompt, load_prompt
from icl_ft_plugin.augment.run import identity_of as identity_of_writing
from icl_ft_plugin.augment.run import identity_of_file
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.harness.index import find_tasks
from icl_ft_plugin.harness.prompts import QuestionPrompt, read_question_prompt
from icl_ft_plugin.harness.tokens import least_tokens
from icl_ft_plugin.study.cell import Cell, Kept, Labels, Model, PlannedWorld, Training, Writing
from icl_ft_plugin.study.cells.retention import planned_retention
from icl_ft_plugin.study.estimate.counting import tokens_of_model
from icl_ft_plugin.study.identity import identity_of, identity_of_weights, key_of
from icl_ft_plugin.study.models import asked_as, engine_for, left_out, models_of
from icl_ft_plugin.study.orders import context_seeds_of
from icl_ft_plugin.study.schema import Hyperparameters, StudyConfig, Worlds
from icl_ft_plugin.training.launch import launch_config
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.worlds.context import chosen_by, context_documents
from icl_ft_plugin.worlds.folder import world_of


@dataclass(frozen=True, slots=True)
class _Taught:
    """An arm in one world: its corpus spelt out, the task of each split, and how that asks.

    ``context`` are the characters of all that stands in its prompts before any question; 0 where that is chosen per model.
    """

    entry: Worlds
    world: PlannedWorld
    arm: Arm
    tasks: Mapping[str, str]
    prompt: QuestionPrompt
    context: int
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class _Way:
    """How an arm is trained, and which entry of the hyper-parameters says so."""

    training: Training | None
    hyperparameters: str | None


_UNTRAINED = _Way(None, None)
SURE = 100_000  # characters of a context that are looked at, for loading a tokenizer takes seconds


def plan(study: StudyConfig, *, weights: bool = True) -> list[Cell]:
    """Return the cells of a study in the order of its file; untrained arms have one cell per world, or per order of its documents.

    Args:
        study: The study.
        weights: Whether models of the Hub are needed with their weights, which are downloaded then.

    Raises:
        UsageError: A model, recipe, split or corpus part does not exist, or two cells are the same.
    """
    models = models_of(study, weights=weights)
    left_out(study)  # refuses a model of which nothing would be asked
    recipes = dict.fromkeys(model.recipe for model in models if not model.untrainable)
    ways = {name: [_ways(study, entry, name) for entry in study.worlds] for name in recipes}
    names = dict.fromkeys(arm.prompt for entry in study.worlds for arm in study.arms_of(entry))
    prompts = {name: read_question_prompt(name) for name in names}
    taught = [[arm for seed in entry.seeds for arm in _taught(study, entry, seed, prompts)] for entry in study.worlds]
    cells: dict[str, Cell] = {}
    for writer in map(_Writer, models):
        named: list[list[_Way]] = ways.get(writer.model.recipe, [[] for _ in taught])
        for trained, arms in zip(named, taught, strict=True):
            for cell in (cell for arm in arms for cell in _cells(study, writer, arm, trained)):
                cells[cell.key] = _once(study, cell, cells.get(cell.key))
    return list(cells.values())


def _once(study: StudyConfig, cell: Cell, same: Cell | None) -> Cell:
    """Return a cell; one that trains nothing stands in the tables of each recipe of its model.

    Raises:
        UsageError: It is there already.
    """
    if same is None:
        return cell
    if cell.training is None and cell.model.recipe != same.model.recipe:
        return replace(same, also=(*same.also, cell.labels))
    raise UsageError(f"{study.name}: duplicate cell: ({cell}) is the same as ({same}); remove one")


def _ways(study: StudyConfig, entry: Worlds, named: str | None) -> list[_Way]:
    """Return how each trained arm is trained, by a model's own recipe if it has one: hyper-parameters x training seeds."""
    arms = [arm for arm in study.arms_of(entry) if arm.corpus]
    if not arms:
        return []
    launch = {}
    if study.launch is not None:
        for arm in arms:
            if arm.method != "finetune":
                raise UsageError(
                    f"arm {shown(arm.name)}: method: {arm.method} trains in one process: leave out launch: {study.launch}"
                )
        launch = launch_config(study.launch)
    ways = []
    hypers: list[Hyperparameters | None] = [*study.hyperparameters] or [None]
    for hyper in hypers:
        source = study.training_of(entry, hyper, named)
        # A bar of its own would be written into the study's log.
        loaded = recipe.load(recipe.find_recipe(str(source.recipe)), {**source.overrides, "disable_tqdm": True})
        if study.match == "epochs" and not (source.steps or loaded.values.get("max_steps", -1) > 0):
            raise UsageError(
                f"{study.name}: match: epochs needs steps (or max_steps in the recipe): those of the documents alone"
            )
        name = hyper.name if hyper else None
        ways += [_Way(Training(seed, loaded, source.steps, study.match, launch), name) for seed in study.training_seeds]
    return ways


def _taught(study: StudyConfig, entry: Worlds, seed: int, prompts: Mapping[str, QuestionPrompt]) -> list[_Taught]:
    """Return each arm in one world; of the world itself nothing is kept."""
    world = world_of(entry.family, seed, entry.config)
    config = entry.config if "path" in entry.config else world.config
    planned = PlannedWorld(entry.family, config, seed, world.hash)
    tasks: dict[str, Mapping[str, str]] = {}
    kept = planned_retention(study, entry, seed)
    found = []
    for arm in study.arms_of(entry):
        if arm.condition not in tasks:
            tasks[arm.condition] = find_tasks(world, entry.splits, arm.condition, study.answers)
        spelt = arm.model_copy(update={"corpus": corpus_parts(world, arm), "replay": _as_planned(arm.replay)})
        whole = arm.condition == "icl" and not chosen_by(arm.model_dump(), arm.name)
        context = sum(len(document.text) for document in context_documents(world, arm.context_copies)) if whole else 0
        asked = kept if arm.corpus else None
        found.append(_Taught(entry, planned, spelt, tasks[arm.condition], prompts[arm.prompt], context, asked))
    return found


def _check_context(model: Model, taught: _Taught) -> None:
    """Refuse a context that cannot fit, before a model is loaded; the task itself counts what may.

    Raises:
        UsageError: The documents of an arm have more tokens than the model's window.
    """
    if taught.context < SURE:
        return
    tokens = tokens_of_model(model)
    if tokens and tokens.window is not None and (least := least_tokens(tokens, taught.context)) > tokens.window:
        raise UsageError(
            f"arm {shown(taught.arm.name)}: the documents of {taught.entry.label} have {taught.context:,} characters, at least "
            f"{least:,} tokens, and the window of {model.name} is {tokens.window:,}: give the arm a budget from which documents "
            f"are chosen (context_tokens: {tokens.window // 2}), or leave it out"
        )


def _cells(study: StudyConfig, writer: _Writer, taught: _Taught, trained: list[_Way]) -> Iterator[Cell]:
    """Return the cells of an arm in a world, one for each way of training and order of the documents."""
    entry, world, model = taught.entry, taught.world, writer.model
    if taught.arm.corpus and model.untrainable:
        return
    settings = entry.augmentation or study.augmentation
    _check_context(model, taught)
    arm = taught.arm
    writings: dict[str, Writing] = {
        strategy: writer.writing(world, settings, strategy) for strategy in GENERATED if strategy in arm.corpus
    }
    writings |= {part: _written_elsewhere(world, part) for part in arm.corpus if part.startswith(FILE)}
    for way, order in _runs(study, taught, trained):
        training, seed = way.training, order or 0
        engine = engine_for(model, taught.arm, study.answers, training)
        arm = asked_as(model, taught.arm, study.answers)
        weights = identity_of_weights(model, world, arm, writings, training)
        pmi = study.pmi and not arm.baseline
        identity = identity_of(
            weights, model, arm, taught.prompt, taught.tasks, taught.kept, pmi, seed, engine, study.answer_tokens
        )
        yield Cell(
            key=key_of(identity),
            training_key=key_of(weights) if training else None,
            identity=identity,
            labels=_labels(model, taught, way, order),
            model=model,
            world=world,
            tasks=taught.tasks,
            arm=arm,
            prompt=taught.prompt,
            training=training,
            writings=writings,
            settings=settings,
            kept=taught.kept,
            pmi=pmi,
            context_seed=seed,
            answers=study.answers,
            answer_tokens=study.answer_tokens,
            engine=engine,
        )


def _runs(study: StudyConfig, taught: _Taught, trained: list[_Way]) -> Iterator[tuple[_Way, int | None]]:
    """Yield each way of training an arm in a world, with each order of the documents that it is asked behind."""
    for way in trained if taught.arm.corpus else [_UNTRAINED]:
        seed = way.training.seed if way.training else None
        for order in context_seeds_of(taught.arm, taught.world.family, seed, study.context_seeds):
            yield way, order


def _labels(model: Model, taught: _Taught, way: _Way, order: int | None) -> Labels:
    entry, world, arm = taught.entry, taught.world, taught.arm
    seed = way.training.seed if way.training else None
    scale = {**entry.scale, **arm.scale}
    return Labels(model.name, entry.label, world.family, world.seed, arm.name, seed, way.hyperparameters, scale, order)


def _as_planned(replay: Replay | None) -> Replay | None:
    return replay and replay.model_copy(update={"sha256": read_texts(replay.path).sha256})


def _written_elsewhere(world: PlannedWorld, part: str) -> Writing:
    found = read_texts(part.removeprefix(FILE)).sha256
    return Writing(key_of(identity_of_file(world.hash, found)), None, found)


class _Writer:
    """What a model writes about worlds; each prompt is read once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._prompts: dict[tuple[Strategy, str], Prompt] = {}

    def writing(self, world: PlannedWorld, settings: Settings, strategy: Strategy) -> Writing:
        """Return what it writes about a world; the prompt is the one named in the study, else the one made for it."""
        engine = self.model.engine
        chats = engine is not None and engine.chats
        asked = (engine.name, {}) if engine and chats else ("icl_ft_hf", self.model.loading)
        name = settings.prompts.get(strategy) or default_prompt(strategy, *asked)
        if (strategy, name) not in self._prompts:
            self._prompts[strategy, name] = load_prompt(name, strategy)
        prompt = self._prompts[strategy, name]
        if chats and prompt.messages is None:
            raise UsageError(
                f"models: {self.model.name}: prompt {shown(name)} is one text, and the engine takes turns of a chat: "
                f"augmentation: {{prompts: {{{strategy}: chat-{strategy}}}}}"
            )
        return Writing(key_of(identity_of_writing(world.hash, prompt, settings, self.model.writer)), prompt)
