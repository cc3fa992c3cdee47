"""Strict YAML, its keys and values against a schema, and overrides of its keys from the command line.

For example ``parsed(StudyConfig, {"stpes": 3}, "demo.yaml")`` raises
``demo.yaml: unknown key 'stpes' (value 3) (did you mean 'steps'?)``.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from icl_ft_plugin.errors import UsageError, cut, listed, shown, suggest
from icl_ft_plugin.files import read_text
from icl_ft_plugin.guard.confidential import shown_as, shown_pair

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails


MOST_VALUES = 100_000  # of a YAML text, those behind aliases counted as often as they are named
MOST_CHARACTERS = 10_000_000
Schema = TypeVar("Schema")


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, of which YAML would silently keep the last, and names a line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, AttributeError, LookupError, TypeError) as error:  # !!int abc, !!timestamp 1
            problem = f"{shown(node.value)} is no {cut(node.tag.rpartition(':')[2])}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is no plain word", problem_mark=key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {shown(key)} is written twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def yaml_of(text: str, place: str) -> Any:
    """Return a YAML value.

    Args:
        text: Its text.
        place: Where it stands, for the message.

    Raises:
        UsageError: It is no YAML, holds a key twice, a date that is none, a NaN, an infinity or a lone surrogate, or is
            too long or too deep; the message names place and line.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{place}: {len(text)} characters are too many")
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, {}) > MOST_VALUES:
            raise UsageError(f"{place}: more than {MOST_VALUES} values, those behind aliases counted each time")
        value = loader.construct_document(node)
        _check_values(value, place)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UsageError(f"{place}: {line}not YAML: {cut(str(error.problem))}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{place}: not YAML: {cut(str(error))}") from None
    except RecursionError:
        raise UsageError(f"{place}: nested too deep, or an alias inside what it names") from None
    except (ValueError, OverflowError) as error:  # !!int abc, 2024-13-45, a number of 5,000 digits
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{place}: a value cannot be read ({cut(str(error))})") from None
    finally:
        if loader is not None:
            loader.dispose()
    return value


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases followed; raises RecursionError in a circle."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES  # while it is counted; one that contains itself is too large
        inner: Iterable[yaml.Node] = ()
        if isinstance(node, yaml.MappingNode):
            inner = (part for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        known[id(node)] = 1 + sum(_values(part, known) for part in inner)
    return known[id(node)]


def _check_values(value: object, place: str) -> None:
    """Refuse what no key of ours takes and no file of ours could hold."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{place}: {value!r} is not a finite number")
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageError(f"{place}: {shown(value)} holds half a character (a lone surrogate)")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_values(key, place)
            _check_values(inner, f"{place}: {cut(str(key))}" if isinstance(key, str) else place)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            _check_values(inner, place)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping strictly.

    Args:
        path: The file.

    Returns:
        Its keys and values.

    Raises:
        UsageError: The file cannot be read, is not YAML (see ``yaml_of``) or not a mapping.
    """
    value = yaml_of(read_text(path), str(path))
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{path}: not a mapping of keys to values")
    return value


def overrides_from(pairs: Iterable[str]) -> dict[str, object]:
    """Turn ``["learning_rate=1e-3", "use_peft=true"]`` into ``{"learning_rate": "1e-3", "use_peft": True}``.

    Args:
        pairs: ``key=value``, the value in YAML; ``load`` turns numbers such as ``1e-3`` into floats.

    Raises:
        UsageError: A pair has no ``=``, its value is not YAML, or a key comes twice.
    """
    overrides: dict[str, object] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        key = key.strip().lstrip("-").replace("-", "_")
        if not separator or not key:
            raise UsageError(f"override {shown_pair(pair)}: write key=value")
        if key in overrides:
            raise UsageError(f"override {shown_pair(pair)}: {cut(key)} is given twice")
        overrides[key] = yaml_of(text, f"override {shown_pair(pair)}")
    return overrides


def set_key(data: dict[str, object], setting: str, what: str) -> None:
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
        raise UsageError(f"--set {shown_pair(setting)}: write key=value")
    value = yaml_of(text, f"--set {shown_pair(setting)}")
    *parents, last = path.split(".")
    node: Any = data
    try:
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(f"--set {shown_pair(setting)}: there is no such place in {what}") from error


def parsed(schema: type[Schema], data: object, place: str, *, strict: bool = True) -> Schema:
    """Return what a schema makes of keys and values.

    Args:
        schema: A pydantic model or a dataclass.
        data: The keys and values.
        place: Where they are from, for messages.
        strict: Whether nothing is converted, as in what a person writes; in files of our own, lists stand for tuples.

    Raises:
        UsageError: A key is unknown or missing, or a value is wrong; one line for each, up to a few.
    """
    from pydantic import ValidationError

    try:
        return typing.cast(Schema, _adapter(typing.cast(Hashable, schema)).validate_python(data, strict=strict))
    except ValidationError as failure:
        raise UsageError(listed([f"{place}: {_explain(schema, error)}" for error in failure.errors()])) from failure
    except RecursionError:
        raise UsageError(f"{place}: nested too deep") from None


@lru_cache(maxsize=64)
def _adapter(schema: type) -> TypeAdapter[object]:
    from pydantic import TypeAdapter

    return TypeAdapter(schema)


def _explain(schema: type, error: ErrorDetails) -> str:
    """Say in one line which key has which wrong value, and what would be right."""
    key = cut("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip("."))
    if error["type"] == "extra_forbidden":
        *parents, last = error["loc"]
        return f"unknown key {shown(key)} (value {shown_as(key, error['input'])}){suggest(str(last), _keys_at(schema, parents))}"
    if error["type"] == "missing":
        return f"{key} is missing"
    message = cut(error["msg"].removeprefix("Value error, "), 300)
    return f"{key}: {shown_as(key, error['input'])}: {message}" if key else message


def _keys_at(schema: object, place: Sequence[str | int]) -> list[str]:
    """Return the keys that a schema knows at a place within it."""
    inner = schema
    for part in place:
        inner = _inside(inner, part)
    found = next((option for option in _options(inner) if hasattr(option, "model_fields")), None)
    return list(found.model_fields) if found else []


def _inside(schema: object, part: str | int) -> object:
    """Return the type of an element of a list, or of a field of a model; None for any other."""
    for option in _options(schema):
        if isinstance(part, int) and typing.get_origin(option) is list:
            return typing.get_args(option)[0]
        fields = getattr(option, "model_fields", {})
        if part in fields:
            return fields[part].annotation
    return None


def _options(annotation: object) -> tuple[object, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)
