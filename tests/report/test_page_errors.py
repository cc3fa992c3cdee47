"""The report of what is damaged, hostile or missing."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_data import paper_like, told, write_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.store.read import read_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"), told, worlds=(0, 1, 2), seeds=(0, 1), by_split=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{study}", "--out", "{tmp}/none/page.html"], "folder that exists"),
        (["{study}", "{study}"], "one study at a time"),
        (["{tmp}"], "no study there"),
        (["{tmp}", "{tmp}"], "no samples_icl_ft_"),
    ],
)
def test_wrong_uses_are_one_message(arguments: list[str], message: str, study: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", *(a.format(study=study, tmp=tmp_path) for a in arguments)])
    assert result.exit_code == 2 and message in result.output.replace("\n", " ")


def test_without_the_extra_the_table_is_still_written(study: Path, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", paper_like, seeds=(0,))
    program = f"""
import sys
from importlib import util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("altair", "vl_convert") else find(name, *rest)
from icl_ft_plugin.cli.app import main
sys.argv = ["icl-ft", "report", {str(folder)!r}, *sys.argv[1:]]
main()
"""
    run = [sys.executable, "-c", program]
    plain = subprocess.run(run, capture_output=True, text=True)
    assert plain.returncode == 0 and "no page: altair, vl_convert not installed" in plain.stdout, plain.stderr
    assert (folder / "table.md").is_file() and not (folder / "report.html").exists()
    asked = subprocess.run([*run, "--out", str(tmp_path / "page.html")], capture_output=True, text=True)
    assert asked.returncode == 2 and "pip install 'icl-ft-plugin[report]'" in asked.stderr


def test_control_characters_reach_no_terminal_and_no_formula_a_spreadsheet(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    model = "=cmd|'/c calc'!A1\x1b]0;title\x07"
    folder = write_study(
        tmp_path, paper_like, model=model, label="+SUM(1)", splits=("reversal", "x\x1b[31m"), labels={"a\x1b[2J": "\x9b1m"},
        worlds=(0, 1, 2), seeds=(0,),
    )  # fmt: skip
    result = CliRunner().invoke(app, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    for text in (result.output, (folder / "table.md").read_text(encoding="utf-8")):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text) and "\\x1b" in text
    first = next(csv.DictReader((folder / "table.csv").open(encoding="utf-8")))
    assert first["model"].startswith("'=cmd") and first["entry"] == "'+SUM(1)" and float(first["accuracy"]) >= 0


def test_lines_of_samples_end_at_line_feeds_alone(tmp_path: Path) -> None:
    folder = write_study(tmp_path, paper_like, seeds=(0,), question="wug\u2028are\x85so")
    for file in folder.rglob("samples_*.jsonl"):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    assert read_study(folder).cells[0].items[0].question == "wug\u2028are\x85so"
    file.write_text("{\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{file.name}, line 1: not JSON"):
        read_study(folder)


def test_a_damaged_plan_or_ledger_is_one_message(tmp_path: Path) -> None:
    folder = write_study(tmp_path, paper_like, seeds=(0,))
    ledger = next(folder.rglob("ledger.json"))
    ledger.write_text('{"evaluation": {"questions": "many"}}', encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"ledger\.json: evaluation\.questions: 'many': Input should be a valid integer"
    ):
        read_study(folder)
    (folder / "study.json").write_text('{"cells": 3}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"study\.json: not the plan of a study"):
        read_study(folder)
