"""What trained arms could do before and can do after: asked alike of all arms, whatever else a study asks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_study import save_study

from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.identity import before_key
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

ARMS = ["pretrained", "ft", "ft+icl+bm25"]
READ: dict[str, Any] = {"retention": ["reading"], "training_seeds": [0]}


def cells(folder: Path, **changes: Any) -> dict[str, Cell]:
    return {cell.labels.arm: cell for cell in plan(load_study(save_study(folder, **{"arms": ARMS, **changes})))}


def test_what_is_not_asked_for_moves_no_key(tmp_path: Path) -> None:
    plain, both = cells(tmp_path, training_seeds=[0]), cells(tmp_path, **READ, pmi=True)
    assert all("kept" not in cell.identity and "pmi" not in cell.identity["test"] for cell in plain.values())
    assert {arm for arm in ARMS if "kept" in both[arm].identity} == {"ft", "ft+icl+bm25"}
    assert all(both[arm].identity["test"]["pmi"] is True and both[arm].key != plain[arm].key for arm in ARMS)
    assert cells(tmp_path, **READ)["pretrained"].key == plain["pretrained"].key


@pytest.mark.slow
def test_all_arms_read_the_same_prompts_whatever_stands_in_their_own(tmp_path: Path) -> None:
    ft, near = (cells(tmp_path, **READ, pmi=True)[arm] for arm in ARMS[1:])
    assert ft.training_key == near.training_key and before_key(ft) == before_key(near)
    assert before_key(ft) == before_key(cells(tmp_path, **READ)["ft"])
    run_study(tmp_path / "study.yaml", tmp_path / "runs", overrides=["pmi=true"])
    rows = [read_jsonl(tmp_path / "runs" / "cells" / cell.key / "retention.jsonl") for cell in (ft, near)]
    assert rows[0] == rows[1] and len(rows[0]) > 0 and {row["task"] for row in rows[0]} == {"reading"}
    assert len(list((tmp_path / "runs" / "before").iterdir())) == 1
    _, (block,), files = write_table(tmp_path / "runs")
    assert {(each.arm, each.before) for each in block.kept} == {(arm, block.kept[0].before) for arm in ARMS[1:]}
    text = files[0].read_text(encoding="utf-8")
    assert "learned against kept" in text and "prior-corrected (PMI)" in text


def test_questions_are_as_many_as_the_study_says(tmp_path: Path) -> None:
    file = save_study(tmp_path, arms=["ft"], **READ, retention_questions=3)
    run_study(file, tmp_path / "runs")
    [found] = (tmp_path / "runs").rglob("retention.jsonl")
    assert 0 < len(read_jsonl(found)) <= 3 * 5
