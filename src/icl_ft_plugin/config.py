"""Strict YAML, and overrides of its keys from the command line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.files import read_text

MOST_VALUES = 100_000  # of a YAML text, those behind aliases counted as often as they are named
MOST_CHARACTERS = 10_000_000


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
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


def _check_values(value: Any, place: str) -> None:
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
            raise UsageError(f"override {shown(pair)}: write key=value")
        if key in overrides:
            raise UsageError(f"override {shown(pair)}: {key} is given twice")
        overrides[key] = yaml_of(text, f"override {shown(pair)}")
    return overrides
