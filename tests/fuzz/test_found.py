"""What tries have found, once more by itself: inputs that ended in a traceback, waited for ever or were taken as they were."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fuzz.test_readers import alarm, rehash
from report_data import paper_like, write_study
from tiny_study import save_study
from typer.testing import CliRunner

from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.celebrity.reversal_curse import load as load_reversal_curse
from icl_ft_plugin.files import json_of, read_json, read_jsonl
from icl_ft_plugin.pretrain.recipe import load_recipe
from icl_ft_plugin.worlds.folder import load_world, save_world


def icl_ft(*arguments: Any) -> Any:
    with alarm(60):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def world(tmp_path: Path) -> Path:
    save_world(generate("reversal", 0, {"n_facts": 4}), tmp_path / "world")
    return tmp_path / "world"


def change(file: Path, key: str, value: Any) -> None:
    """Change a field of the first row, or take it away; and make the world's hash right again."""
    first, *rest = read_jsonl(file) if file.suffix == ".jsonl" else [read_json(file)]
    first = {**first, key: value} if value is not ... else {k: v for k, v in first.items() if k != key}
    file.write_text("".join(json.dumps(row) + "\n" for row in [first, *rest]))
    rehash(file.parent)


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("facts.jsonl", "text", ..., "facts.jsonl, row 1: text is missing"),
        ("facts.jsonl", "arguments", 3, "facts.jsonl, row 1: arguments: 3: "),
        ("documents.jsonl", "sentences", "abc", "documents.jsonl, row 1: sentences: 'abc': "),
        ("questions.jsonl", "gold", [7], "questions.jsonl, row 1: gold: (7,) names none of"),
        ("questions.jsonl", "gold", [], "questions.jsonl, row 1: gold: () names none of"),
        ("questions.jsonl", "clusters", {}, "questions.jsonl, row 1: clusters: 'fact' is missing"),
        ("questions.jsonl", "choices", None, "questions.jsonl, row 1: choices: None: "),
        ("world.json", "seed", ..., "world.json: seed is missing"),
        ("world.json", "config", [1], "world.json: config: [1]: "),
    ],
)
def test_a_world_with_a_right_hash_and_wrong_fields(world: Path, name: str, key: str, value: Any, said: str) -> None:
    change(world / name, key, value)
    with pytest.raises(UsageError) as error:
        load_world(world)
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["documents.jsonl", "questions.jsonl"])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_pipe_or_a_folder_in_the_place_of_own_documents(tmp_path: Path, name: str, make: Any) -> None:
    for file in ("documents.jsonl", "questions.jsonl"):
        (tmp_path / file).write_text('{"text": "a b."}\n')
    (tmp_path / name).unlink()
    make(tmp_path / name)
    result = icl_ft("data", "check", tmp_path)
    assert result.exit_code == 2 and f"{name}: not a file" in result.output, result.output


@pytest.mark.parametrize(
    "line", ['{"id": ' + "9" * 6000 + "}", '{"text": "\\ud800"}', "[" * 9000, '{"a":' * 900 + "1" + "}" * 900]
)
def test_lines_of_own_documents_that_python_cannot_hold(tmp_path: Path, line: str) -> None:
    (tmp_path / "documents.jsonl").write_text(line + "\n")
    (tmp_path / "questions.jsonl").write_text("")
    result = icl_ft("data", "check", tmp_path)
    assert result.exit_code == 2 and "documents.jsonl, line 1" in result.output, result.output


def test_a_pipe_in_the_place_of_a_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    with alarm(20), pytest.raises(UsageError, match="not a file"):
        Journal(tmp_path / "journal.jsonl")


@pytest.mark.parametrize("answer", [3, {}, {"raw": 3, "prompt_tokens": 1, "generated_tokens": 1}, {"raw": "x"}])
def test_a_journal_of_other_answers(tmp_path: Path, answer: Any) -> None:
    (tmp_path / "journal.jsonl").write_text(json.dumps({"answers": {"k": answer}}) + "\n")
    with pytest.raises(UsageError, match=r"journal\.jsonl, line 1: damaged"):
        Journal(tmp_path / "journal.jsonl")


def test_half_a_character_is_no_json_of_ours() -> None:
    assert json_of('"\\ud83d\\ude00"', "x") == "\U0001f600"  # two halves make one
    with pytest.raises(UsageError, match="x: not JSON that can be read"):
        json_of('["\\ud800"]', "x")


@pytest.mark.parametrize("text", ["- 1", "", "phases: !!int x", "\x00", "optimizer: {rate: 1}"])
def test_a_pretraining_recipe_of_anything(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"n\.yaml"):
        load_recipe(tmp_path / "n.yaml")


def test_lines_of_the_reversal_curse_end_at_line_feeds_alone(tmp_path: Path) -> None:
    for name in ("p2d_prompts_train", "d2p_prompts_train", "both_prompts_train"):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"prompt": "a\u2028b", "completion": " c"}, ensure_ascii=False)
        )
    with pytest.raises(UsageError) as error:
        load_reversal_curse(tmp_path, 0)
    assert "not a row" not in str(error.value)  # it comes as far as what the rows say


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": ["a\x00b"]}, r"models: 'a\\x00b' is no folder"),
        ({"recipe_overrides": {"hub_token": "sk-5e7c"}}, r"override: hub_token: \(hidden\) is a secret"),
        ({"recipe_overrides": {"learning_rate": 10**400}}, "learning_rate: 1000"),
        ({"arms": ["ft\x1b[31m"]}, r"no arm 'ft\\x1b\[31m'"),
    ],
)
def test_studies_that_ended_in_a_traceback_or_told_a_secret(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    import re

    result = icl_ft("study", save_study(tmp_path, **changes), "--dry-run")
    assert result.exit_code == 2 and re.search(said, result.output), result.output
    assert "sk-5e7c" not in result.output and "\x1b" not in result.output and len(result.stderr) < 600


def test_a_pipe_in_the_place_of_a_note_of_a_study(tmp_path: Path) -> None:
    write_study(tmp_path, paper_like, arms=("pretrained",), questions=1)
    ledger = next((tmp_path / "cells").glob("*/ledger.json"))
    ledger.unlink()
    os.mkfifo(ledger)
    result = icl_ft("study", "status", tmp_path)
    assert result.exit_code == 2 and "ledger.json cannot be read" in result.output
    assert icl_ft("report", tmp_path).exit_code == 2


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000, "\x00", "\u2028", ""])
def test_names_of_files_that_no_disk_knows(tmp_path: Path, name: str) -> None:
    for changes in (
        {"models": [name]},
        {"recipe": name, "arms": ["ft"]},
        {"worlds": [{"family": "own", "config": {"path": name}}]},
    ):
        result = icl_ft("study", save_study(tmp_path, **changes), "--dry-run")
        assert result.exit_code == 2 and result.stderr.count("icl-ft: ") == 1, result.output
        assert len(result.stderr) < 700


def test_a_sample_of_a_split_that_the_cell_was_not_asked(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_study(study, paper_like, questions=2)
    file = next(study.glob("cells/*/**/samples_*.jsonl"))
    rows = read_jsonl(file)
    rows[0]["doc"]["split"] = "{{ x }}"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for manifest in study.rglob("manifest.json"):
        manifest.unlink()
    result = icl_ft("report", study)
    assert result.exit_code == 2 and "'{{ x }}', which the cell was not asked" in result.stderr, result.output


def test_a_fact_of_three_arguments_is_a_finding(world: Path) -> None:
    change(world / "facts.jsonl", "arguments", [*read_jsonl(world / "facts.jsonl")[0]["arguments"], "zost"])
    result = icl_ft("data", "verify", world)
    assert result.exit_code == 1 and result.exception.__class__ is SystemExit, result.output


def test_a_finding_shows_no_control_character(world: Path) -> None:
    change(world / "questions.jsonl", "choices", ["a\u2028b\x1b[2J", "a\u2028b\x1b[2J", "c"])
    result = icl_ft("data", "verify", world)
    assert result.exit_code == 1 and not {"\u2028", "\x1b"} & set(result.output), result.output


def test_keys_and_ids_of_thousands_of_characters_are_cut(tmp_path: Path) -> None:
    long = "x" * 9000
    result = icl_ft("data", "verify", "reversal", "--set", f"{long}=1", "--set", f"{long}=1")
    assert result.exit_code == 2 and "is given twice" in result.stderr and len(result.stderr) < 500
    (tmp_path / "documents.jsonl").write_text('{"id": "d1", "text": "a b."}\n')
    question = {"question": "a", "choices": ["b", "c"], "answer": 0, "evidence": [long]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    own = {"family": "own", "config": {"path": str(tmp_path)}}
    result = icl_ft("study", save_study(tmp_path, worlds=[own], arms=["pretrained"]), "--dry-run")
    assert result.exit_code == 2 and "no document has the id" in result.stderr and len(result.stderr) < 600
    own["config"]["x" * 3000] = None
    result = icl_ft("study", save_study(tmp_path, worlds=[own], arms=["pretrained"]), "--dry-run")
    assert result.exit_code == 2 and "takes no other knob" in result.stderr and len(result.stderr) < 600
