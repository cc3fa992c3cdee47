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
from icl_ft_plugin.report.leaderboard.page import sentences, to_markdown
from icl_ft_plugin.report.leaderboard.rank import Rank, Ranking, rank
from icl_ft_plugin.report.leaderboard.read import read_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three models in context, three worlds: all right, half right, as good but for one; the half-right one knows the answers anyway."""
    for seed in range(3):
        write_results(tmp_path / f"a{seed}", "org/good", lambda i: True, seed=seed)
        write_results(
            tmp_path / f"a{seed}", "org/good", lambda i, s=seed: (i + s) % 2 == 0, condition="closed", seed=seed
        )
        write_results(tmp_path / f"b{seed}", "org/half", lambda i, s=seed: i % 2 == 0 or i == s, seed=seed)
        write_results(tmp_path / f"b{seed}", "org/half", lambda i: True, condition="closed", seed=seed)
        write_results(tmp_path / "deep" / "er" / f"c{seed}", "near", lambda i, s=seed: i > s - 1, seed=seed)
    return tmp_path


def ranks(lists: list[Ranking], condition: str = "icl") -> list[Rank]:
    return [each for ranking in lists if ranking.condition == condition for each in ranking.ranks]


def test_models_are_ranked_with_intervals_and_contamination(results: Path) -> None:
    lists = rank(read_results([results]))
    first, near, half = ranks(lists)
    assert [(r.rank, r.model) for r in (first, near, half)] == [(1, "good"), (2, "near"), (3, "half")]
    assert [r.contamination for r in (first, near, half)] == ["none seen", "not run", "above chance"]
    assert first.p_best is None and near.p_best > 0.1 and half.p_best < 0.01  # type: ignore[operator]
    assert all(r.low <= r.accuracy <= r.high and r.high - r.low > 0.03 for r in (first, near, half))  # type: ignore[operator]
    said = sentences(lists)
    assert "good is first with 100%; 1 of 2 others are surely behind" in said[0] and "half" in said[1]


def test_with_one_world_nothing_is_tested(tmp_path: Path) -> None:
    write_results(tmp_path / "a", "good", lambda i: True)
    write_results(tmp_path / "b", "bad", lambda i: False)
    write_results(tmp_path / "b", "bad", lambda i: True, condition="closed")
    lists = rank(read_results([tmp_path]))
    _, bad = ranks(lists)
    assert bad.p_best is None and bad.against_chance == bad.contamination == "not tested" and bad.high is not None
    assert "(this world only)" in sentences(lists)[0] and "nothing is tested" in sentences(lists)[0]


def test_runs_that_were_asked_other_questions_are_ranked_apart(results: Path) -> None:
    write_results(results / "d", "org/more", lambda i: True, seed=7)
    for seed in range(3):
        write_results(results / f"e{seed}", "org/lazy", lambda i: True, seed=seed, limit=5)
        write_results(results / f"f{seed}", "org/large", lambda i: True, seed=seed, questions=30)
    found = {(r.config, r.questions): r for r in rank(read_results([results])) if r.condition == "icl"}
    assert [r.model for r in found['{"n_facts": 20}', 60].ranks] == ["good", "near", "half"]
    lazy, other = found['{"n_facts": 20}', 15], found['{"n_facts": 20}', 20]
    assert [r.model for r in lazy.ranks] == ["lazy"] and lazy.note == "ranked apart: run with --limit 5"
    assert [r.model for r in other.ranks] == ["more"] and other.worlds == (7,)
    assert other.note == "ranked apart: 20 questions, 0 of which are among the 60 of the first list"
    assert found['{"n_facts": 30}', 90].note == ""


def test_a_list_apart_is_compared_on_the_questions_that_both_were_asked(results: Path) -> None:
    for seed in range(3):
        write_results(results / f"e{seed}", "org/lazy", lambda i: i != 2, seed=seed, limit=5)
    lists = rank(read_results([results]))
    (apart,) = [r for r in lists if r.note]
    (shared,) = apart.shared
    assert (shared.model, shared.than, shared.questions) == ("lazy", "good", 15)
    assert (shared.accuracy, shared.other, shared.difference) == (pytest.approx(0.8), 1.0, pytest.approx(-0.2))
    assert shared.low is not None and shared.high is not None and shared.low < -0.2 < shared.high
    assert "On the 15 questions that both were asked, lazy 80% and good 100%: -20 points [" in sentences(lists)[1]
    assert not any(r.shared for r in lists if not r.note)


def test_a_part_of_the_questions_never_hides_a_whole_run(tmp_path: Path) -> None:
    write_results(tmp_path / "whole", "m", lambda i: i % 2 == 0)
    part = write_results(tmp_path / "part", "m", lambda i: True, limit=5)
    for file in list(part.parent.iterdir()):
        file.rename(file.with_name(file.name.replace("2026", "2027")))
    (ranking,) = rank(read_results([tmp_path]))
    assert ranking.questions == 20 and ranking.ranks[0].accuracy == 0.5 and not ranking.note


def test_own_documents_of_one_name_are_told_apart_by_their_words(tmp_path: Path) -> None:
    spec = json.dumps({"family": "own", "seed": 0, "config": {"path": "docs"}, "context_copies": 0})
    for name, question in (("a", "the head of the desk is"), ("b", "the owner of the room is")):
        lines = [sample(spec, i, True, "direct", question=question) for i in range(20)]
        write_samples(tmp_path / name, "icl_ft_own_icl", lines)
        (tmp_path / name / f"results_{STAMP}.json").write_text(json.dumps({"model_name": name, "config": {}}))
    lists = rank(read_results([tmp_path]))
    assert [r.questions for r in lists] == [20, 20] and "0 of which are among" in lists[1].note and not lists[1].shared
    assert sentences(lists)[0].endswith("(this world only): a is right in 100%, chance 50%.")
    assert "documents of docs" in to_markdown(lists)


def test_the_newest_run_of_a_task_counts(results: Path) -> None:
    spec = json.dumps({"family": "reversal", "seed": 0, "config": {"n_facts": 20}, "context_copies": 1})
    newer = "2027-01-02T03-04-05.678901"
    write_samples(results / "a0", "icl_ft_reversal_icl", [sample(spec, i, False) for i in range(20)], newer)
    (results / "a0" / f"results_{newer}.json").write_text(json.dumps({"model_name": "org/good", "config": {}}))
    (good,) = [r for r in ranks(rank(read_results([results]))) if r.model == "good"]
    assert good.accuracy == pytest.approx(2 / 3) and good.n == 60


def test_paths_become_names(results: Path) -> None:
    write_results(results / "x", "/home/x/models/nano", lambda i: True)
    write_results(results / "y", "/home/y/models/nano", lambda i: True)
    names = {scored.model for scored in read_results([results])}
    assert names == {"good", "half", "near", "x/models/nano", "y/models/nano"}


def test_the_command_writes_page_and_tables(results: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, ["report", *(str(results / f"{name}{seed}") for name in "ab" for seed in range(3))])
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
    lists = rank(read_results([tmp_path / "out"]))
    assert [(r.condition, r.ranks[0].model, r.questions, r.ranks[0].rank) for r in lists] == [
        ("closed", "model", 6, 1), ("icl", "model", 6, 1),
    ]  # fmt: skip
    assert '"n_facts": 6' in lists[0].config and lists[0].ranks[0].chance == 0.5


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
    found = {
        (each.model, r.condition, r.split, each.chance) for r in rank(read_results([tmp_path])) for each in r.ranks
    }
    assert found == {
        ("m", "icl", "reversal", 0.5),
        ("m", "icl, prompt quiz", "reversal", 0.5),
        ("m", "icl", "reversal (written)", 0.0),
        ("m, chat template", "icl", "reversal (written, options shown)", 0.5),
    }


@pytest.mark.parametrize("field", ["acc", "acc_norm", "log-likelihood"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_score_that_is_no_number_is_named_and_not_ranked(results: Path, field: str, value: str) -> None:
    broken = sample(json.dumps({"family": "reversal", "seed": 0, "config": {}, "context_copies": 1}), 3, True)
    if field == "log-likelihood":
        broken["filtered_resps"][1][0] = value
    else:
        broken[field] = float(value)
    file = write_samples(results / "broken", "icl_ft_reversal_icl", [broken])
    said = CliRunner().invoke(app, ["report", str(results), "--out", str(results / "board.html")])
    assert said.exit_code == 2 and not (results / "board.html").exists()
    name = "score" if field.startswith("acc") else field
    assert f"{file}: question 'f3-reversal': its {name} is {value}, no number" in said.stderr
