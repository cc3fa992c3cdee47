"""What the truth says of an augmentation: ``audits(world, statements, {"local": 1312})["local"]["precision"]`` is e.g. 1.0.

The audit only measures, and is written beside the corpus as ``audit.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_ft_plugin.augment.statements import NONE, Statement
from icl_ft_plugin.families import family_of
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds.audit import AuditReport, audit, summarize


def audits(world: World, statements: Sequence[Statement], tokens: Mapping[str, int | None]) -> dict[str, AuditReport]:
    """Audit the statements of each strategy.

    Args:
        world: The world that was augmented.
        statements: The corpus.
        tokens: Generated tokens by strategy; None where they are not known.

    Returns:
        A report by strategy; empty for a world of a family that has no audit.
    """
    if family_of(world.family).auditor is None:
        return {}
    return {
        strategy: summarize(
            world, audit(world, [found.text for found in statements if found.strategy == strategy]), spent or 0
        )
        for strategy, spent in tokens.items()
        if strategy != NONE
    }
