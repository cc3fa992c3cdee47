"""The models of a study, found once, each with how it is asked.

For example the entry ``{name: qwen3-4b, pretrained: Qwen/Qwen3-4B, dtype: bfloat16, model_args: {device_map: auto}}`` becomes
``Model("qwen3-4b", folder, hash, {"dtype": "bfloat16", "device_map": "auto"}, {"dtype": "bfloat16"})``: where its parts lie
changes no number, so cells do not depend on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.guard.confidential import refuse_secrets, shown_as
from icl_ft_plugin.models.find import check_chat_template, find_adapter, find_model, folder_hash, label_of
from icl_ft_plugin.paths import snapshot_of
from icl_ft_plugin.study.cell import Model
from icl_ft_plugin.study.schema import ModelEntry, StudyConfig

# Where a model is put and how it is read: no number hangs on it.
_PLACING = {
    *("device", "device_map", "device_map_option", "parallelize", "max_memory", "max_memory_per_gpu", "max_cpu_memory"),
    *("offload_folder", "gpus", "tp_plan", "low_cpu_mem_usage", "use_fast_tokenizer", "pass_bytes", "pass_tokens"),
}
_DECIDED = {"pretrained", "model", "batch_size", "max_batch_size"}  # by the study
_LOADING = {  # of transformers' from_pretrained, which lm-eval hands on
    *("attn_implementation", "device_map", "quantization_config", "load_in_4bit", "load_in_8bit", "max_memory"),
    *("bnb_4bit_quant_type", "bnb_4bit_compute_dtype", "bnb_4bit_use_double_quant", "variant", "low_cpu_mem_usage"),
}
# What a model is loaded through that no training of ours writes back.
_UNTRAINABLE = (
    "gguf_file",
    "peft",
    "delta",
    "load_in_4bit",
    "load_in_8bit",
    "quantization_config",
    "autogptq",
    "gptqmodel",
)


def models_of(study: StudyConfig, *, weights: bool = True) -> list[Model]:
    """Find the models of a study.

    Args:
        study: The study.
        weights: Whether those of the Hub are needed with their weights, which are downloaded then.

    Raises:
        UsageError: A model does not exist, cannot be asked or trained as the study says, or an argument is unknown.
    """
    labels = [entry.name or label_of(entry.pretrained) for entry in study.models]
    found = []
    for entry, label in zip(study.models, labels, strict=True):
        place = f"{study.name}: models: {label}"
        arguments = {**entry.model_args, **({"dtype": entry.dtype} if entry.dtype else {})}
        _check_arguments(arguments, place)
        _check_trained(study, arguments, place)
        gguf_file, revision = arguments.get("gguf_file"), arguments.pop("revision", entry.revision)
        path = find_model(entry.pretrained, weights=weights, revision=revision, gguf_file=gguf_file)
        if revision and snapshot_of(path) is None:
            raise UsageError(f"{place}: revision: {shown(revision)}: only a model of the Hub has revisions")
        asked = {key: value for key, value in arguments.items() if key not in _PLACING}
        if "peft" in arguments:
            adapter = find_adapter(str(arguments["peft"]))
            arguments, asked = {**arguments, "peft": str(adapter)}, {**asked, "peft": folder_hash(adapter)}
        if gguf_file is None and _chats(study, entry):
            check_chat_template(path)
        name = label if labels.count(label) == 1 else entry.pretrained
        digest = folder_hash(path, gguf_file)
        found.append(Model(name, path, digest, arguments, asked, entry.chat_template, entry.recipe))
    return found


def _chats(study: StudyConfig, entry: ModelEntry) -> bool:
    if entry.chat_template is not None:
        return entry.chat_template
    return any(arm.chat_template or arm.rows == "messages" for worlds in study.worlds for arm in study.arms_of(worlds))


def _check_arguments(arguments: Mapping[str, Any], place: str) -> None:
    """Refuse what the study decides itself, secrets, and names that look like misspelt ones of lm-eval and transformers."""
    refuse_secrets(arguments, f"{place}: model_args")
    if not arguments:
        return
    from icl_ft_plugin.prefix.lm import PrefixLM

    known = {*_LOADING, *(name for kind in PrefixLM.__mro__ for name in inspect.signature(kind).parameters)}
    for key, value in arguments.items():
        if key in _DECIDED:
            raise UsageError(f"{place}: model_args.{key}: {shown(value)}: the study decides it: leave it out")
        if key not in known and (hint := suggest(key, known, cutoff=0.8)):
            raise UsageError(f"{place}: model_args: unknown key {key!r} (value {shown_as(key, value)}){hint}")


def _check_trained(study: StudyConfig, arguments: Mapping[str, Any], place: str) -> None:
    key = next((key for key in _UNTRAINABLE if arguments.get(key)), None)
    for arm in (arm for worlds in study.worlds for arm in study.arms_of(worlds)):
        if key and (arm.corpus or arm.method != "finetune"):
            raise UsageError(
                f"{place}: model_args.{key}: arm {shown(arm.name)} is trained, which needs a plain checkpoint: "
                "leave the arm out for this model, or name the checkpoint itself"
            )
