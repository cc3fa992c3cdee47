"""Strict YAML, its keys and values against a schema, and overrides of its keys from the command line.

For example ``parsed(StudyConfig, {"stpes": 3}, "demo.yaml")`` raises
``demo.yaml: unknown key 'stpes' (value 3) (did you mean 'steps'?)``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from icl_ft_plugin.errors import UsageError, suggest

Schema = TypeVar("Schema")


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is written twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping strictly.

    Args:
        path: The file.

    Returns:
        Its keys and values.

    Raises:
        UsageError: The file is missing, unreadable, not YAML, not a mapping, or holds a key twice.
    """
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UsageError(f"{path}: {line}{error.problem}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{path}: not a mapping of keys to values")
    return value


def overrides_from(pairs: Iterable[str]) -> dict[str, Any]:
    """Turn ``["learning_rate=1e-3", "use_peft=true"]`` into ``{"learning_rate": "1e-3", "use_peft": True}``.

    Args:
        pairs: ``key=value``, the value in YAML; ``load`` turns numbers such as ``1e-3`` into floats.

    Raises:
        UsageError: A pair has no ``=``, its value is not YAML, or a key comes twice.
    """
    overrides: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        key = key.strip().lstrip("-").replace("-", "_")
        if not separator or not key:
            raise UsageError(f"override {pair!r}: write key=value")
        if key in overrides:
            raise UsageError(f"override {pair!r}: {key} is given twice")
        try:
            overrides[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"override {pair!r}: {text!r} is not a YAML value") from None
    return overrides


def set_key(data: dict[str, Any], setting: str, what: str) -> None:
    """Set one dotted key; an integer part indexes a list.

    Args:
        data: Changed in place.
        setting: ``"worlds.0.config.n_facts=5"``; the value is YAML.
        what: What ``data`` was read from, for messages: ``"the study file"``.

    Raises:
        UsageError: There is no such place, or the value is not YAML.
    """
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {setting!r}: write key=value")
    *parents, last = path.split(".")
    node: Any = data
    try:
        value = yaml.safe_load(text)
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value
    except (yaml.YAMLError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(f"--set {setting!r}: there is no such place in {what}, or no such value") from error


def parsed(schema: type[Schema], data: Mapping[str, Any], place: str) -> Schema:
    """Return what a schema makes of keys and values; nothing is converted, and nothing left over.

    Args:
        schema: A pydantic model or a dataclass.
        data: The keys and values.
        place: Where they are from, for messages.

    Raises:
        UsageError: A key is unknown or missing, or a value is wrong; one line for each.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(schema).validate_python(data, strict=True)
    except ValidationError as failure:
        raise UsageError("\n".join(f"{place}: {_explain(schema, error)}" for error in failure.errors())) from failure


def _explain(schema: type, error: Any) -> str:
    """Say in one line which key has which wrong value, and what would be right."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "extra_forbidden":
        *parents, last = error["loc"]
        return f"unknown key {key!r} (value {error['input']!r}){suggest(last, _keys_at(schema, parents))}"
    if error["type"] == "missing":
        return f"{key} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {error['input']!r}: {message}" if key else message


def _keys_at(schema: Any, place: Sequence[str | int]) -> list[str]:
    """Return the keys that a schema knows at a place within it."""
    inner = schema
    for part in place:
        inner = _inside(inner, part)
    found = next((option for option in _options(inner) if hasattr(option, "model_fields")), None)
    return list(found.model_fields) if found else []


def _inside(schema: Any, part: str | int) -> Any:
    """Return the type of an element of a list, or of a field of a model; None for any other."""
    for option in _options(schema):
        if isinstance(part, int) and typing.get_origin(option) is list:
            return typing.get_args(option)[0]
        if part in getattr(option, "model_fields", ()):
            return option.model_fields[str(part)].annotation
    return None


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)
