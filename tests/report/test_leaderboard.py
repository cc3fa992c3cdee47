from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from report_data import STAMP, sample, write_results, write_samples
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.leaderboard import rank, read_results, shortened
from icl_ft_plugin.report.leaderboard_page import sentences


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three models in context: all right, half right, as good but for one; the half-right one knows the answers anyway."""
    write_results(tmp_path / "a", "org/good", lambda i: True)
    write_results(tmp_path / "a", "org/good", lambda i: i % 2 == 0, condition="closed")
    write_results(tmp_path / "b", "org/half", lambda i: i % 2 == 0)
    write_results(tmp_path / "b", "org/half", lambda i: True, condition="closed")
    write_results(tmp_path / "deep" / "er" / "c", "near", lambda i: i > 0)
    return tmp_path


def test_models_are_ranked_with_intervals_and_contamination(results: Path) -> None:
    records = [r for r in rank(read_results([results])) if r["condition"] == "icl"]
    assert [(r["rank"], r["model"], r["accuracy"]) for r in records] == [
        (1, "org/good", 1.0), (2, "near", 0.95), (3, "org/half", 0.5),
    ]  # fmt: skip
    assert [r["contamination"] for r in records] == ["none seen", "not run", "above chance"]
    first, near, half = (r["p_best"] for r in records)
    assert first is None and near > 0.5 and half < 0.01
    assert all(r["low"] <= r["accuracy"] <= r["high"] and r["high"] - r["low"] > 0.1 for r in records)
    said = sentences(records)
    assert "org/good is first with 100%; 1 of 2 others are surely behind" in said[0] and "org/half" in said[1]


def test_worlds_are_pooled_and_other_sizes_are_other_lists(results: Path) -> None:
    write_results(results / "d", "org/good", lambda i: False, seed=1)
    write_results(results / "e", "org/good", lambda i: True, questions=30)
    records = [r for r in rank(read_results([results])) if r["condition"] == "icl" and r["model"] == "org/good"]
    assert sorted((r["config"], r["n"], r["accuracy"]) for r in records) == [
        ('{"n_facts": 20}', 40, 0.5), ('{"n_facts": 30}', 30, 1.0),
    ]  # fmt: skip


def test_the_newest_run_of_a_task_counts(results: Path) -> None:
    write_results(results / "a", "org/good", lambda i: True)
    spec = json.dumps({"family": "reversal", "seed": 0, "config": {"n_facts": 20}, "context_copies": 1})
    newer = "2027-01-02T03-04-05.678901"
    write_samples(results / "a", "icl_ft_reversal_icl", [sample(spec, i, False) for i in range(20)], newer)
    (results / "a" / f"results_{newer}.json").write_text(json.dumps({"model_name": "org/good", "config": {}}))
    (good,) = [r for r in rank(read_results([results])) if r["model"] == "org/good" and r["condition"] == "icl"]
    assert good["accuracy"] == 0 and good["against_chance"] == "below" and good["n"] == 20


def test_paths_become_names(results: Path) -> None:
    write_results(results / "x", "/home/x/models/nano", lambda i: True)
    write_results(results / "y", "/home/y/models/nano", lambda i: True)
    names = {scored.model for scored in shortened(read_results([results]))}
    assert names == {"good", "half", "near", "x/models/nano", "y/models/nano"}


def test_the_command_writes_page_and_tables(results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, ["report", str(results / "a"), str(results / "b")])
    assert run.exit_code == 0, run.output
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open()))
    assert len(rows) == 4 == pq.read_table(tmp_path / "leaderboard.parquet").num_rows
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert "good is first with 100%" in page and "<script" not in page and 'class="bad">above chance' in page
    assert "| 1 | good | 100.0 [" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_what_is_not_ours_or_not_whole_is_one_message(tmp_path: Path) -> None:
    write_samples(tmp_path, "hellaswag", [{"doc": {}}])
    with pytest.raises(UsageError, match="no samples_icl_ft_"):
        read_results([tmp_path])
    write_samples(tmp_path, "icl_ft_reversal_icl", [{"doc": {"world": "x"}}])
    with pytest.raises(UsageError, match="not a sample of an icl_ft task"):
        read_results([tmp_path])
    write_samples(tmp_path, "icl_ft_reversal_icl", [sample("x", 0, True)])
    with pytest.raises(UsageError, match="its world is not one of ours"):
        read_results([tmp_path])


def test_a_real_evaluation_is_read(tmp_path: Path) -> None:
    from tiny import save_tiny

    from icl_ft_plugin.harness.evaluate import evaluate

    model = save_tiny(tmp_path / "model", window=2048)
    tasks = ["icl_ft_reversal_closed", "icl_ft_reversal_icl"]
    evaluate(
        tasks,
        model_args={"pretrained": str(model)},
        metadata={"seed": 3, "n_facts": 6},
        output=tmp_path / "out",
        batch_size=8,
    )
    records = rank(shortened(read_results([tmp_path / "out"])))
    assert [(r["condition"], r["model"], r["n"], r["rank"]) for r in records] == [
        ("closed", "model", 6, 1), ("icl", "model", 6, 1),
    ]  # fmt: skip
    assert '"n_facts": 6' in records[0]["config"] and records[0]["chance"] == 0.5


def test_other_prompts_shown_options_and_chat_templates_are_lists_and_models_of_their_own(tmp_path: Path) -> None:
    spec = {"family": "reversal", "seed": 0, "config": {"n_facts": 4}, "context_copies": 1}
    kinds: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("icl_ft_reversal_icl", {}, {}),
        ("icl_ft_reversal_icl", {"prompt": "quiz"}, {}),
        ("icl_ft_reversal_gen_icl", {"prompt": "instruct"}, {}),
        ("icl_ft_reversal_gen_options_icl", {"prompt": "instruct"}, {"options": ["less", "more"]}),
    ]
    for i, (task, asked, shown) in enumerate(kinds):
        lines = [sample(json.dumps({**spec, **asked}), number, True, **shown) for number in range(4)]
        written = [{**line, "exact_match": 1.0} for line in lines] if "gen" in task else lines
        write_samples(tmp_path / str(i), task, written)
        about = {"model_name": "m", "config": {"model_args": {}}, "chat_template": "{{ x }}" if i == 3 else None}
        (tmp_path / str(i) / f"results_{STAMP}.json").write_text(json.dumps(about))
    found = {(r["model"], r["condition"], r["split"], r["chance"]) for r in rank(read_results([tmp_path]))}
    assert found == {
        ("m", "icl", "reversal", 0.5),
        ("m", "icl, prompt quiz", "reversal", 0.5),
        ("m", "icl", "reversal (written)", 0.0),
        ("m, chat template", "icl", "reversal (written, options shown)", 0.5),
    }
