"""Trackio for real: losses and scores end in its database on this machine, and nothing else changes."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import RECIPE, ROWS, save_tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("trackio") is None, reason="pip install trackio"),
]


def run(folder: Path, program: str, *arguments: Any) -> None:
    """Run a command with trackio's files under a folder; trackio reads its settings when it is first imported."""
    environment = {**os.environ, "TRACKIO_DIR": str(folder / "trackio"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert result.returncode == 0, result.stderr


def logged(folder: Path, project: str) -> list[dict[str, Any]]:
    """Return what was logged, from the project's database."""
    with sqlite3.connect(folder / "trackio" / f"{project}.db") as database:
        return [json.loads(metrics) for (metrics,) in database.execute("SELECT metrics FROM metrics ORDER BY id")]


def test_training_is_tracked_and_its_weights_are_the_same(tmp_path: Path) -> None:
    save_tiny(tmp_path / "tiny")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    program = "from icl_ft_plugin.cli.app import main; main()"
    common = ("train", "recipe.yaml", "--model", "tiny", "--corpus", "rows.jsonl", "--out")
    settings = ("--set", "report_to=trackio", "--set", "project=icl-ft", "--set", "run_name=ft-0")
    run(tmp_path, program, *common, "tracked", *settings)
    run(tmp_path, program, *common, "plain")
    ledger = json.loads((tmp_path / "tracked" / "ledger.json").read_text())
    losses = [entry["train/loss"] for entry in logged(tmp_path, "icl-ft") if "train/loss" in entry]
    assert len(losses) == 6 and losses == pytest.approx([loss for _, loss in ledger["losses"]])
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("tracked", "plain")]
    assert weights[0] == weights[1]


def test_scores_are_tracked_by_lm_eval(tmp_path: Path) -> None:
    program = "import sys; from lm_eval.__main__ import cli_evaluate; sys.argv[0] = 'lm_eval'; cli_evaluate()"
    run(
        tmp_path,
        program,
        *("--model", "dummy", "--tasks", "icl_ft_reversal_closed", "--metadata", '{"n_facts": 4}'),
        *("--output_path", "out", "--log_samples", "--trackio_args", "project=icl-ft,name=dummy"),
    )
    (results,) = (tmp_path / "out").rglob("results_*.json")
    accuracy = json.loads(results.read_text())["results"]["icl_ft_reversal_closed"]["acc,none"]
    scores = [entry for entry in logged(tmp_path, "icl-ft") if "icl_ft_reversal_closed/acc" in entry]
    assert [entry["icl_ft_reversal_closed/acc"] for entry in scores] == [accuracy]
