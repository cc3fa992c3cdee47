"""Which task of ``tasks/`` asks a split: ``find_tasks(world, None, "icl")["reversal"]`` is ``"icl_ft_reversal_icl"``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.schema import World


def register_model() -> None:
    """Make ``icl_ft_hf`` known to lm-eval also where the registration at interpreter start is turned off."""
    import lm_eval.models

    from icl_ft_plugin._register import STEPS

    STEPS["lm_eval.models"](lm_eval.models)


class _TaskLoader(yaml.SafeLoader):
    """Reads task files for their metadata; ``!function`` stays unresolved, so nothing is imported."""


_TaskLoader.add_multi_constructor("!", lambda loader, tag, node: None)


def read_task(file: Path) -> dict[str, Any]:
    """Return a task file's keys, with those of the file that it includes, whose functions are left out."""
    data = yaml.load(file.read_text(encoding="utf-8"), Loader=_TaskLoader)  # noqa: S506 - a subclass of SafeLoader
    included = data.pop("include", None)
    return {**(read_task(file.parent / included) if included else {}), **data}


@lru_cache(maxsize=1)
def _all_tasks() -> tuple[tuple[str, str, str], ...]:
    """Return (family, split, task) of every task that ships and chooses among given answers."""
    found = []
    for file in sorted(tasks_dir().rglob("*.yaml")):
        data = read_task(file)
        metadata = data.get("metadata") or {}
        # Whether options are hidden or shown is a matter of written answers only.
        if isinstance(data.get("task"), str) and "split" in metadata and "options" not in metadata:
            found.append((metadata["family"], metadata["split"], data["task"]))
    return tuple(found)


def find_tasks(world: World, splits: list[str] | None, condition: str) -> dict[str, str]:
    """Return the task of each split under a condition; None asks for all splits that have one.

    Raises:
        UsageError: A split has no task, or none has.
    """
    names = {s: t for family, s, t in _all_tasks() if family == world.family and t.endswith(f"_{condition}")}
    if world.family == own.FAMILY:  # whose splits no task file can know: one task asks them all
        names = dict.fromkeys(world.splits, f"icl_ft_own_{condition}")
    wanted = splits or [split for split in world.splits if split in names]
    for split in wanted:
        if split not in names:
            raise UsageError(
                f"worlds: {world.family} has no split {split!r} under condition {condition!r}{suggest(split, names)}; "
                f"it has {', '.join(names) or 'none'}"
            )
    if not wanted:
        raise UsageError(f"worlds: no task of family {world.family!r} under condition {condition!r}")
    return {split: names[split] for split in wanted}
