"""The models of a study, found once, each with how it is asked.

For example the entry ``{name: qwen3-4b, pretrained: Qwen/Qwen3-4B, dtype: bfloat16, model_args: {device_map: auto}}`` becomes
``Model("qwen3-4b", folder, hash, {"dtype": "bfloat16", "device_map": "auto"}, {"dtype": "bfloat16"})``: where its parts lie
changes no number, so cells do not depend on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.errors import UsageError, printable, shown
from icl_ft_plugin.models.find import check_chat_template, find_adapter, find_model, folder_hash, label_of
from icl_ft_plugin.paths import snapshot_of
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.study.cell import Model, Training
from icl_ft_plugin.study.engine import PLACING, Engine, check_arguments, engine_of
from icl_ft_plugin.study.schema import ModelEntry, StudyConfig

_DECIDED = {"pretrained", "model", "batch_size", "max_batch_size"}  # by the study
_LOADING = {  # of transformers' from_pretrained, which lm-eval hands on
    *("attn_implementation", "device_map", "quantization_config", "load_in_4bit", "load_in_8bit", "max_memory"),
    *("bnb_4bit_quant_type", "bnb_4bit_compute_dtype", "bnb_4bit_use_double_quant", "variant", "low_cpu_mem_usage"),
}


def models_of(study: StudyConfig, *, weights: bool = True) -> list[Model]:
    """Find the models of a study.

    Args:
        study: The study.
        weights: Whether those of the Hub are needed with their weights, which are downloaded then.

    Raises:
        UsageError: A model does not exist, cannot be asked or trained as the study says, or an argument is unknown.
    """
    found = []
    for entry, name in zip(study.models, names_of(study), strict=True):
        place = f"{study.name}: models: {name}"
        engine = _engine(entry, place)
        _check_answers(study, entry, engine, place)
        if entry.pretrained is not None:
            chats = talks(engine, study.answers) or _chats(study, entry)
            model = _checkpoint(entry, entry.pretrained, place, chats=chats, weights=weights)
        else:
            assert engine is not None
            model = Model(name, None, content_hash(engine.identity), chat_template=entry.chat_template)
        found.append(replace(model, name=name, engine=engine, untrainable=entry.untrainable))
    return found


def names_of(study: StudyConfig) -> list[str]:
    """Return what tables call the models: the recipe is part of it where nothing else tells two of them apart."""
    short = [entry.name or (label_of(entry.pretrained) if entry.pretrained else entry.called) for entry in study.models]
    names = [name if short.count(name) == 1 else entry.called for entry, name in zip(study.models, short, strict=True)]
    return [
        f"{name} ({entry.recipe})" if names.count(name) > 1 and entry.recipe and not entry.name else name
        for entry, name in zip(study.models, names, strict=True)
    ]


def left_out(study: StudyConfig) -> list[str]:
    """Return, a line for each model that cannot be trained, which arms have no cells of it, and why.

    Raises:
        UsageError: Of a model all arms are left out.
    """
    lines = []
    for entry, name in zip(study.models, names_of(study), strict=True):
        arms = [arm for worlds in study.worlds for arm in study.arms_of(worlds)]
        trained = dict.fromkeys(arm.name for arm in arms if arm.corpus)
        if not entry.untrainable or not trained:
            continue
        if all(arm.corpus for arm in arms):
            raise UsageError(
                f"{study.name}: models: {name}: {entry.untrainable}, and every arm is trained: add pretrained or icl"
            )
        lines.append(printable(f"{name}: left out: {', '.join(trained)}: {entry.untrainable}"))
    return lines


def engine_for(model: Model, arm: Arm, answers: str, training: Training | None) -> Engine | None:
    """Return what asks a cell's questions in the place of ``icl_ft_hf``, which chooses wherever there is a checkpoint."""
    engine = model.engine
    if engine is None or arm.baseline or (model.path is not None and answers == "chosen"):
        return None
    return engine if training is None or engine.takes(training.recipe.values) else None


def asked_as(model: Model, arm: Arm, answers: str) -> Arm:
    """Return an arm with what its model says of the chat template; all cells of a model are asked alike."""
    if arm.baseline:
        return arm
    chats = True if talks(model.engine, answers) else model.chat_template
    return arm if chats is None else arm.model_copy(update={"chat_template": chats})


def _engine(entry: ModelEntry, place: str) -> Engine | None:
    if entry.engine is None:
        return None
    given = (entry.engine, entry.engine_args, entry.pretrained, place)
    return engine_of(*given, loads_adapters=entry.loads_adapters)


def talks(engine: Engine | None, answers: str) -> bool:
    """Whether a model's questions are turns of a chat because its engine takes nothing else."""
    return engine is not None and engine.chats and answers != "chosen"


def _checkpoint(entry: ModelEntry, pretrained: str, place: str, *, chats: bool, weights: bool) -> Model:
    """Find the checkpoint of an entry."""
    arguments = {**entry.model_args, **({"dtype": entry.dtype} if entry.dtype else {})}
    _check_loading(arguments, f"{place}: model_args")
    gguf_file, revision = arguments.get("gguf_file"), arguments.pop("revision", entry.revision)
    path = find_model(pretrained, weights=weights, revision=revision, gguf_file=gguf_file)
    if revision and snapshot_of(path) is None:
        raise UsageError(f"{place}: revision: {shown(revision)}: only a model of the Hub has revisions")
    asked = {key: value for key, value in arguments.items() if key not in PLACING}
    if "peft" in arguments:
        adapter = find_adapter(str(arguments["peft"]))
        arguments, asked = {**arguments, "peft": str(adapter)}, {**asked, "peft": folder_hash(adapter)}
    if gguf_file is None and chats:
        check_chat_template(path)
    return Model("", path, folder_hash(path, gguf_file), arguments, asked, entry.chat_template, entry.recipe)


def _check_answers(study: StudyConfig, entry: ModelEntry, engine: Engine | None, place: str) -> None:
    """Refuse a study that a model cannot answer, or that its engine would answer otherwise than its entry says."""
    if engine is None:
        return
    if entry.pretrained is None and engine.only_writes and study.answers == "chosen":
        raise UsageError(
            f"{place}: engine: {engine.name} gives no log-probabilities of given answers: let them be written (answers: "
            "written, or options)"
        )
    if engine.chats and entry.chat_template is False:
        raise UsageError(f"{place}: chat_template: false: {engine.name} takes turns of a chat")
    for key in ("gguf_file", "peft", "delta"):
        if entry.model_args.get(key):
            raise UsageError(
                f"{place}: engine: {engine.name} is handed the checkpoint, without model_args.{key}: leave one of them out"
            )


def _chats(study: StudyConfig, entry: ModelEntry) -> bool:
    if entry.chat_template is not None:
        return entry.chat_template
    return any(arm.chat_template or arm.rows == "messages" for worlds in study.worlds for arm in study.arms_of(worlds))


def _check_loading(arguments: Mapping[str, object], place: str) -> None:
    known: set[str] = set()
    if arguments:
        from icl_ft_plugin.prefix.lm import PrefixLM

        known = {*_LOADING, *(name for kind in PrefixLM.__mro__ for name in inspect.signature(kind).parameters)}
    check_arguments(arguments, known, _DECIDED, place)
