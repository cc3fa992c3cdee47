"""Accuracy along a scale: points are read from what entries and arms say, premises from the questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_data import sample, write_samples, write_study
from tiny_study import save_study

from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.report.html.scaling import panels
from icl_ft_plugin.report.stats.scale import scaled
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import to_markdown
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan


def right(arm: str, world: int, number: int, seed: int | None) -> bool:
    """An arm ``near@8`` has 8 of 20 questions wrong, one more in world 1 and one less in world 2."""
    return number >= float(arm.partition("@")[2] or 0) + (0, 1, -1)[world]


def study_of(folder: Path, arms: tuple[str, ...], **scales: dict[str, float]) -> Path:
    write_study(folder, right, arms=arms, worlds=(0, 1, 2), seeds=(0,), splits=("reversal",))
    found = json.loads((folder / "study.json").read_text())
    for cell in found["cells"]:
        cell["scale"] = scales.get(cell["arm"].replace("@", "_"), {})
    (folder / "study.json").write_text(json.dumps(found))
    return folder


def test_arms_that_differ_behind_an_at_sign_are_points_of_one_line_with_the_intervals_of_the_table(
    tmp_path: Path,
) -> None:
    at = {f"near_{n}": {"distractors": float(n)} for n in (2, 8, 16)}
    study = read_study(study_of(tmp_path, ("near@16", "near@2", "near@8", "ft"), **at))
    (block,), points = build_blocks(study), scaled(study)
    assert [(p.axis, p.value, p.arm, p.n) for p in points] == [("distractors", n, "near", 60) for n in (2.0, 8.0, 16.0)]
    for point in points:
        record = block.accuracy[f"near@{point.value:g}", "reversal"]
        assert (point.accuracy, point.low, point.high) == (record.accuracy, record.low, record.high)
        assert point.accuracy == pytest.approx(1 - point.value / 20)
    text = to_markdown(study, [block])
    assert "| nano | reversal | distractors | 8 | near | reversal | 60 | 60.0 [" in text
    [drawn] = panels(points)["distractors"]
    rows = [row for layer in drawn.to_dict()["layer"] for row in layer["data"].get("values", ())]
    assert {row["value"]: row["low"] for row in rows if "low" in row} == {p.value: p.low for p in points}


def test_premises_are_the_questions_own_and_no_world_is_left_out(tmp_path: Path) -> None:
    folder = study_of(tmp_path, ("icl", "ft"))
    worlds = {cell["key"]: cell["world_seed"] for cell in json.loads((folder / "study.json").read_text())["cells"]}
    for cell in sorted((folder / "cells").iterdir()):
        lines = [
            sample(cell.name[0], i, i % 4 >= premises, proof=[f"f{k}" for k in range(premises)])
            for premises in ((1, 2) if worlds[cell.name] == 1 else (1, 2, 3))
            for i in range(4 * premises, 4 * premises + 4)
        ]
        write_samples(cell / "model", "icl_ft_reversal", lines)
    points = [point for point in scaled(read_study(folder)) if point.arm == "ft"]
    assert [(p.axis, p.value, p.accuracy, p.n) for p in points] == [
        ("premises", 1, 0.75, 12),
        ("premises", 2, 0.5, 12),
        ("premises", 3, 0.25, 8),
    ]


def test_arms_that_stand_at_one_point_are_lines_of_their_own(tmp_path: Path) -> None:
    arms = ("near@2", "near@8", "ft+oracle@10", "ft+oracle@50")
    here = {"facts": 20.0}
    near = {f"near_{n}": {"distractors": float(n), **here} for n in (2, 8)}
    study = read_study(study_of(tmp_path, arms, **near, **{f"ft+oracle_{n}": here for n in (10, 50)}))
    found = {axis: [p.arm for p in scaled(study) if p.axis == axis] for axis in ("distractors", "facts")}
    assert found == {"distractors": ["near", "near"], "facts": list(arms)}


def test_a_study_without_a_scale_has_no_such_table(tmp_path: Path) -> None:
    study = read_study(study_of(tmp_path, ("icl", "ft")))
    assert not scaled(study) and "Along a scale" not in to_markdown(study, build_blocks(study))


def test_what_a_study_says_of_its_scales_is_a_label_and_no_other_cell(tmp_path: Path) -> None:
    worlds = [{"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 2}}]
    arms = [{"name": "near@2", "condition": "icl", "context_distractors": 2, "scale": {"distractors": 2}}]

    def cells(*changes: dict[str, Any]) -> list[Any]:
        given = [{**worlds[0], **changes[0]}], [{**arms[0], **changes[1]}]
        return plan(load_study(save_study(tmp_path, worlds=given[0], arms=given[1])))

    (plain,), (told,) = cells({}, {"scale": {}}), cells({"scale": {"facts": 4}}, {})
    assert plain.key == told.key and "scale" not in plain.labels.to_dict()
    assert told.labels.to_dict()["scale"] == {"facts": 4, "distractors": 2}


def test_the_study_that_ships_has_each_scale() -> None:
    study = load_study(recipes_dir() / "studies" / "scaling.yaml")
    found = {axis for entry in study.worlds for axis in entry.scale}
    arms = [arm for entry in study.worlds for arm in study.arms_of(entry)]
    assert found | {axis for arm in arms for axis in arm.scale} == {"facts", "distractors", "distance"}
    assert all(arm.scale["distractors"] == arm.context_distractors for arm in arms if "distractors" in arm.scale)
    assert all(arm.scale["distance"] == arm.context_distance for arm in arms if "distance" in arm.scale)
