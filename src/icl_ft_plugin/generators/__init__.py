"""The dataset families: ``FAMILIES["reversal"].generate(ReversalConfig(), seed=0)`` is a whole world.

A family is one file with a frozen config dataclass and ``generate(config, seed) -> KnowledgeSet``, a pure function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from icl_ft_plugin.generators import reversal
from icl_ft_plugin.schema import Document, KnowledgeSet


@dataclass(frozen=True, slots=True)
class Family:
    """A dataset family.

    Attributes:
        config: The frozen dataclass of its knobs.
        generate: Pure function of (config, seed).
        oracle: What rules infer from a world's documents; documents with a style per kind of inference.
    """

    config: type
    generate: Callable[[Any, int], KnowledgeSet]
    oracle: Callable[[KnowledgeSet], tuple[Document, ...]]


FAMILIES: dict[str, Family] = {
    "reversal": Family(reversal.ReversalConfig, reversal.generate, reversal.oracle),
}
