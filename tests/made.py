"""Default worlds, made once a process: they are frozen, and the larger ones take seconds."""

from __future__ import annotations

from functools import lru_cache

from icl_ft_plugin.families import generate
from icl_ft_plugin.schema import World


@lru_cache(maxsize=24)
def made(family: str, seed: int = 0) -> World:
    """Return the family's default world of a seed."""
    return generate(family, seed)
