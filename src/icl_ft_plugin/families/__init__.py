"""The dataset families: ``generate("reversal", 0, {"n_facts": 20})`` is a whole world.

A family is one folder whose ``FAMILY`` says all that the rest of the package knows of it. Families of other packages are
entry points of the group ``icl_ft_plugin.families``, looked up only where a name is none of ours or all are listed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.errors import UsageError, cut, shown, suggest
from icl_ft_plugin.families.celebrity import FAMILY as CELEBRITY
from icl_ft_plugin.families.codebook import FAMILY as CODEBOOK
from icl_ft_plugin.families.family import Family
from icl_ft_plugin.families.own import FAMILY as OWN
from icl_ft_plugin.families.process import FAMILY as PROCESS
from icl_ft_plugin.families.reversal import FAMILY as REVERSAL
from icl_ft_plugin.families.semantic import FAMILY as SEMANTIC
from icl_ft_plugin.families.syllogism import FAMILY as SYLLOGISM
from icl_ft_plugin.guard.confidential import shown_as
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.schema import World

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


__all__ = ["FAMILIES", "GROUP", "Family", "family_of", "generate", "generated", "make_config", "named", "task_folders"]

GROUP = "icl_ft_plugin.families"
FAMILIES: Mapping[str, Family]  # all of them, by name; found when it is first asked for

_SHIPPED = {family.name: family for family in (REVERSAL, SYLLOGISM, CELEBRITY, SEMANTIC, PROCESS, CODEBOOK, OWN)}


def __getattr__(name: str) -> object:
    """Return ``FAMILIES`` where it is asked for."""
    if name == "FAMILIES":
        return _all()
    raise AttributeError(f"module {shown(__name__)} has no attribute {shown(name)}")


@cache
def _all() -> Mapping[str, Family]:
    return {**_SHIPPED, **_installed()}


def _installed() -> dict[str, Family]:
    """Return the families of other packages; one that cannot be used is a warning, for the others must go on working."""
    from importlib.metadata import entry_points

    found: dict[str, Family] = {}
    for point in entry_points(group=GROUP):
        try:
            family = point.load()
            if not isinstance(family, Family):
                raise TypeError(f"it is no Family but {shown(family)}")
            if family.name != point.name or family.name in _SHIPPED or family.name in found:
                raise ValueError(f"its name {shown(family.name)} is taken, or not that of the entry point")
        except Exception as error:
            warnings.warn(
                f"family {shown(point.name)} ({point.value}, an entry point of {GROUP}) is left out: "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            found[family.name] = family
    return found


def family_of(name: str) -> Family:
    """Return the family of that name.

    Raises:
        UsageError: No such family.
    """
    found = _SHIPPED.get(name) or _all().get(name)
    if found is None:
        raise UsageError(f"family: {shown(name)} is not one of {', '.join(generated())}{suggest(name, generated())}")
    return found


def named(name: str) -> Family:
    """Return the family of that name for a report; of one that is not installed here only the name is known."""
    return _all().get(name) or Family(name=name, title=name)


def make_config(family: str, knobs: Mapping[str, object]) -> DataclassInstance:
    """Return the family's config with the given knobs, each checked against the default's type.

    Raises:
        UsageError: Unknown family or knob, wrong type, a value out of range, or a family that is not generated.
    """
    found = family_of(family)
    if found.config is None:
        raise UsageError(
            f"family: {shown(family)} is a folder of your own documents, not generated: where a task or a study takes one, "
            "name it by path=DIR"
        )
    defaults = found.knobs
    for name, value in knobs.items():
        if name not in defaults:
            raise UsageError(
                f"{family}: unknown knob {cut(str(name))}={shown_as(name, value)}{suggest(name, defaults)}"
            )
        wanted = type(defaults[name])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise UsageError(f"{family}: {name}={shown(value)} must be of type {wanted.__name__}")
    config: DataclassInstance = found.config(**knobs)
    return config


def generate(family: str, seed: int = 0, knobs: Mapping[str, object] | None = None, **named: Any) -> World:
    """Generate one world: the same family, seed and knobs give the same bytes on every platform.

    Args:
        family: Its family, e.g. ``"reversal"``; ``icl-ft tasks`` lists all.
        seed: The world seed, 0 <= seed < 2**32.
        knobs: What differs from the family's defaults, as a file or a command line gives it.
        **named: The same by name; a name wins.

    Raises:
        UsageError: Unknown family or knob, wrong type, or a value out of range.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", seed=0, n_facts=20)
        >>> world.config["n_facts"], world.splits[:2]
        (20, ('reversal', 'reversal_entity'))
        >>> world == icl_ft.generate("reversal", seed=0, n_facts=20)
        True
    """
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise UsageError(f"{family}: seed={shown(seed)} must be a whole number from 0 to 2**32 - 1")
    config = make_config(family, {**(knobs or {}), **named})
    make = family_of(family).generate
    assert make is not None  # a family that has a config generates
    return make(config, seed)


def task_folders() -> list[Path]:
    """Return the folders that hold the task files of all families, ours first."""
    return [tasks_dir(), *(family.tasks for family in _all().values() if family.tasks)]


def generated() -> list[str]:
    """Return the names of the families whose worlds are generated."""
    return [family.name for family in _all().values() if family.generate]
