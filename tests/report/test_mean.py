from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.report.stats.grid import Grid, partitions, variance_of_mean
from icl_ft_plugin.report.stats.mean import FEWEST, accuracy, difference, within

answers = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=60)


def grid(values: object, *ways: Sequence[object]) -> Grid:
    array = np.asarray(values, dtype=float)
    array = array[:, None] if array.ndim == 1 else array
    return Grid(array, partitions(ways or [range(len(array))]))


@settings(deadline=None)
@given(answers)
def test_one_way_of_clusters_gives_the_variance_of_statsmodels(pairs: list[tuple[bool, int]]) -> None:
    sm = pytest.importorskip("statsmodels.api")
    correct, clusters = [float(value) for value, _ in pairs], [cluster for _, cluster in pairs]
    if len(set(clusters)) < 2 or len(correct) < 3:
        return
    fit = sm.OLS(correct, [1.0] * len(correct)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    ours = math.sqrt(variance_of_mean(np.array(correct), partitions([clusters])))
    assert ours == pytest.approx(fit.bse[0], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_two_ways_of_clusters_give_the_variance_of_statsmodels(seed: int) -> None:
    """Cameron, Gelbach and Miller; statsmodels corrects each of the three parts as we do."""
    sm = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(seed)
    first, last = random.integers(0, 9, 80), random.integers(0, 11, 80)
    y = random.normal(0, 1, 80) + random.normal(0, 1, 9)[first] + random.normal(0, 1, 11)[last]
    groups = np.stack([first, last], axis=1)
    fit = sm.OLS(y, np.ones(80)).fit(cov_type="cluster", cov_kwds={"groups": groups, "df_correction": False})
    ours = float(variance_of_mean(y, partitions([first.tolist(), last.tolist()])))
    assert ours == pytest.approx(float(fit.bse[0]) ** 2, rel=0.02)


def test_a_way_within_another_is_no_further_way() -> None:
    ways = partitions([["a", "a", "b", "b"], ["f0", "f1", "f2", "f3"], ["a", "a", "b", "b"]])
    assert ways.tolist() == [[0, 0, 1, 1]]


@given(answers)
def test_an_interval_of_one_world_holds_the_mean_and_stays_between_zero_and_one(pairs: list[tuple[bool, int]]) -> None:
    found = accuracy([grid([float(value) for value, _ in pairs], [cluster for _, cluster in pairs])])
    if len({cluster for _, cluster in pairs}) < FEWEST:
        assert np.isnan(found.low) and "too few for an interval" in found.moments.why
        return
    assert 0 <= found.low <= found.mean + 1e-9 and found.mean - 1e-9 <= found.high <= 1 and found.low < found.high


@given(answers, st.integers(2, 4))
def test_copies_of_an_answer_within_its_cluster_are_no_evidence(pairs: list[tuple[bool, int]], copies: int) -> None:
    """Three training runs that answer alike tell no more about a fact than one does."""
    values, clusters = [float(value) for value, _ in pairs], [cluster for _, cluster in pairs]
    once = variance_of_mean(np.array(values), partitions([clusters]))
    more = variance_of_mean(np.repeat(values, copies), partitions([np.repeat(clusters, copies).tolist()]))
    assert float(more) == pytest.approx(float(once), abs=1e-12)


def test_the_worlds_are_the_sample() -> None:
    """Three worlds at 40, 50 and 60%, however many questions they ask: Student's t, two degrees of freedom."""
    few = [grid([1.0] * k + [0.0] * (10 - k)) for k in (4, 5, 6)]
    many = [grid([1.0] * 100 * k + [0.0] * 100 * (10 - k)) for k in (4, 5, 6)]
    for grids in (few, many):
        found = accuracy(grids)
        error = 0.1 / math.sqrt(3)
        size = 0.25 / error**2
        t = 4.302652729911275
        centre, half = 0.5, t / (1 + t**2 / size) * math.sqrt(0.25 / size + t**2 / (4 * size**2))
        assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-6)
        assert found.tested and found.moments.degrees == 2
    narrow = within(many)
    assert narrow[1] - narrow[0] < 0.05 < found.high - found.low, "for these worlds alone it is known far better"


def test_two_worlds_give_no_interval_and_one_world_no_arrow() -> None:
    two = accuracy([grid([0.0] * 20), grid([0.0] * 20)])
    assert np.isnan(two.low) and two.moments.why == "two worlds give no interval" and two.against(0.5) == 0
    one = accuracy([grid([0.0] * 20)])
    assert one.high < 0.2 and one.against(0.5) == 0 and not one.tested
    assert accuracy([grid([0.0] * 20)] * 3).against(0.5) == -1


def test_one_answer_to_independent_questions_has_wilsons_interval() -> None:
    multitest = pytest.importorskip("statsmodels.stats.proportion")
    found = accuracy([grid([1.0] * 13 + [0.0] * 7)])
    theirs = multitest.proportion_confint(13, 20, method="wilson")
    assert (float(found.low), float(found.high)) == pytest.approx(theirs, abs=1e-9)


def test_all_right_is_as_sure_as_its_clusters_are_many() -> None:
    found = accuracy([grid([1.0] * 20)])
    assert found.low == pytest.approx(1 - 3.7 / 20, abs=0.02) and found.high == 1
    sixty = accuracy([grid([1.0] * 20)] * 3)
    assert sixty.low == pytest.approx(1 - 3.7 / 60, abs=0.005) and sixty.p_above(0.9) == pytest.approx(0.9**60)


def test_worlds_that_tie_by_luck_are_no_certainty() -> None:
    """Three worlds of 20 questions, 19 right in each: the variance between them is 0, that of the truth is not."""
    found = accuracy([grid([1.0] * 19 + [0.0])] * 3)
    assert found.low < 0.94 and found.high > 0.96
    same = difference(
        {w: grid([1.0] * 12 + [0.0] * 8) for w in range(3)}, {w: grid([1.0] * 11 + [0.0] * 9) for w in range(3)}
    )
    assert same.p > 0.05 and same.low < 0


def test_equal_arms_differ_in_nothing_and_opposite_arms_in_everything() -> None:
    right, wrong = {w: grid([1.0] * 20) for w in range(3)}, {w: grid([0.0] * 20) for w in range(3)}
    same, opposite = difference(right, right), difference(right, wrong)
    assert (same.mean, same.p) == (0, 1) and same.low < 0 < same.high
    assert opposite.mean == 1 and opposite.p < 0.001 and 0.9 < opposite.low < 1
    assert opposite.reversed().p_above() == 1 and opposite.reversed().high == -opposite.low


def test_a_difference_is_paired_by_world() -> None:
    """Worlds differ by 40 points, the arms by 10 in each of them."""
    first = {w: grid([1.0] * (k + 10) + [0.0] * (90 - k)) for w, k in ((0, 20), (1, 40), (2, 61))}
    second = {w: grid([1.0] * k + [0.0] * (100 - k)) for w, k in ((0, 20), (1, 40), (2, 60))}
    found = difference(first, second)
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.ttest_1samp([0.1, 0.1, 0.11], 0)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-3) and found.low > 0.08
    assert difference(first, {5: grid([1.0]), 2: second[2]}).moments.worlds == 1, "worlds that both have"
    with pytest.raises(ValueError, match="share no world"):
        difference(first, {7: grid([1.0])})


def test_one_lucky_training_run_is_no_difference_between_arms() -> None:
    """In one of three worlds a run knows all 40 facts, in two nothing: for facts alone this would be beyond doubt."""
    lucky = {w: grid([float(w == 0)] * 40) for w in range(3)}
    found = difference(lucky, {w: grid([0.0] * 40) for w in range(3)})
    assert found.mean == pytest.approx(1 / 3) and found.p > 0.3 and found.low < 0
    estimate = accuracy(list(lucky.values()))
    assert estimate.low < 0.1 and estimate.high > 0.9


def test_two_ways_that_give_no_variance_give_the_larger_of_one() -> None:
    """A chessboard: every first and every last premise is half right, the sum of the ways less their intersection is below 0."""
    first, last = np.repeat(np.arange(8), 8), np.tile(np.arange(8), 8)
    values = ((first + last) % 2).astype(float)
    values[0] = 1.0
    found = variance_of_mean(values, partitions([first.tolist(), last.tolist()]))
    assert found == max(variance_of_mean(values, partitions([way.tolist()])) for way in (first, last)) > 0
