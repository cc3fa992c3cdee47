"""Tells lm-eval of our tasks folder and of the model ``icl_ft_hf``: what follows once its modules are imported.

As plugins of lm-eval (its pull request 4015), our tasks come after its own and before the user's ``--include_path``,
so that theirs win, and they are there without the defaults too. A folder is indexed once: where lm-eval finds ours
itself, or the user names it, it is not named again.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from icl_ft_plugin._messages import add_messages
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import tasks_dir

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager


Include = str | Path | list[str | Path] | tuple[str | Path, ...] | None
MODEL_NAME = "icl_ft_hf"
MODEL_TARGET = "icl_ft_plugin.prefix.lm:PrefixLM"
MARK = "knows_icl_ft_plugin"  # on a TaskManager class that has been told


def register() -> None:
    """Make our tasks and the model ``icl_ft_hf`` known to lm-evaluation-harness in this process.

    An installed package does so by itself (see ``_autoload``). Call it where that cannot be: under ``python -S``, from a
    ``pip install --target`` folder or a zipapp, or in a notebook that imported lm-eval before this package was there.
    A second call changes nothing.

    Raises:
        ImportError: lm-eval is not installed.
        UsageError: This lm-eval's ``TaskManager`` cannot be told of a folder.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> icl_ft.register()
        >>> from lm_eval.tasks import TaskManager
        >>> "icl_ft_reversal" in TaskManager(include_defaults=False).all_tasks
        True
    """
    import lm_eval.models
    import lm_eval.tasks

    add_tasks(lm_eval.tasks)
    add_model(lm_eval.models)


def our_tasks(metadata: Mapping[str, object]) -> TaskManager:
    """Return a ``TaskManager`` without the tasks that lm-eval brings.

    Args:
        metadata: What every task gets: world seed, generator knobs, arguments of the model.
    """
    register()
    from lm_eval.tasks import TaskManager

    from icl_ft_plugin.families import task_folders

    folders = [str(folder) for folder in task_folders()]
    return TaskManager(include_path=folders, include_defaults=False, metadata=dict(metadata))


def add_tasks(module: ModuleType) -> None:
    """Let the ``TaskManager`` of ``module`` (``lm_eval.tasks``) look in our folder.

    Raises:
        UsageError: It takes no ``include_path``.
    """
    manager = module.TaskManager
    if MARK in vars(manager):
        return
    original = manager.__init__
    signature = inspect.signature(original)
    if "include_path" not in signature.parameters:
        raise UsageError("lm-eval's TaskManager takes no include_path; icl-ft-plugin needs lm-eval 0.4.12 or later")
    ours = str(tasks_dir())
    discovered = functools.cache(lambda: _is_discovered(manager, ours))

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        theirs = bound.arguments.get("include_path")
        bound.arguments["include_path"] = with_ours(ours, theirs, discovered())
        original(*bound.args, **bound.kwargs)
        self.include_path = theirs

    manager.__init__ = __init__
    setattr(manager, MARK, True)
    add_messages(manager)


def with_ours(ours: str, theirs: Include, discovered: bool) -> list[str | Path]:
    """Return the folders to index beside lm-eval's own: ours first, unless it finds ours itself, and only once."""
    paths = [] if theirs is None else list(theirs) if isinstance(theirs, list | tuple) else [theirs]
    others = [path for path in paths if not _same(path, ours)]
    return others if discovered else [ours, *others]


def add_model(module: ModuleType) -> None:
    """Register the model, after ``module`` (``lm_eval.models``) has registered lm-eval's own.

    Not earlier: lm-eval fills an empty registry only, so that ours alone would hide ``hf``. Where lm-eval loads the
    entry point later, it leaves a name that is there already as it is.
    """
    from lm_eval.api.registry import model_registry

    if MODEL_NAME not in model_registry:
        model_registry.register(MODEL_NAME, target=MODEL_TARGET)


def _is_discovered(manager: type, ours: str) -> bool:
    """Say whether this lm-eval finds our folder by the entry point ``lm_eval.tasks``."""
    discover = getattr(sys.modules[manager.__module__], "discover_plugin_task_paths", None)
    return discover is not None and any(_same(path, ours) for path in discover())


def _same(path: str | Path, ours: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(ours)


STEPS = {"lm_eval.tasks": add_tasks, "lm_eval.models": add_model}
