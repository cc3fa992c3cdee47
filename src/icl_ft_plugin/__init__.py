"""Evaluate what a language model can use after reading it in the prompt against after being finetuned on it.

This file imports nothing of the package, so that ``import icl_ft_plugin`` stays cheap: a public name is looked up in the
module that defines it where it is first asked for (PEP 562). ``__init__.pyi`` is the same for type checkers.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
_HOMES = {
    "Arm": "arms.arm",
    "Document": "schema",
    "Fact": "schema",
    "Question": "schema",
    "UsageError": "errors",
    "World": "schema",
    "arm": "arms.named",
    "audit": "worlds.audit",
    "augment": "augment.augment",
    "evaluate": "harness.evaluate",
    "generate": "families",
    "items": "report.store.export",
    "load_world": "worlds.folder",
    "register": "_register",
    "report": "report.write",
    "rows": "augment.statements",
    "run_study": "study.run",
    "save_world": "worlds.folder",
    "train": "training.train",
    "verify": "worlds.verify",
}
__all__ = ["__version__", *sorted(_HOMES)]


class _FrontDoor(ModuleType):
    """This module: ``report`` and ``augment`` are functions, though folders of the package have these names too."""

    def __setattr__(self, name: str, value: object) -> None:
        # Python names a folder on its package once something in it is imported.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor


def __getattr__(name: str) -> object:
    """Return a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
