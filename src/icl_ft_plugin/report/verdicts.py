"""The claims of arXiv 2505.00661, which the families' splits declare, each with a verdict from the study's own numbers.

For example ``Claim("above", "icl", "ft", "beats ft", primary=True)`` of the simple reversals becomes
``Verdict(split="reversal", arm="icl", claim="beats ft", primary=True, verdict="reproduced", p=0.004, ...)``.

- Every split has one **primary** claim at most. Holm's correction is over these alone, so adding arms changes nothing; the p-values of the others
  are not corrected, and they are to be read as such.
- A claim is reproduced where its one-sided test says so at the 5% level, not reproduced where the test of its contrary does.
- "As good as", "hardly better" are shown within 5 points (``MARGIN``), "about chance" and "near the ceiling" within a quarter of the way from
  chance to 100%: no evidence of a difference is no evidence of equality. Where a difference is shown *and* that it is within the margin, both are said.
- Where not even the most favourable answers of a study of this size would do, that is said; with fewer than three worlds nothing is tested.
- Contamination is no claim but a check of every split: whether the untouched model is above chance (Holm's correction over the
  splits), and whether it is shown to be less than ``MARGIN`` above it.

The published figures carry no numbers, so what "near the ceiling" and "low" (nearer to chance than to 100%) mean is OURS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.special import stdtr

from icl_ft_plugin.families.family import Claim, Family
from icl_ft_plugin.report.measures.names import weights_and_prompt
from icl_ft_plugin.report.records import Contamination, Verdict, number
from icl_ft_plugin.report.stats.holm import holm
from icl_ft_plugin.report.stats.mean import FLOOR, Difference, Mean, Moments

LEVEL = 0.05
MARGIN = 0.05
"""How much better or worse counts as alike, as a share; and how far above chance an untouched model is called contaminated."""
AUGMENTATIONS = frozenset({"local", "global", "oracle", "qa", "qa-global", "qa-oracle"})
EQUALITIES = ("at chance", "at least", "hardly above")
"""Claims that hold within a margin, so that a claim and its contrary can both be shown."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What verdicts are made of.

    Attributes:
        means: By arm and split.
        chances: Chance level by arm and split.
        pairs: First arm minus second by (split, first, second), for every pair in one order or the other.
        sizes: By split, the most answers of an arm in one world.
        barred: Arms that are not interpretable.
    """

    means: Mapping[tuple[str, str], Mean]
    chances: Mapping[tuple[str, str], float]
    pairs: Mapping[tuple[str, str, str], Difference]
    sizes: Mapping[str, int]
    barred: frozenset[str] = frozenset()

    def difference(self, split: str, first: str, second: str) -> Difference | None:
        """Return one arm minus another; None where they share no world."""
        if found := self.pairs.get((split, first, second)):
            return found
        turned = self.pairs.get((split, second, first))
        return turned.reversed() if turned else None


@dataclass(frozen=True, slots=True)
class _Test:
    """One-sided p-values of a claim and of its contrary.

    Attributes:
        p: Of the claim.
        contrary: Of its contrary.
        found: What was tested.
        room: How far the best outcome is from what the claim must exclude.
        level: Where that is an accuracy inside 0 to 1, the level to exclude; None where the best outcome is all right, all wrong.
    """

    p: float
    contrary: float
    found: Moments
    room: float
    level: float | None = None

    def reachable(self, answers: int) -> bool:
        """Say whether the most favourable outcome would do: worlds all alike, or but for one answer in one of them."""
        worlds, step = self.found.worlds, 1 / (answers * self.found.worlds)
        if self.level is None:
            alike = max(0.5, 1 - self.room) ** self.found.clusters
        else:
            error = sqrt(FLOOR * self.level * (1 - self.level) / (worlds * max(1, answers - 1)))
            alike = float(stdtr(worlds - 1, -self.room / error))
        return min(alike, float(stdtr(worlds - 1, -(self.room - step) / step))) < LEVEL


def is_augmented(arm: str) -> bool:
    """Say whether an arm is finetuned on what follows from the documents, too, and asked without them.

    Other additions are controls or rivals.
    """
    weights, prompt = weights_and_prompt(arm)
    return prompt == "closed" and not AUGMENTATIONS.isdisjoint(weights.split("+"))


def judge(family: Family, evidence: Evidence) -> list[Verdict]:
    """Judge every claim about a family, in the order of its splits."""
    found: list[tuple[str, str, Claim, _Test | None]] = []
    for split, asked in family.splits.items():
        arms = [arm for arm, of in evidence.means if of == split]
        for claim in asked.claims if arms else ():
            about = [arm for arm in arms if is_augmented(arm)] if claim.arm == "augmented" else [claim.arm]
            found += [(split, arm, claim, _test(claim, arm, split, evidence)) for arm in about or ["augmented ft"]]
    primary = [i for i, (_, _, claim, test) in enumerate(found) if claim.primary and test and test.found.worlds > 2]
    corrected: dict[int, tuple[float, float]] = {}
    supported = holm([_p(found[i][3]) for i in primary])
    refuted = holm([_p(found[i][3], contrary=True) for i in primary])
    for i, p, against in zip(primary, supported, refuted, strict=True):
        corrected[i] = p, against
    return [_verdict(*each, corrected.get(i), evidence) for i, each in enumerate(found)]


def _p(test: _Test | None, *, contrary: bool = False) -> float:
    return float("nan") if test is None else test.contrary if contrary else test.p


def _verdict(
    split: str, arm: str, claim: Claim, test: _Test | None, corrected: tuple[float, float] | None, evidence: Evidence
) -> Verdict:
    if test is None:
        return Verdict(split, arm, claim.text, claim.primary, "not run", None, None)
    if test.found.worlds < 3:
        return Verdict(split, arm, claim.text, claim.primary, "not tested", None, None)
    p, against = corrected or (test.p, test.contrary)
    said = _said(claim.kind, p, against)
    if said == "cannot be told" and not test.reachable(evidence.sizes[split]):
        said = unreachable(test.found.worlds, evidence.sizes[split])
    if not evidence.barred.isdisjoint({arm, claim.than}):
        said = "not interpretable"
    return Verdict(split, arm, claim.text, claim.primary, said, number(p), number(against))


def _said(kind: str, p: float, against: float) -> str:
    if p < LEVEL and against < LEVEL and kind in EQUALITIES:
        return "differs, within the margin"
    if p < LEVEL:
        return "reproduced"
    return "not reproduced" if against < LEVEL else "cannot be told"


def unreachable(worlds: int, answers: int) -> str:
    """Say that no outcome of a study of this size would do."""
    return f"cannot be reached with {worlds} worlds of {answers} answers"


def _test(claim: Claim, arm: str, split: str, evidence: Evidence) -> _Test | None:
    """Return the test of a claim; None where an arm is missing."""
    if (arm, split) not in evidence.means:
        return None
    if not claim.than:
        return _against_level(claim.kind, evidence.means[arm, split], evidence.chances[arm, split])
    more = evidence.difference(split, arm, claim.than)
    if more is None:
        return None
    less, found = more.reversed(), more.moments
    if claim.kind == "above":
        return _Test(float(more.p_above()), float(less.p_above()), found, 1.0)
    if claim.kind == "at least":
        return _Test(float(more.p_above(-MARGIN)), float(less.p_above()), found, 1 + MARGIN)
    return _Test(float(less.p_above(-MARGIN)), float(more.p_above()), found, 1 + MARGIN)  # hardly above


def _against_level(kind: str, mean: Mean, chance: float) -> _Test:
    margin, found = (1 - chance) / 4, mean.moments
    if kind == "at chance":
        inside = max(_above(mean, chance - margin), 1 - _above(mean, chance + margin))
        tail = _above(mean, chance)
        return _Test(inside, 2 * min(tail, 1 - tail), found, margin, chance + margin)
    level = {"ceiling": 1 - margin, "low": (1 + chance) / 2}.get(kind, chance)
    above = _above(mean, level)
    low = kind in ("below chance", "low")
    return _Test(1 - above if low else above, above if low else 1 - above, found, level if low else 1 - level)


def _above(mean: Mean, level: float) -> float:
    """Return the p-value of "above": of a level that lies outside 0 to 1 nothing has to be shown."""
    return 0.0 if level <= 0 else 1.0 if level >= 1 else float(mean.p_above(level))


def contamination(evidence: Evidence, splits: Sequence[str]) -> list[Contamination]:
    """Judge the untouched model, with a bare question, on every split."""
    asked = [split for split in splits if ("pretrained", split) in evidence.means]
    means = [evidence.means["pretrained", split] for split in asked]
    chances = [evidence.chances["pretrained", split] for split in asked]
    tested = [
        (_above(mean, chance), 1 - _above(mean, chance + MARGIN)) for mean, chance in zip(means, chances, strict=True)
    ]
    above = holm([p if mean.tested else float("nan") for (p, _), mean in zip(tested, means, strict=True)])
    found = []
    for split, mean, chance, p, (_, within) in zip(asked, means, chances, above, tested, strict=True):
        if not mean.tested:
            found.append(Contamination(split, "not tested", None, None))
            continue
        said = _contaminated(p, within)
        test = _Test(within, p, mean.moments, chance + MARGIN)  # at best all answers are wrong
        if said == "cannot be told" and not test.reachable(evidence.sizes[split]):
            said = unreachable(mean.moments.worlds, evidence.sizes[split])
        found.append(Contamination(split, said, number(p), number(within)))
    return found


def _contaminated(above: float, within: float) -> str:
    if above < LEVEL:
        return "above chance, within the margin" if within < LEVEL else "above chance"
    return "clean" if within < LEVEL else "cannot be told"
