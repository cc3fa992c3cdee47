"""The keys of a recipe, their types, choices and ranges: what ``recipe.load`` checks before anything heavy runs.

For example ``checked("per_device_train_batch_size", "16", known_keys(), "full.yaml")`` raises
``full.yaml: per_device_train_batch_size: '16' is not of type int``.

Types and choices are read off TRL's own dataclasses, so they are those of the installed version. TRL takes values from
YAML as they come: a string for an integer, or an unknown choice, surfaces late, as a traceback, or never.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from icl_ft_plugin.errors import UsageError, shown, suggest

# Keys that TRL knows but that a run here cannot honor, with the reason; their default values are accepted.
REFUSED = {
    "env": "set environment variables outside the recipe",
    "resume_from_checkpoint": "a killed run resumes by itself when it is started again",
    "push_to_hub": "a run only writes to its output folder",
    "eval_strategy": "models are scored by lm-evaluation-harness after training",
    "do_eval": "models are scored by lm-evaluation-harness after training",
    "load_best_model_at_end": "there is no evaluation during training",
    "test_split_size": "TRL's split is unseeded; write the training rows to a file of their own",
    "streaming": "the rows are validated before training, so all are read",
    "dataset_streaming": "the rows are validated before training, so all are read",
    "save_only_model": "a checkpoint without its optimizer cannot be resumed",
    "ignore_data_skip": "a run that resumes must see the rows it has not seen yet",
    "auto_find_batch_size": "arms are matched in gradient steps, so the batch size is fixed",
    "load_in_8bit": "the checkpoint would not be a plain one",
}
# Keys of older TRL and transformers, as met in published recipes.
RENAMED = {
    "torch_dtype": "dtype",
    "max_seq_length": "max_length",
    "warmup_ratio": "warmup_steps, a share when below 1",
    "evaluation_strategy": "eval_strategy",
    "tokenizer": "model_name_or_path",
}
# Inclusive ranges of the keys where a wrong number trains something else, or nothing, without an error.
RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "data_seed": (0, 2**32 - 1),
    "learning_rate": (1e-12, 10),
    "per_device_train_batch_size": (1, 65536),
    "gradient_accumulation_steps": (1, 65536),
    "num_train_epochs": (1e-6, 10**6),
    "max_steps": (-1, 10**9),
    "max_length": (2, 10**7),
    "logging_steps": (1e-6, 10**9),
    "save_steps": (1e-6, 10**9),
    "warmup_steps": (0, 10**9),
    "weight_decay": (0, 10),
    "lora_r": (1, 65536),
    "lora_alpha": (1, 65536),
    "lora_dropout": (0, 0.999),
}


def key_classes() -> tuple[type, ...]:
    """Return the dataclasses that ``trl sft`` parses, in its order; imports torch."""
    # TRL reports each trainer that is made unless this is set before huggingface_hub is first imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from trl import DatasetMixtureConfig, ModelConfig, ScriptArguments, SFTConfig

    return ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig


def known_keys() -> dict[str, tuple[object, dataclasses.Field[Any]]]:
    """Return the type and the field of every key that ``trl sft`` knows."""
    return {
        field.name: (hints[field.name], field)
        for cls in key_classes()
        for hints in [typing.get_type_hints(cls)]
        for field in dataclasses.fields(cls)
        if field.init
    }


def checked(key: str, value: Any, hints: Mapping[str, tuple[object, dataclasses.Field[Any]]], place: str) -> Any:
    """Check one key and its value.

    Args:
        key: The key.
        value: Its value as YAML gave it.
        hints: What ``known_keys`` returned.
        place: The file, for messages.

    Returns:
        The value; for a float key, an integer or a string such as ``3e-4`` becomes a float.

    Raises:
        UsageError: The key is unknown, or the value has the wrong type, is no choice, out of range or not supported.
    """
    if key in REFUSED and value not in (None, False, "no"):
        raise UsageError(f"{place}: {key}: {shown(value)} is not supported: {REFUSED[key]}")
    if key not in hints:
        if key in REFUSED:
            return value
        hint = f" (now {RENAMED[key]})" if key in RENAMED else suggest(key, hints)
        raise UsageError(f"{place}: unknown key {shown(key)}{hint}")
    annotation, field = hints[key]
    choices = field.metadata.get("choices") or _enum_values(annotation)
    if choices and value is not None and value not in choices:
        note = '; quote it: "no"' if value is False and "no" in choices else ""
        near = suggest(value, map(str, choices))
        raise UsageError(f"{place}: {key}: {shown(value)} is not one of {', '.join(map(str, choices))}{note or near}")
    value = _number(value, annotation)
    if not _fits(value, annotation):
        raise UsageError(f"{place}: {key}: {shown(value)} is not of type {_name(annotation)}")
    if key in RANGES and value is not None:
        low, high = RANGES[key]
        if not low <= value <= high or (key == "max_steps" and value == 0):
            raise UsageError(f"{place}: {key}: {shown(value)} is not between {low} and {high}")
    return value


def _options(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _enum_values(annotation: object) -> list[object]:
    """Return the members of an enum; TRL annotates such keys ``SomeEnum | str`` and checks them late or never."""
    enums = [t for t in _options(annotation) if isinstance(t, type) and issubclass(t, enum.Enum)]
    return [member.value for cls in enums for member in cls]


def _number(value: object, annotation: object) -> object:
    """Convert integers and strings such as ``3e-4``, which YAML 1.1 does not take for a number, to float keys."""
    options = _options(annotation)
    if float not in options or isinstance(value, bool) or not isinstance(value, int | str):
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


def _fits(value: object, annotation: Any) -> bool:
    """Whether a YAML value is of the annotated type; a bool is no integer, and a mapping has the keys of a dataclass."""
    adapter: TypeAdapter[object] = TypeAdapter(annotation, config=ConfigDict(extra="forbid"))
    try:
        # Of JSON, a strict adapter takes a mapping for a dataclass; of Python, it wants an instance.
        adapter.validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError):  # TypeError: a date, which no key takes
        return False
    return True


def _name(annotation: object) -> str:
    names = [getattr(t, "__name__", str(t)) if typing.get_origin(t) is None else str(t) for t in _options(annotation)]
    return " or ".join("null" if name == "NoneType" else name for name in names)
