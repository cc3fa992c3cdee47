"""What lm-eval says of our tasks, in words that help.

    icl_ft_reversl: no such task; did you mean icl_ft_reversal, icl_ft_reversal_icl or icl_ft_reversal_closed?

comes before lm-eval's own ``Tasks not found``, and its advice on ``--metadata``, which it gives once for every task,
is given once for every run.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)
OURS = "icl_ft"


def add_messages(manager: type) -> None:
    """Have the class ``manager`` (lm-eval's ``TaskManager``) name what is near to a task that does not exist."""
    advice = OncePerRun()
    for method in ("match_tasks", "load"):
        if method in vars(manager):
            setattr(manager, method, _naming_the_nearest(vars(manager)[method], advice if method == "load" else None))
    logging.getLogger("lm_eval.api.task").addFilter(advice)


def hint(name: str, known: Iterable[str]) -> str | None:
    """Return what to say of ``name``, if it is no task and meant to be one of ours.

    Args:
        name: A task, group, glob or file, as asked for.
        known: All names of tasks and groups.
    """
    names = list(known)
    if fnmatch.filter(names, name) or Path(name).exists():
        return None
    near = difflib.get_close_matches(name, [known for known in names if known.startswith(OURS)], cutoff=0.8)
    if near:
        return f"{name}: no such task; did you mean {' or '.join(', '.join(near).rsplit(', ', 1))}?"
    return f"{name}: no such task; icl-ft tasks lists all of ours" if name.startswith(OURS) else None


def _naming_the_nearest(original: Any, advice: OncePerRun | None) -> Any:
    @functools.wraps(original)
    def method(self: Any, task_list: Any, *args: Any, **kwargs: Any) -> Any:
        for name in task_list if isinstance(task_list, list | tuple) else [task_list]:
            if isinstance(name, str) and (text := hint(name, self.all_tasks)):
                logger.error(text)
        if advice:
            advice.given = False  # a run loads its tasks once
        return original(self, task_list, *args, **kwargs)

    return method


class OncePerRun(logging.Filter):
    """Lets lm-eval's line on ``--metadata`` pass for the first of our tasks that a run loads.

    Attributes:
        given: Whether the line has passed since it was last set to False.
    """

    given = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is to be shown."""
        task, _, rest = record.getMessage().partition(": ")
        if not task.startswith(OURS) or not rest.startswith("Custom kwargs"):
            return True
        first, self.given = not self.given, True
        return first
