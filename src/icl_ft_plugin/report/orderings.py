"""The orderings of arXiv 2505.00661, which the families' splits name, each with a verdict from the study's own numbers.

For example the row ``Claim("above", "icl", "ft", "in context beats finetuning")`` of the simple reversals becomes
``{"split": "reversal", "claim": "icl: in context beats finetuning", "verdict": "reproduced", "p": 0.0002, ...}``.

A claim is reproduced where its own one-sided test says so at the 5% level after Holm's correction over all claims about
one model and one entry of worlds; it is not reproduced where the test of its contrary does; else the data cannot tell.
"About chance", "as good as" and "no better" are tests of equivalence within a margin, a quarter of the way from chance
to 100%: no evidence of a difference is no evidence of equality. The published figures carry no numbers, so what "near
the ceiling" (within that margin of 100%) and "low" (nearer to chance than to 100%) mean is OURS.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

from icl_ft_plugin.families import named
from icl_ft_plugin.families.family import Claim
from icl_ft_plugin.report.stats.accuracy import Estimate
from icl_ft_plugin.report.stats.compare import Comparison, holm

LEVEL = 0.05
AUGMENTATIONS = frozenset({"local", "global", "oracle"})


def is_augmented(arm: str) -> bool:
    """Say whether an arm is finetuned on what follows from the documents, too; other additions are controls or rivals."""
    return not AUGMENTATIONS.isdisjoint(arm.split("+"))


def judge(
    family: str,
    accuracy: Mapping[tuple[str, str], tuple[Estimate, float]],
    comparisons: Mapping[tuple[str, str, str], Comparison],
) -> list[dict[str, Any]]:
    """Judge every claim about a family.

    Args:
        family: Dataset family.
        accuracy: Estimate and chance level by (arm, split).
        comparisons: First arm minus second by (split, first, second), for every pair in one order or the other.

    Returns:
        One record per claim, split and arm: ``split``, ``claim``, ``verdict`` (``"reproduced"``, ``"not reproduced"``,
        ``"cannot be told"`` or ``"not run"``), ``p`` and ``p_contrary`` (Holm-corrected; None where not run).
    """
    rows: list[dict[str, Any]] = []
    for split, asked in named(family).splits.items():
        arms = [arm for arm, of_split in accuracy if of_split == split]
        for claim in asked.claims if arms else ():
            about = [arm for arm in arms if is_augmented(arm)] if claim.arm == "augmented" else [claim.arm]
            for arm in about or ["augmented ft"]:
                values = _p_values(claim, arm, split, accuracy, comparisons)
                rows.append({"split": split, "claim": f"{arm}: {claim.text}", "values": values})
    supported = holm([row["values"][0] if row["values"] else nan for row in rows])
    refuted = holm([row["values"][1] if row["values"] else nan for row in rows])
    for row, p, against in zip(rows, supported, refuted, strict=True):
        told = row.pop("values") is not None
        row["verdict"] = _verdict(p, against) if told else "not run"
        row["p"], row["p_contrary"] = (p, against) if told and p == p else (None, None)
    return rows


def _verdict(p: float, against: float) -> str:
    if p < LEVEL:
        return "reproduced"
    return "not reproduced" if against < LEVEL else "cannot be told"


def _p_values(
    claim: Claim,
    arm: str,
    split: str,
    accuracy: Mapping[tuple[str, str], tuple[Estimate, float]],
    comparisons: Mapping[tuple[str, str, str], Comparison],
) -> tuple[float, float] | None:
    """Return the one-sided p-values for the claim and for its contrary; None where an arm is missing."""
    if (arm, split) not in accuracy or (claim.than and (claim.than, split) not in accuracy):
        return None
    estimate, chance = accuracy[arm, split]
    margin = (1 - chance) / 4
    if not claim.than:
        return _against_level(claim.kind, estimate, chance, margin)
    if (split, arm, claim.than) in comparisons:
        found = comparisons[split, arm, claim.than]
    elif (split, claim.than, arm) in comparisons:
        found = comparisons[split, claim.than, arm].reversed()
    else:
        return None
    less = found.reversed()
    if claim.kind == "above":
        return found.p_above(), less.p_above()
    if claim.kind == "at least":
        return found.p_above(-margin), less.p_above()
    return max(found.p_above(-margin), less.p_above(-margin)), found.p


def _against_level(kind: str, estimate: Estimate, chance: float, margin: float) -> tuple[float, float]:
    if kind == "at chance":
        inside = max(estimate.p_above(chance - margin), 1 - estimate.p_above(chance + margin))
        tail = estimate.p_above(chance)
        return inside, 2 * min(tail, 1 - tail)
    level = {"ceiling": 1 - margin, "low": (1 + chance) / 2}.get(kind, chance)
    above = estimate.p_above(level)
    return (1 - above, above) if kind in ("below chance", "low") else (above, 1 - above)
