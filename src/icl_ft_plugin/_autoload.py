"""Lets lm-evaluation-harness find our tasks with no flag: ``lm_eval --tasks icl_ft_reversal --model hf ...``.

The one line of ``icl_ft_plugin.pth`` puts a finder on ``sys.meta_path`` at interpreter start. It imports nothing, not
even this package, so that a checkout that is put on ``sys.path`` later still wins. When somebody imports one of the
watched modules, it asks ``find_spec`` below, and our step of ``_register`` follows once the module has run.
``ICL_FT_NO_AUTOLOAD=1`` turns it off; ``icl_ft_plugin.register()`` and ``--include_path $(icl-ft tasks-dir)`` are the
alternatives.

This is a backport: it goes when the oldest lm-eval that we allow reads the entry points ``lm_eval.tasks`` and
``lm_eval.models`` itself.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import tasks_dir

OPT_OUT = "ICL_FT_NO_AUTOLOAD"
TASKS_PACKAGE = "icl_ft_plugin.tasks"
WATCHED = ("lm_eval.tasks", "lm_eval.models", TASKS_PACKAGE)
_searched: set[str] = set()


def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
    """Find a watched module as the other finders do, and have our step taken once it has run."""
    # The second case is our own question to the other finders, or a startup line that ran twice.
    if os.environ.get(OPT_OUT, "0") not in ("", "0") or name in _searched:
        return None
    if name == TASKS_PACKAGE:
        return _checkout_tasks_spec()
    _searched.add(name)
    try:
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in specs if spec is not None), None)
    finally:
        _searched.discard(name)
    if spec is not None and spec.loader is not None:
        _run_after(spec.loader, name)
    return spec


def _run_after(loader: Any, name: str) -> None:
    """Make ``loader`` take the step of module ``name`` after executing it; a step may warn, never fail."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        if module.__name__ != name:  # a zip archive has one loader for all its modules
            return
        try:
            from icl_ft_plugin import _register

            _register.STEPS[name](module)
        except Exception as error:
            warnings.warn(
                f"icl-ft-plugin could not register itself with this lm-eval ({type(error).__name__}: {error}); "
                f"use --include_path $(icl-ft tasks-dir), and {OPT_OUT}=1 to silence this",
                RuntimeWarning,
                stacklevel=2,
            )

    loader.exec_module = exec_module


def _checkout_tasks_spec() -> ModuleSpec | None:
    """Let the entry point's package resolve in a checkout too, where the folder is at the root."""
    try:
        folder = tasks_dir()
    except UsageError:
        return None
    if folder.parent == Path(__file__).resolve().parent:
        return None  # a wheel's: the ordinary finders see it
    return spec_from_file_location(TASKS_PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)])
