"""What ``_autoload`` does once lm-eval is imported: its ``TaskManager`` looks in our folder, ``icl_ft_hf`` is a model.

Our tasks come after lm-eval's own and before the user's ``--include_path``, and only where lm-eval's own are asked
for. This is a backport: where lm-eval reads the entry points ``lm_eval.tasks`` and ``lm_eval.models`` itself, it
stands down. A step may warn, never fail: lm-eval must go on working, if need be without our tasks.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import warnings
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import tasks_dir

MODEL_NAME = "icl_ft_hf"
MODEL_TARGET = "icl_ft_plugin.prefix.lm:PrefixLM"


def register_model() -> None:
    """Make ``icl_ft_hf`` known to lm-eval also where the registration at interpreter start is turned off."""
    import lm_eval.models

    _add_model(lm_eval.models)


def run_after(loader: Any, name: str) -> None:
    """Make ``loader`` take the step of module ``name`` after executing it."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        if module.__name__ != name:  # a zip archive has one loader for all its modules
            return
        try:
            STEPS[name](module)
        except Exception as error:
            warnings.warn(
                f"icl-ft-plugin could not register itself with this lm-eval ({type(error).__name__}: {error}); "
                f"use --include_path $(icl-ft tasks-dir), and ICL_FT_NO_AUTOLOAD=1 to silence this",
                RuntimeWarning,
                stacklevel=2,
            )

    loader.exec_module = exec_module


def checkout_tasks_spec(name: str) -> ModuleSpec | None:
    """Let the entry point's package ``name`` resolve in a checkout too, where the folder is at the root."""
    try:
        folder = tasks_dir()
    except UsageError:
        return None
    if folder.parent == Path(__file__).resolve().parent:
        return None  # a wheel's: the ordinary finders see it
    return spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])


def _add_tasks(module: ModuleType) -> None:
    from lm_eval import utils

    if hasattr(utils, "import_function"):
        utils.import_function = _importing_our_functions(utils.import_function)
    manager = module.TaskManager
    if hasattr(sys.modules[manager.__module__], "discover_plugin_task_paths"):
        return
    original = manager.__init__
    signature = inspect.signature(original)
    missing = {"include_path", "include_defaults"} - signature.parameters.keys()
    if missing:
        raise TypeError(f"TaskManager takes no {' and no '.join(sorted(missing))}")
    defaults_by_default = signature.parameters["include_defaults"].default
    ours = str(tasks_dir())

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        theirs = bound.arguments.get("include_path")
        if bound.arguments.get("include_defaults", defaults_by_default):
            bound.arguments["include_path"] = with_ours(ours, theirs)
        original(*bound.args, **bound.kwargs)
        self.include_path = theirs

    manager.__init__ = __init__


def with_ours(ours: str, theirs: Any) -> list[Any]:
    """Put our folder before the user's, so that theirs win; once, if they named it themselves."""
    paths = [] if theirs is None else list(theirs) if isinstance(theirs, list | tuple) else [theirs]
    given = any(os.path.realpath(path) == os.path.realpath(ours) for path in paths)
    return paths if given else [ours, *paths]


def _importing_our_functions(original: Any) -> Any:
    """Let a YAML's ``!function icl_ft_plugin.x.y`` name a function of ours, as it may from lm-eval 0.4.12 on.

    0.4.11 takes every ``!function`` for one in a file beside the YAML.
    """

    @functools.wraps(original)
    def import_function(loader: Any, node: Any, yaml_path: Path) -> Any:
        module, _, name = loader.construct_scalar(node).rpartition(".")
        if module.startswith("icl_ft_plugin."):
            return getattr(importlib.import_module(module), name)
        return original(loader, node, yaml_path)

    return import_function


def _add_model(module: ModuleType) -> None:
    # Not earlier: lm-eval fills an empty registry only, so that ours alone would hide "hf".
    from lm_eval.api import registry

    if not hasattr(registry, "load_plugins") and MODEL_NAME not in registry.model_registry:
        registry.model_registry.register(MODEL_NAME, target=MODEL_TARGET)


STEPS = {"lm_eval.tasks": _add_tasks, "lm_eval.models": _add_model}
