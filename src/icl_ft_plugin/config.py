"""Strict YAML, and overrides of its keys from the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin.errors import UsageError


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
