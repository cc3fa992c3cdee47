"""The dataset families: ``FAMILIES["reversal"].generate(ReversalConfig(), seed=0)`` is a whole world.

A family is one file with a frozen config dataclass and ``generate(config, seed) -> KnowledgeSet``, a pure function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from icl_ft_plugin.generators import reversal
from icl_ft_plugin.schema import KnowledgeSet


@dataclass(frozen=True, slots=True)
class Family:
    """A dataset family: its config class and its pure generator."""

    config: type
    generate: Callable[[Any, int], KnowledgeSet]


FAMILIES: dict[str, Family] = {
    "reversal": Family(reversal.ReversalConfig, reversal.generate),
}
