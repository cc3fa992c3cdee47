"""What the truth says of an augmentation: ``audits(world, rows, {"local": 1312})["local"]["precision"]`` is e.g. 1.0.

The audit only measures, and is written beside the corpus as ``audit.json``. ``entailed`` is the filter of arms that are named as
using the truth, which no learner has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds.audit import AUDITORS, AuditReport, audit, keep, summarize


def entailed(world: World, texts: Sequence[str]) -> list[str]:
    """Return the statements that follow from the world's documents; this uses the truth, which no learner has."""
    return keep(texts, audit(world, texts))


def audits(world: World, rows: Sequence[Mapping[str, Any]], tokens: Mapping[str, int | None]) -> dict[str, AuditReport]:
    """Audit the statements of each strategy.

    Args:
        world: The world that was augmented.
        rows: The corpus: ``"text"`` and ``"strategy"`` count.
        tokens: Generated tokens by strategy; None where they are not known.

    Returns:
        A report by strategy; empty for a world of a family that has no audit.
    """
    if world.family not in AUDITORS:
        return {}
    return {
        strategy: summarize(
            world, audit(world, [row["text"] for row in rows if row["strategy"] == strategy]), spent or 0
        )
        for strategy, spent in tokens.items()
        if strategy != "none"
    }
