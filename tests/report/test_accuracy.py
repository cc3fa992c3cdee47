import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.report.stats.accuracy import clustered_accuracy

items = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=60)


@settings(deadline=None)
@given(items)
def test_standard_error_equals_that_of_statsmodels(pairs):
    sm = pytest.importorskip("statsmodels.api")
    correct = [float(value) for value, _ in pairs]
    clusters = [cluster for _, cluster in pairs]
    estimate = clustered_accuracy(correct, clusters)
    if len(set(clusters)) < 2 or len(correct) < 3:
        return
    fit = sm.OLS(correct, [1.0] * len(correct)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert estimate.mean == pytest.approx(fit.params[0])
    assert estimate.standard_error == pytest.approx(fit.bse[0], abs=1e-9)


@given(items)
def test_interval_holds_the_mean_and_stays_between_zero_and_one(pairs):
    estimate = clustered_accuracy([float(value) for value, _ in pairs], [cluster for _, cluster in pairs])
    assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
    assert estimate.low < estimate.high


@given(items, st.integers(2, 4))
def test_copies_of_an_item_within_its_cluster_are_no_evidence(pairs, copies):
    """Three training seeds that answer alike tell no more about a fact than one does."""
    once = clustered_accuracy([float(value) for value, _ in pairs], [cluster for _, cluster in pairs])
    more = clustered_accuracy(
        [float(value) for value, _ in pairs for _ in range(copies)], [c for _, c in pairs for _ in range(copies)]
    )
    if once.clusters > 1:
        assert more.standard_error == pytest.approx(once.standard_error, abs=1e-12)


def test_singleton_clusters_give_the_textbook_error():
    correct = [1.0] * 30 + [0.0] * 10
    estimate = clustered_accuracy(correct, range(40))
    assert estimate.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 39))


def test_all_right_counts_each_cluster_once():
    few = clustered_accuracy([1.0] * 60, [i // 3 for i in range(60)])
    assert few.high == 1 and few.low == pytest.approx(clustered_accuracy([1.0] * 20, range(20)).low)
    assert 0.8 < few.low < 0.9


def test_one_cluster_says_nothing():
    estimate = clustered_accuracy([1.0, 0.0], ["f0", "f0"])
    assert (estimate.low, estimate.high) == (0, 1) and estimate.against(0.5) == "at"


def test_chance_verdicts():
    assert clustered_accuracy([0.0] * 20, range(20)).against(0.5) == "below"
    assert clustered_accuracy([1.0] * 20, range(20)).against(0.5) == "above"
    assert clustered_accuracy([1.0, 0.0] * 10, range(20)).against(0.5) == "at"


@pytest.mark.parametrize(("correct", "clusters"), [([], []), ([1.0], [])])
def test_no_items_is_an_error(correct, clusters):
    with pytest.raises(ValueError, match="items"):
        clustered_accuracy(correct, clusters)


@pytest.mark.parametrize(("facts", "seeds", "accuracy"), [(20, 3, 0.5), (50, 3, 0.8), (100, 1, 0.95)])
def test_intervals_cover_the_truth(facts, seeds, accuracy):
    """95% intervals on simulated facts that are hard or easy for all training seeds alike."""
    rng = random.Random(0)
    covered = 0
    for _ in range(600):
        ease = [rng.betavariate(2 * accuracy, 2 * (1 - accuracy)) for _ in range(facts)]
        correct = [float(rng.random() < ease[fact]) for fact in range(facts) for _ in range(seeds)]
        estimate = clustered_accuracy(correct, [fact for fact in range(facts) for _ in range(seeds)])
        covered += estimate.low <= accuracy <= estimate.high
    assert 0.93 <= covered / 600 <= 0.975
