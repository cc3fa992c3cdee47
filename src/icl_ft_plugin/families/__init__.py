"""The dataset families: ``generate("reversal", 0, {"n_facts": 20})`` is a whole world.

A family is one file with a frozen config dataclass, a pure ``generate(config, seed) -> World`` and an
``oracle(world)`` that writes what rules infer from the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families.celebrity import generate as celebrity
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.process import generate as process
from icl_ft_plugin.families.process import oracle as process_oracle
from icl_ft_plugin.families.reversal import generate as reversal
from icl_ft_plugin.families.semantic import generate as semantic
from icl_ft_plugin.families.semantic import oracle as semantic_oracle
from icl_ft_plugin.families.syllogism import generate as syllogism
from icl_ft_plugin.schema import Document, World


@dataclass(frozen=True, slots=True)
class Family:
    """A dataset family.

    Attributes:
        config: The frozen dataclass of its knobs.
        generate: Pure function of (config, seed).
        oracle: What rules infer from a world's documents; documents with a style per kind of inference.
    """

    config: type
    generate: Callable[[Any, int], World]
    oracle: Callable[[World], tuple[Document, ...]]


FAMILIES: dict[str, Family] = {
    "reversal": Family(reversal.ReversalConfig, reversal.generate, reversal.oracle),
    "syllogism": Family(syllogism.SyllogismConfig, syllogism.generate, syllogism.oracle),
    "celebrity": Family(celebrity.CelebrityConfig, celebrity.generate, celebrity.oracle),
    "semantic": Family(semantic.SemanticConfig, semantic.generate, semantic_oracle.oracle),
    "process": Family(process.ProcessConfig, process.generate, process_oracle.oracle),
}


def family_of(name: str) -> Family:
    """Return the family of that name.

    Raises:
        UsageError: No such family.
    """
    if name == own.FAMILY:
        raise UsageError(
            f"family: {name!r} is a folder of your own documents, not generated: where a task or a study takes one, "
            "name it by path=DIR"
        )
    if name not in FAMILIES:
        raise UsageError(f"family: {name!r} is not one of {', '.join(FAMILIES)}{suggest(name, FAMILIES)}")
    return FAMILIES[name]


def make_config(family: str, knobs: Mapping[str, Any]) -> Any:
    """Return the family's config with the given knobs, each checked against the default's type.

    Raises:
        UsageError: Unknown family or knob, wrong type, or a value out of range.
    """
    cls = family_of(family).config
    defaults = {field.name: field.default for field in fields(cls)}
    for name, value in knobs.items():
        if name not in defaults:
            raise UsageError(f"{family}: unknown knob {name}={value!r}{suggest(name, defaults)}")
        wanted = type(defaults[name])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise UsageError(f"{family}: {name}={value!r} must be of type {wanted.__name__}")
    return cls(**knobs)


def generate(family: str, seed: int, knobs: Mapping[str, Any] | None = None) -> World:
    """Generate one world.

    Args:
        family: A key of ``FAMILIES``.
        seed: The world seed, 0 <= seed < 2**32.
        knobs: Config fields that differ from the defaults.

    Raises:
        UsageError: Unknown family or knob, wrong type, or a value out of range.
    """
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise UsageError(f"{family}: seed={seed!r} must be a whole number from 0 to 2**32 - 1")
    return family_of(family).generate(make_config(family, knobs or {}), seed)
