"""Arms compared where each has learned equally much: made-up curves with known answers, and those of a real study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_data import told, write_study
from tiny_study import save_study

from icl_ft_plugin.report.html.page import render
from icl_ft_plugin.report.measures.kinds import Matched
from icl_ft_plugin.report.measures.matched import Curve, first_step, matched, matched_rows
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import to_json, to_markdown
from icl_ft_plugin.study.run import run_study

LEARNED = "rephrase_entity"
# Steps 0, 10, 20. ft reaches 0.8 at step 15, where its reversals are at 0.5; ft+oracle at step 5, at 0.55 (world 0), 0.65, 0.75.
CURVES = {
    "ft": ([0.2, 0.7, 0.9], [0.5, 0.4, 0.6]),
    "ft+oracle": ([0.6, 1.0, 1.0], [0.5, 0.6, 1.0]),
    "ft+slow": ([0.2, 0.5, 0.7], [0.5, 0.5, 1.0]),
}


def drawn(folder: Path, worlds: tuple[int, ...] = (0, 1, 2)) -> Path:
    write_study(folder, told, arms=("icl", *CURVES), worlds=worlds, seeds=(0,), by_split=True)
    for cell in read_study(folder).cells:
        if cell.labels.arm not in CURVES:
            continue
        learned, turned = CURVES[cell.labels.arm]
        lift = 0.2 * cell.labels.world_seed if cell.labels.arm == "ft+oracle" else 0.0
        lines = [
            {
                "step": 10 * place,
                "split": split,
                "accuracy": value + (lift if split == "reversal" and place == 1 else 0),
            }
            for split, values in ((LEARNED, learned), ("reversal", turned))
            for place, value in enumerate(values)
        ]
        (cell.folder / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    return folder


@pytest.mark.parametrize(
    ("curve", "step"),
    [
        ([(0, 0.2), (10, 0.7), (20, 0.9)], 15.0),
        ([(0, 0.9), (10, 0.1)], 0.0),
        ([(0, 0.2), (10, 0.8), (20, 0.3)], 10.0),
        ([(0, 0.2), (10, 0.9), (20, 0.1), (30, 1.0)], 60 / 7),  # the first time, whatever comes later
        ([(0, 0.2), (10, 0.79)], None),
        ([], None),
    ],
)
def test_the_step_at_which_a_level_is_first_reached(curve: Curve, step: float | None) -> None:
    assert first_step(curve, 0.8) == (None if step is None else pytest.approx(step))


def test_made_up_curves_have_known_answers(tmp_path: Path) -> None:
    study = read_study(drawn(tmp_path))
    found = {each.arm: each for each in matched(study.cells)}
    assert {each.split for each in found.values()} == {"reversal"} and set(found) == set(CURVES)
    ft, oracle, slow = (found[arm] for arm in CURVES)
    assert (ft.step, ft.accuracy) == (pytest.approx(15), pytest.approx(0.5)) and ft.than is None
    assert (oracle.step, oracle.accuracy) == (pytest.approx(5), pytest.approx(0.65)) and oracle.reached == 3
    assert oracle.than and (oracle.than.start, oracle.than.difference) == (pytest.approx(0.5), pytest.approx(0.15))
    # Student's interval of 0.05, 0.15 and 0.25: mean 0.15, standard deviation 0.1, quantile 4.303 at two degrees.
    half = 4.302653 * 0.1 / 3**0.5
    assert (oracle.than.low, oracle.than.high) == (pytest.approx(0.15 - half), pytest.approx(0.15 + half))
    assert slow == Matched("ft+slow", "reversal", 0.8, 3, 0, None, None, None)
    assert {each.arm for each in matched(study.cells, level=0.65) if each.step is None} == set()


def test_every_table_says_it_and_what_never_gets_there(tmp_path: Path) -> None:
    study = read_study(drawn(tmp_path))
    (block,) = build_blocks(study)
    assert matched_rows(block)[0] == ["arm", "runs that reach it", "step", "reversal"]
    assert matched_rows(block)[1] == ["ft", "3 of 3", "15", "50.0"]
    assert matched_rows(block)[3] == ["ft+slow", "0 of 3", "never", ""]
    heading = "where each arm first has 80% of rephrase entity right"
    text, page = to_markdown(study, [block]), render(study, [block])
    assert heading in text and heading in page and "| ft+oracle | 3 of 3 | 5 | 65.0 (+15.0 [" in text
    records = json.loads(to_json(study, [block]))["at_equal_learning"]
    assert [record["step"] for record in records] == [pytest.approx(15), pytest.approx(5), None]


@pytest.mark.parametrize("worlds", [(0,), (0, 1)])
def test_fewer_than_three_worlds_give_no_interval(tmp_path: Path, worlds: tuple[int, ...]) -> None:
    (oracle,) = (each for each in matched(read_study(drawn(tmp_path, worlds)).cells) if each.arm == "ft+oracle")
    assert oracle.than and oracle.than.low is None and oracle.than.why


def test_a_study_without_curves_has_no_such_table(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, told, by_split=True))
    (block,) = build_blocks(study)
    assert block.matched == [] and "where each arm first" not in to_markdown(study, [block])


def test_a_real_study_has_the_arms_at_one_level(tmp_path: Path) -> None:
    file = save_study(tmp_path, arms=["ft", "ft+oracle"], training_seeds=[0], curve_every=6)
    run_study(file, tmp_path / "out")
    study = read_study(tmp_path / "out")
    found = matched(study.cells, level=0.01)
    assert {each.arm for each in found} == {"ft", "ft+oracle"}
    assert {each.split for each in found} == {"reversal", "reversal_entity", "rephrase"}
    for each in found:
        assert each.runs == 1 and (each.step is None or 0 <= each.step <= 12)
    never = matched(study.cells, level=1.01)
    assert len(never) == len(found) and all(each.step is None and each.than is None for each in never)
