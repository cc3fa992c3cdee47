"""Which task of ``tasks/`` asks a split: ``find_tasks(world, None, "icl")["reversal"]`` is ``"icl_ft_reversal_icl"``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.schema import World


class _TaskLoader(yaml.SafeLoader):
    """Reads task files for their metadata; ``!function`` stays unresolved, so nothing is imported."""


_TaskLoader.add_multi_constructor("!", lambda loader, tag, node: None)


def read_task(file: Path) -> dict[str, Any]:
    """Return a task file's keys, with those of the file that it includes, whose functions are left out."""
    data = yaml.load(file.read_text(encoding="utf-8"), Loader=_TaskLoader)  # noqa: S506 - a subclass of SafeLoader
    included = data.pop("include", None)
    return {**(read_task(file.parent / included) if included else {}), **data}


@dataclass(frozen=True, slots=True)
class TaskFile:
    """What a task file says.

    Attributes:
        name: The task's.
        metadata: From which its documents are built.
        written: Most tokens of an answer that is written; 0 where it is chosen.
    """

    name: str
    metadata: Mapping[str, Any]
    written: int

    @property
    def answers(self) -> str:
        """How it is answered: ``"chosen"``, ``"written"``, or ``"options"``: written, with the choices shown."""
        if not self.written:
            return "chosen"
        return "options" if self.metadata.get("options") == "shown" else "written"

    @property
    def family(self) -> str:
        """The dataset family."""
        return str(self.metadata["family"])

    @property
    def split(self) -> str | None:
        """The split that is asked; None where the author of the documents names the splits, and all are asked."""
        return self.metadata.get("split")

    @property
    def condition(self) -> str:
        """Whether the book is ``"closed"`` or the documents stand in context (``"icl"``)."""
        return self.name.rpartition("_")[2]


@lru_cache(maxsize=1)
def task_files() -> tuple[TaskFile, ...]:
    """Return every task there is, family by family, those with choices first."""
    found = []
    for place, family in enumerate(FAMILIES.values()):
        for file in sorted(family.task_folder.rglob("*.yaml")):
            data = read_task(file)
            if isinstance(data.get("task"), str):
                written = (data.get("generation_kwargs") or {}).get("max_gen_toks", 0)
                found.append((place, TaskFile(data["task"], data["metadata"], written)))
    return tuple(task for _, task in sorted(found, key=lambda one: (one[0], one[1].written > 0, one[1].name)))


def find_tasks(world: World, splits: list[str] | None, condition: str, answers: str = "chosen") -> dict[str, str]:
    """Return the task of each split under a condition.

    Args:
        world: The world.
        splits: Those that are asked; None asks for all that have a task.
        condition: ``"closed"`` or ``"icl"``.
        answers: ``"chosen"``, ``"written"`` or ``"options"``.

    Raises:
        UsageError: A split has no task, or none has.
    """
    names: dict[str, str] = {}
    for task in task_files():
        if task.family == world.family and task.condition == condition and task.answers == answers:
            names |= dict.fromkeys([task.split] if task.split else world.splits, task.name)
    how = f"condition {shown(condition)}" + (f" and answers: {answers}" if answers != "chosen" else "")
    wanted = splits or [split for split in world.splits if split in names]
    for name in wanted:
        if name not in names:
            raise UsageError(
                f"worlds: {world.family} has no split {shown(name)} under {how}{suggest(name, names)}; "
                f"it has {', '.join(names) or 'none'}"
            )
    if not wanted:
        raise UsageError(f"worlds: no task of family {shown(world.family)} under {how}")
    return {split: names[split] for split in wanted}
