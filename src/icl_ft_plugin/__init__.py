"""Evaluate what a language model can use after reading it in the prompt against after being finetuned on it.

This file imports nothing, so that ``import icl_ft_plugin`` stays cheap: a name is looked up where it is first asked for.
"""

from importlib import import_module

__version__ = "0.1.0"
_HOMES = {
    "register": "_register",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> object:
    """Return a public name from the module that defines it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
