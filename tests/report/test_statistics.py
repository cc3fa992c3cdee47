"""Variance components, the gap closed, power, Holm's correction, and whether all of it holds the truth."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.test_mean import grid

from icl_ft_plugin.report.stats.components import split_variance
from icl_ft_plugin.report.stats.gap import gap_closed
from icl_ft_plugin.report.stats.grid import Grid, partitions
from icl_ft_plugin.report.stats.holm import holm
from icl_ft_plugin.report.stats.mean import difference
from icl_ft_plugin.report.stats.power import Size, Spread, detectable, needed, power, standard_error

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "calibration.py"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@pytest.mark.slow
def test_holm_agrees_with_errorbars_and_statsmodels(p_values: list[float]) -> None:
    theirs = pytest.importorskip("errorbars.leaderboard").holm_correction(p_values)
    assert holm(p_values) == pytest.approx(theirs)
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    assert holm(p_values) == pytest.approx(list(multitest.multipletests(p_values, method="holm")[1]))


def test_holm_leaves_out_what_could_not_be_tested() -> None:
    corrected = holm([0.01, math.nan, 0.04])
    assert corrected[0] == 0.02 and math.isnan(corrected[1]) and corrected[2] == 0.04


def test_the_variance_split_is_the_analysis_of_variance() -> None:
    """One question per fact: mean squares by hand."""
    y = np.random.default_rng(0).integers(0, 2, (12, 4)).astype(float)
    found = split_variance([grid(y)])
    q, s = y.shape
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    ms_item = s * ((rows - y.mean()) ** 2).sum() / (q - 1)
    ms_run = q * ((columns - y.mean()) ** 2).sum() / (s - 1)
    ms_rest = ((y - rows[:, None] - columns + y.mean()) ** 2).sum() / ((q - 1) * (s - 1))
    assert found.rest == pytest.approx(ms_rest)
    assert found.item == pytest.approx(max(0, (ms_item - ms_rest) / s))
    assert found.run == pytest.approx(max(0, (ms_run - ms_rest) / q))
    assert found.world is None and split_variance([grid(y[:, :1])]).run is None


def test_the_variance_split_finds_what_was_put_in() -> None:
    random = np.random.default_rng(1)
    worlds, facts, runs = 40, 25, 4
    grids = []
    for _ in range(worlds):
        base = 5 + random.normal(0, 1) + random.normal(0, 0.7, (1, runs)) + random.normal(0, 2, (facts, 1))
        twice = np.repeat(base, 2, axis=0)  # two questions per fact, alike but for the rest
        ways = partitions([np.repeat(np.arange(facts), 2).tolist()])
        grids.append(Grid(twice + random.normal(0, 1.5, (2 * facts, runs)), ways))
    found = split_variance(grids)
    assert found.run == pytest.approx(0.49, rel=0.3)
    assert found.item == pytest.approx(4, rel=0.15)
    assert found.rest == pytest.approx(2.25, rel=0.1)
    assert found.world == pytest.approx(1, rel=0.6)


def test_no_variance_between_runs_is_found_where_runs_agree() -> None:
    y = np.repeat(np.random.default_rng(2).integers(0, 2, (20, 1)), 3, axis=1)
    assert split_variance([grid(y)]).run == 0


def test_the_gap_is_undefined_where_icl_is_not_shown_to_beat_ft() -> None:
    good, bad = {w: grid([1.0] * 20) for w in range(3)}, {w: grid([0.0] * 10 + [1.0] * 10) for w in range(3)}
    below = gap_closed(good, good, bad)
    assert math.isnan(below.closed) and "does not beat" in below.reason and "-50.0 points" in below.reason
    nearly = {w: grid([1.0] * (20 - (w == 0)) + [0.0] * (w == 0)) for w in range(3)}
    assert "not shown" in gap_closed(good, nearly, good).reason
    assert (
        "two worlds give no interval" in gap_closed(*({w: arm[w] for w in (0, 1)} for arm in (good, bad, good))).reason
    )


def test_the_gap_closed() -> None:
    ft = {w: grid([1.0] * (20 + w) + [0.0] * (20 - w)) for w in range(3)}
    icl = {w: grid([1.0] * 40) for w in range(3)}
    arm = {w: grid([1.0] * (30 + w) + [0.0] * (10 - w)) for w in range(3)}
    found = gap_closed(arm, ft, icl)
    gains, rooms = np.array([10, 10, 10]) / 40, np.array([20, 19, 18]) / 40
    assert found.closed == pytest.approx(gains.mean() / rooms.mean()) and found.low < found.closed < found.high
    assert found.high - found.low < 0.2
    whole = gap_closed(icl, ft, icl)
    assert whole.closed == 1 and 0.8 < whole.low < 1 < whole.high, "120 facts are no certainty"


def test_fiellers_interval_holds_the_shares_that_are_not_rejected() -> None:
    random = np.random.default_rng(5)
    arms = [{w: grid((random.random((60, 2)) < p).astype(float)) for w in range(5)} for p in (0.7, 0.4, 0.9)]
    found = gap_closed(*arms)
    arm, ft, icl = (np.array([float(each[w].answers.mean()) for w in range(5)]) for each in arms)
    stats = pytest.importorskip("scipy.stats")
    for end in (found.low, found.high):
        left = (arm - ft) - float(end) * (icl - ft)
        assert stats.ttest_1samp(left, 0).pvalue == pytest.approx(0.05, abs=1e-6)


SPREAD = Spread(0.05, 0.05, 0.45, "by hand")


def test_power_is_what_simulated_studies_show() -> None:
    random = np.random.default_rng(6)
    size, effect = Size(4, 2, 30), 0.15
    error = standard_error(SPREAD, SPREAD, size)
    studies = 4000
    sd = math.sqrt(size.worlds) * error
    apart = effect + sd * random.standard_normal((studies, size.worlds))
    t = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / math.sqrt(size.worlds))
    stats = pytest.importorskip("scipy.stats")
    found = float((t > stats.t.ppf(0.95, size.worlds - 1)).mean())
    assert power(effect, error, size.worlds) == pytest.approx(found, abs=0.02)
    assert power(detectable(error, size.worlds - 1, level=0.05), error, size.worlds) == pytest.approx(0.8, abs=1e-6)
    assert math.isnan(power(effect, error, 2)), "two worlds test nothing"


def test_the_smallest_study_that_tells_an_effect() -> None:
    size = needed(0.1, SPREAD, SPREAD, 100)
    assert size is not None and power(0.1, standard_error(SPREAD, SPREAD, size), size.worlds) >= 0.8
    fewer = Size(size.worlds - 1, size.runs, 100)
    assert power(0.1, standard_error(SPREAD, SPREAD, fewer), fewer.worlds) < 0.8
    assert needed(0.001, SPREAD, SPREAD, 20) is None


def run_benchmark(file: Path, *arguments: object) -> dict[str, float | None]:
    command = [sys.executable, str(BENCHMARK), *map(str, arguments), "--json", str(file)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float | None] = json.loads(file.read_text(encoding="utf-8"))
    return found


def assert_calibrated(found: dict[str, float | None], slack: float) -> None:
    coverage, type_i, arrow, gap = (found[key] for key in ("coverage", "type_i", "false_arrow", "gap_coverage"))
    assert coverage is not None and 0.93 - slack <= coverage <= 0.975 + slack
    assert type_i is not None and type_i <= 0.06 + slack
    assert arrow is not None and arrow <= 0.06 + slack
    assert gap is not None and 0.93 - slack <= gap


@pytest.mark.parametrize(("worlds", "facts", "runs", "world", "run", "premises"), [
    (1, 100, 1, 0.05, 0.05, "none"), (3, 20, 1, 0, 0, "none"), (3, 100, 3, 0.076, 0.05, "none"), (5, 30, 1, 0.05, 0, "first-last"),
    (3, 30, 1, 0.05, 0.05, "rules"),
])  # fmt: skip
def test_the_benchmark_finds_the_truth_held(
    tmp_path: Path, worlds: int, facts: int, runs: int, world: float, run: float, premises: str
) -> None:
    """Against validity 1 and 8: with the bracket clustered by fact these shares were 55 to 64% and 14 to 45%."""
    knobs = ("--worlds", worlds, "--facts", facts, "--runs", runs, "--sd-world", world, "--sd-run", run)
    found = run_benchmark(tmp_path / "out.json", *knobs, "--premises", premises, "--studies", 2000)
    assert_calibrated(found, 0.012)
    if worlds == 1:
        assert found["false_arrow"] == 0


@pytest.mark.parametrize("knobs", [("--worlds", 1, "--premises", "rules"), ("--worlds", 2)])
def test_where_nothing_holds_nothing_is_printed(tmp_path: Path, knobs: tuple[object, ...]) -> None:
    found = run_benchmark(tmp_path / "out.json", *knobs, "--studies", 200)
    assert found == {"coverage": None, "type_i": None, "false_arrow": 0.0, "gap_coverage": None}


@pytest.mark.slow
@pytest.mark.parametrize("worlds", [1, 3, 5])
@pytest.mark.parametrize("premises", ["none", "first-last"])
def test_a_thinned_grid_is_calibrated(tmp_path: Path, worlds: int, premises: str) -> None:
    for facts, runs, world, run in (
        (30, 1, 0.0, 0.05),
        (30, 3, 0.076, 0.0),
        (100, 1, 0.076, 0.05),
        (100, 3, 0.05, 0.05),
    ):
        knobs = ("--worlds", worlds, "--facts", facts, "--runs", runs, "--sd-world", world, "--sd-run", run)
        assert_calibrated(
            run_benchmark(tmp_path / "out.json", *knobs, "--premises", premises, "--studies", 8000), 0.005
        )


def items_of(worlds: int, effect: float) -> tuple[dict[str, list[object]], dict[str, dict[int, Grid]]]:
    """Answers of two arms that differ by ``effect`` on average, and by a little more or less from world to world."""
    random = np.random.default_rng(1)
    columns: dict[str, list[object]] = {"correct": [], "arm": [], "world": []}
    grids: dict[str, dict[int, Grid]] = {"ft": {}, "icl": {}}
    for world in range(worlds):
        level, apart = 0.45 + random.normal(0, 0.05), effect + random.normal(0, 0.12)
        for arm, p in (("ft", level), ("icl", level + apart)):
            right = (random.random((60, 1)) < p).astype(float)
            grids[arm][world] = grid(right)
            columns["correct"] += right[:, 0].tolist()
            columns["arm"] += [arm] * 60
            columns["world"] += [world] * 60
    return columns, grids


@pytest.mark.slow
def test_a_mixed_model_of_the_same_answers_agrees() -> None:
    """The crossed model of items.R, fitted by statsmodels: worlds and worlds x arms random.

    In balanced designs the two standard errors are the same number. On this draw they are; on others statsmodels warns about its
    fit, and they differ: a check of the formula, no confirmation of the method.
    """
    pandas = pytest.importorskip("pandas")
    smf = pytest.importorskip("statsmodels.formula.api")
    columns, grids = items_of(12, 0.3)
    fit = smf.mixedlm(
        "correct ~ arm", pandas.DataFrame(columns), groups="world", vc_formula={"arm": "0 + C(arm)"}, re_formula="1"
    ).fit()
    found = difference(grids["icl"], grids["ft"])
    assert float(found.mean) == pytest.approx(fit.params["arm[T.icl]"], abs=1e-6)
    assert math.sqrt(float(found.moments.variance)) == pytest.approx(fit.bse["arm[T.icl]"], rel=0.01)
