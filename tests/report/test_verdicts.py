"""What the report says of studies whose truth is known; each counterexample was once judged the other way."""

from __future__ import annotations

import numpy as np
import pytest

from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.families.family import Claim, Family, Split
from icl_ft_plugin.report.records import Verdict
from icl_ft_plugin.report.stats.grid import Grid, partitions
from icl_ft_plugin.report.stats.mean import accuracy, difference
from icl_ft_plugin.report.verdicts import Evidence, contamination, is_augmented, judge


def arm(share: float, questions: int, worlds: int = 4, wobble: int = 1) -> dict[int, Grid]:
    """An arm that has a share right, one answer more or less from world to world."""
    grids = {}
    for world in range(worlds):
        right = round(share * questions) + wobble * ((world % 2) * 2 - 1) * (0 < share < 1)
        values = np.array([[float(i < right)] for i in range(questions)])
        grids[world] = Grid(values, partitions([list(range(questions))]))
    return grids


def verdicts(
    claims: tuple[Claim, ...],
    arms: dict[str, dict[int, Grid]],
    chance: float = 0.5,
    barred: frozenset[str] = frozenset(),
) -> list[Verdict]:
    """Judge claims about one split."""
    means = {(name, "main"): accuracy(list(grids.values())) for name, grids in arms.items()}
    names = list(arms)
    pairs = {
        ("main", later, earlier): difference(arms[later], arms[earlier])
        for i, later in enumerate(names)
        for earlier in names[:i]
    }
    size = max(grid.values.size for grids in arms.values() for grid in grids.values())
    evidence = Evidence(means, dict.fromkeys(means, chance), pairs, {"main": size}, barred)
    return judge(Family(name="x", title="X", splits={"main": Split(main=True, claims=claims)}), evidence)


def verdict(claim: Claim, arms: dict[str, dict[int, Grid]], chance: float = 0.5) -> str:
    (found,) = verdicts((claim,), arms, chance)
    return found.verdict


BEATS = Claim("above", "icl", "ft", "beats ft", primary=True)
HARDLY = Claim("hardly above", "icl", "ft", "hardly better than ft")
AS_GOOD = Claim("at least", "ft+local", "icl", "as good as icl")
AT_CHANCE = Claim("at chance", "ft", "", "about chance")


def test_an_arm_that_is_worse_is_hardly_better() -> None:
    """60 against 30%: once "not reproduced"."""
    assert verdict(HARDLY, {"ft": arm(0.6, 100), "icl": arm(0.3, 100)}) == "reproduced"
    assert verdict(HARDLY, {"ft": arm(0.3, 100), "icl": arm(0.6, 100)}) == "not reproduced"


def test_80_is_not_as_good_as_90() -> None:
    """Once reproduced, beside p = 9e-11 for a difference."""
    assert verdict(AS_GOOD, {"icl": arm(0.9, 300), "ft+local": arm(0.8, 300)}) == "not reproduced"
    assert verdict(AS_GOOD, {"icl": arm(0.9, 300), "ft+local": arm(0.9, 300)}) == "reproduced"
    assert verdict(AS_GOOD, {"icl": arm(0.9, 300), "ft+local": arm(0.97, 300)}) == "reproduced"


def test_a_small_difference_that_is_shown_is_said_with_the_margin() -> None:
    close = {"icl": arm(0.9, 1000), "ft+local": arm(0.87, 1000, wobble=2)}
    assert verdict(AS_GOOD, close) == "differs, within the margin"
    assert verdict(AT_CHANCE, {"ft": arm(0.55, 1000)}) == "differs, within the margin"


def test_what_no_outcome_could_show_is_not_called_open() -> None:
    """All right, 12 answers cannot show an accuracy above 87.5%."""
    ceiling = Claim("ceiling", "icl", "", "near the ceiling")
    assert verdict(ceiling, {"icl": arm(1.0, 4, 3)}) == "cannot be reached with 3 worlds of 4 answers"
    assert verdict(ceiling, {"icl": arm(1.0, 20, 3)}) == "reproduced"
    assert verdict(ceiling, {"icl": arm(0.85, 20, 3)}) == "cannot be told", "other answers could have shown it"
    assert verdict(BEATS, {"icl": arm(1.0, 20, 3), "ft": arm(1.0, 20, 3)}) == "cannot be told"


@pytest.mark.parametrize("worlds", [1, 2])
def test_nothing_is_tested_with_fewer_than_three_worlds(worlds: int) -> None:
    arms = {"ft": arm(0.3, 100, worlds), "icl": arm(1.0, 100, worlds)}
    (found,) = verdicts((BEATS,), arms)
    assert (found.verdict, found.p, found.p_contrary) == ("not tested", None, None)


def test_adding_arms_changes_no_primary_claim() -> None:
    """Once Holm's correction was over all arms: seven clusters could not give p below 0.0078, times 25 claims."""
    arms = {"ft": arm(0.5, 20), "icl": arm(0.9, 20)}
    more = {f"ft+local+{i}": arm(0.5, 20) for i in range(20)}
    augmented = Claim("above", "augmented", "ft", "beats ft")
    (few,) = verdicts((BEATS,), arms)
    many = verdicts((BEATS, augmented), {**arms, **more})
    assert len(many) == 21 and many[0] == few and few.p is not None and few.p < 0.01


def test_the_primary_claims_alone_are_corrected() -> None:
    first, other = (
        {"ft": arm(0.5, 40), "icl": arm(0.7, 40)},
        Claim("above chance", "icl", "", "above chance", primary=True),
    )
    alone, both = verdicts((BEATS,), first)[0], verdicts((BEATS, other), first)
    assert alone.p is not None and both[0].p is not None and alone.p <= both[0].p <= 2 * alone.p
    further = Claim("above chance", "icl", "", "above chance")
    assert verdicts((BEATS, further), first)[0].p == alone.p


def test_an_arm_that_did_not_learn_is_not_interpretable() -> None:
    arms = {"ft": arm(0.3, 100), "icl": arm(0.9, 100)}
    (found,) = verdicts((BEATS,), arms, barred=frozenset({"ft"}))
    assert found.verdict == "not interpretable"


def checks(chance: float, shares: dict[str, float], questions: int, worlds: int = 4) -> dict[str, str]:
    means = {
        ("pretrained", split): accuracy(list(arm(share, questions, worlds).values())) for split, share in shares.items()
    }
    evidence = Evidence(means, dict.fromkeys(means, chance), {}, dict.fromkeys(shares, questions))
    return {check.split: check.verdict for check in contamination(evidence, list(shares))}


def test_an_untouched_model_at_34_percent_of_500_is_contaminated_and_nothing_else() -> None:
    """Once "at chance: reproduced" and "above chance" at the same time."""
    assert checks(0.25, {"main": 0.34}, 125) == {"main": "above chance"}
    assert checks(0.25, {"main": 0.25}, 125) == {"main": "clean"}
    assert checks(0.25, {"main": 0.27}, 1000) == {"main": "above chance, within the margin"}
    assert checks(0.25, {"main": 0.25}, 125, worlds=1) == {"main": "not tested"}


def test_the_alarm_is_corrected_over_splits() -> None:
    """A clean model raises it on one of five splits in at most 5% of studies; once in 10 to 14%."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(300):
        means = {}
        for split in "abcde":
            values = [(random.random((30, 1)) < 0.25).astype(float) for _ in range(3)]
            means["pretrained", split] = accuracy([Grid(each, partitions([list(range(30))])) for each in values])
        evidence = Evidence(means, dict.fromkeys(means, 0.25), {}, dict.fromkeys("abcde", 30))
        alarms += any(check.verdict.startswith("above") for check in contamination(evidence, list("abcde")))
    assert alarms / 300 < 0.08


def test_every_family_declares_one_primary_claim_per_split_at_most_and_of_arms_that_every_study_has() -> None:
    for family in FAMILIES.values():
        for name, split in family.splits.items():
            primary = [claim for claim in split.claims if claim.primary]
            assert len(primary) == bool(split.claims), (family.name, name)
            assert all(claim.arm != "augmented" for claim in primary)
    arms = ("ft+local", "ft+rephrase", "ft+oracle", "ft+reverse", "icl")
    assert [name for name in arms if is_augmented(name)] == ["ft+local", "ft+oracle"]
