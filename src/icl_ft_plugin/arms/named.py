"""The arms that have names: ``arm("ft+local").corpus`` is ``["documents", "local"]``, from ``recipes/arms.yaml``."""

from __future__ import annotations

from typing import Any

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.config import parsed, read_yaml
from icl_ft_plugin.errors import UsageError, cut, shown, suggest
from icl_ft_plugin.paths import recipes_dir


def arm(name: str) -> Arm:
    """Return an arm of ``recipes/arms.yaml``: one way of learning a world.

    Args:
        name: Its name, e.g. ``"icl"``, ``"ft"``, ``"ft+local"``; ``"ft+oracle@50"`` has the inferences of half of the facts.

    Raises:
        UsageError: There is none of that name.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> icl_ft.arm("ft+local").corpus
        ['documents', 'local']
        >>> icl_ft.arm("icl").condition
        'icl'
    """
    place = str(recipes_dir() / "arms.yaml")
    return parsed(Arm, resolved(name, place), place)


def known_arms() -> dict[str, Any]:
    """Return the arms of ``recipes/arms.yaml`` by name, unparsed."""
    return read_yaml(recipes_dir() / "arms.yaml")


def resolved(entry: object, place: str) -> object:
    """Return an entry of a list of arms with a name replaced by what it stands for.

    Args:
        entry: The name of an arm, or an arm of its own, unparsed.
        place: Where the list stands, for the message.

    Raises:
        UsageError: There is none of that name.
    """
    if not isinstance(entry, str):
        return entry
    arms = known_arms()
    base, at, percent = entry.partition("@")
    if at and base in arms and percent.isdecimal():
        return {"name": entry, **arms[base], "inferred": int(percent)}
    if entry not in arms:
        raise UsageError(
            f"{place}: arms: no arm {shown(entry)}{suggest(entry, arms)}; arms.yaml has {cut(', '.join(arms), 200)}"
        )
    return {"name": entry, **arms[entry]}
