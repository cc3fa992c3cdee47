from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import pytest
from tiny import PAIRS, RECIPE, save_tiny
from typer.testing import CliRunner

from icl_ft_plugin import __version__
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.families import generate
from icl_ft_plugin.files import write_jsonl
from icl_ft_plugin.worlds.folder import load_world

STUDY = """\
name: t
models: [MODEL]
worlds:
  - {family: reversal, config: {n_facts: 4}, seeds: [0]}
arms: [pretrained, ft]
training_seeds: [0, 1]
recipe: RECIPE
steps: 2
"""


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny", window=1024)


@pytest.fixture
def study(tmp_path: Path, model: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.replace("MODEL", str(model)).replace("RECIPE", str(tmp_path / "recipe.yaml")))
    return file


def assert_refused(result: Any, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert "icl-ft: " in result.stderr and "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


def test_version() -> None:
    assert icl_ft("--version").stdout == f"{__version__}\n"


def test_unknown_command_and_missing_option_exit_with_2() -> None:
    assert icl_ft("stuidy").exit_code == 2
    assert icl_ft("train").exit_code == 2


def test_folders_that_are_printed_exist() -> None:
    folder = Path(icl_ft("tasks-dir").stdout.strip())
    assert (folder / "reversal" / "icl_ft_reversal.yaml").is_file()


def test_model_dir_of_no_model() -> None:
    assert_refused(icl_ft("model-dir", "nanno"), "'nanno' is no embedded model")


def test_data_build_writes_the_world_and_the_rows_of_arms(tmp_path: Path) -> None:
    out = tmp_path / "w"
    result = icl_ft(
        "data",
        "build",
        "reversal",
        "--out",
        out,
        "--seed",
        3,
        "--set",
        "n_facts=5",
        "--set",
        "misleading=0",
        "--arm",
        "ft+oracle",
    )
    assert result.exit_code == 0, result.output
    assert load_world(out) == generate("reversal", 3, {"n_facts": 5, "misleading": 0})
    rows = [json.loads(line) for line in (out / "train-ft+oracle.jsonl").read_text().splitlines()]
    assert len(rows) == 150 and rows[0] == {"text": load_world(out).documents[0].text}
    assert icl_ft("data", "verify", out).exit_code == 0


def test_data_build_writes_many_worlds_that_datasets_reads_as_one(tmp_path: Path) -> None:
    out = tmp_path / "worlds"
    result = icl_ft(
        "data",
        "build",
        "reversal",
        "--out",
        out,
        "--seed",
        2,
        "--worlds",
        3,
        "--set",
        "n_facts=4",
        "--set",
        "misleading=0",
    )
    assert result.exit_code == 0, result.output
    assert {folder.name for folder in out.iterdir()} == {"seed-2", "seed-3", "seed-4", "README.md", "manifest.json"}
    assert load_world(out / "seed-3") == generate("reversal", 3, {"n_facts": 4, "misleading": 0})
    rows = datasets.load_dataset(str(out), "documents", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 3 * 4 * 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reversl"], ["'reversl'", "did you mean 'reversal'"]),
        (["reversal", "--seed", "-1"], ["seed=-1"]),
        (["reversal", "--seed", str(2**32)], ["seed=4294967296"]),
        (["reversal", "--set", "n_fact=5"], ["n_fact=5", "did you mean 'n_facts'"]),
        (["reversal", "--set", "n_facts=five"], ["n_facts='five'", "int"]),
        (["reversal", "--set", "n_facts=1"], ["n_facts=1"]),
        (["reversal", "--set", "n_facts"], ["'n_facts'", "key=value"]),
        (["reversal", "--arm", "ft+oracel"], ["'ft+oracel'", "did you mean 'ft+oracle'", "arms.yaml"]),
        (["reversal", "--arm", "icl"], ["'icl'", "not trained"]),
        (["reversal", "--arm", "sdft"], ["'sdft'", "teacher"]),
    ],
)
def test_bad_data_build_writes_nothing(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    assert_refused(icl_ft("data", "build", *arguments, "--out", tmp_path / "w"), *words)
    assert not any(tmp_path.iterdir())


def test_output_that_is_a_file_or_exists(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(icl_ft("data", "build", "reversal", "--out", tmp_path / "file" / "w"), "file/w", "cannot be written")
    assert_refused(icl_ft("data", "build", "reversal", "--out", tmp_path / "file"), "file", "exists")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_verify_finds_a_wrong_gold(tmp_path: Path) -> None:
    assert icl_ft("data", "build", "reversal", "--out", tmp_path / "w", "--set", "n_facts=4").exit_code == 0
    questions = [json.loads(line) for line in (tmp_path / "w" / "questions.jsonl").read_text().splitlines()]
    questions[0]["gold"] = [1 - questions[0]["gold"][0]]
    write_jsonl(tmp_path / "w" / "questions.jsonl", questions)
    assert_refused(icl_ft("data", "verify", tmp_path / "w"), "do not match the hash")
    world = json.loads((tmp_path / "w" / "world.json").read_text())
    from dataclasses import replace

    built = generate("reversal", 0, {"n_facts": 4})
    wrong = replace(built.questions[0], gold=(1 - built.questions[0].gold[0],))
    world["hash"] = replace(built, questions=(wrong, *built.questions[1:])).hash
    (tmp_path / "w" / "world.json").write_text(json.dumps(world))
    result = icl_ft("data", "verify", tmp_path / "w")
    assert result.exit_code == 1 and wrong.id in result.stdout


def test_dry_run_lists_every_cell_and_writes_nothing(study: Path, tmp_path: Path) -> None:
    result = icl_ft("study", study, "--dry-run", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.partition("\n\n")[0].splitlines()
    assert [line.split(", ")[2:] for line in lines] == [
        ["pretrained"],
        ["ft", "training seed 0"],
        ["ft", "training seed 1"],
    ]
    assert len({line.split()[0] for line in lines}) == 3 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps: 2", "stesp: 2", ["unknown key 'stesp' (value 2)", "did you mean 'steps'"]),
        ("steps: 2", "steps: two", ["steps: 'two'", "integer"]),
        ("steps: 2", "steps: 0", ["steps: 0", "greater than or equal to 1"]),
        ("steps: 2", "steps: true", ["steps: True"]),
        ("name: t\n", "", ["name is missing"]),
        ("n_facts: 4", "n_fact: 4", ["n_fact=4", "did you mean 'n_facts'"]),
        ("n_facts: 4", "n_facts: 1.5", ["n_facts=1.5"]),
        ("family: reversal", "family: reversall", ["'reversall'", "did you mean 'reversal'"]),
        ("seeds: [0]", "seed: [0]", ["worlds[0].seed", "did you mean 'seeds'"]),
        ("seeds: [0]", "seeds: [0], splits: [revesal]", ["'revesal'", "did you mean 'reversal'"]),
        ("[0, 1]", "[0, 4294967296]", ["training_seeds[1]: 4294967296", "less than 4294967296"]),
        ("[0, 1]", "[0, -1]", ["training_seeds[1]: -1"]),
        ("[0, 1]", "[0, 0]", ["training_seeds: 0 stands there twice", "duplicate cells"]),
        ("[pretrained, ft]", "[pretrained, ftt]", ["no arm 'ftt'", "did you mean 'ft'"]),
        ("[pretrained, ft]", "[ft, ft]", ["arms: 'ft' stands there twice"]),
        ("[pretrained, ft]", "[ft, {name: a, corpus: [documents]}]", ["duplicate cell", "a, training seed 0"]),
        ("[pretrained, ft]", "[{name: a, corpus: [document]}]", ["arm 'a'", "'document'"]),
        ("[pretrained, ft]", "[{name: a, rows: sentence}]", ["arms[0].rows: 'sentence'", "did you mean 'sentences'"]),
        (
            "[pretrained, ft]",
            "[{name: a, loss: completion}]",
            ["arms[0]", "loss: 'completion' is now rows: completion"],
        ),
        ("[pretrained, ft]", "[]", ["arms"]),
        ("recipe: ", "recipe: no-", ["recipe", "neither a file"]),
        ("models: [", "models: [no-", ["models: 'no-", "config.json"]),
        ("name: t", "name: t\nname: u", ["'name' is written twice"]),
        ("name: t", "name: [t", ["study.yaml"]),
        ("name: t", "- t", ["study.yaml"]),
        ("steps: 2", "recipe_overrides: {learnin_rate: 1}", ["learnin_rate", "did you mean 'learning_rate'"]),
        ("recipe: ", "batch_size: ", ["batch_size"]),
    ],
)
def test_bad_study_is_one_message_and_writes_nothing(study: Path, old: str, new: str, words: list[str]) -> None:
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new))
    before = sorted(study.parent.rglob("*"))
    assert_refused(icl_ft("study", study, "--out", study.parent / "out"), *words)
    assert sorted(study.parent.rglob("*")) == before


def test_trained_arm_without_recipe(study: Path) -> None:
    study.write_text("".join(line for line in study.read_text().splitlines(True) if not line.startswith("recipe")))
    assert_refused(icl_ft("study", study, "--out", study.parent / "out"), "recipe is missing", "'ft'")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("steps", ["key=value"]),
        ("steps=[", ["steps=["]),
        ("worlds.7.family=reversal", ["worlds.7"]),
        ("worlds.0.config.n_facts=1", ["n_facts=1", "with --set"]),
    ],
)
def test_bad_setting(study: Path, setting: str, words: list[str]) -> None:
    assert_refused(icl_ft("study", study, "--out", study.parent / "out", "--set", setting), *words)


def test_setting_reaches_into_lists(study: Path) -> None:
    def keys(*settings: str) -> set[str]:
        cells, _, _ = icl_ft("study", study, "--dry-run", *settings).stdout.partition("\n\n")
        return {line.split()[0] for line in cells.splitlines()}

    assert len(keys()) == 3 and keys("--set", "worlds.0.config.n_facts=4") == keys()
    assert not keys("--set", "worlds.0.config.n_facts=5") & keys()


def test_missing_study_and_missing_out(study: Path, tmp_path: Path) -> None:
    assert_refused(icl_ft("study", tmp_path / "no.yaml", "--out", tmp_path / "out"), "no.yaml", "No such file")
    assert_refused(icl_ft("study", study), "--out is missing")


def test_out_that_is_something_else(study: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    assert_refused(icl_ft("study", study, "--out", tmp_path / "notes"), "'mine.txt' and no study")
    assert_refused(icl_ft("study", study, "--out", tmp_path / "notes" / "mine.txt"), "mine.txt", "cannot be made")
    assert_refused(icl_ft("report", tmp_path / "notes"), "no study there")
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


def test_train_then_eval(tmp_path: Path, model: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    write_jsonl(tmp_path / "rows.jsonl", PAIRS)
    out = tmp_path / "ft"
    arguments = (tmp_path / "recipe.yaml", "--model", model, "--corpus", tmp_path / "rows.jsonl")
    result = icl_ft("train", *arguments, "--output", out, "--seed", 1, "--set", "max_steps=2")
    assert result.exit_code == 0, result.output
    assert json.loads((out / "ledger.json").read_text())["steps"] == 2
    scores = tmp_path / "scores"
    result = icl_ft("eval", out, "--tasks", "icl_ft_reversal_closed", "--out", scores, "--set", "n_facts=3")
    assert result.exit_code == 0, result.output
    assert "icl_ft_reversal_closed" in result.stdout
    samples = next(scores.rglob("samples_*.jsonl")).read_text().splitlines()
    assert len(samples) == 3


def test_eval_of_what_does_not_exist(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "scores"
    assert_refused(icl_ft("eval", tmp_path, "--tasks", "icl_ft_reversal_closed", "--out", out), "config.json")
    assert_refused(icl_ft("eval", model, "--tasks", "icl_ft_reversl", "--out", out), "did you mean 'icl_ft_reversal'")
    assert_refused(
        icl_ft("eval", model, "--tasks", "icl_ft_reversal_closed", "--set", "n_fact=3", "--out", out), "n_fact=3"
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_ctrl_c_exits_with_130_and_says_how_to_go_on(study: Path) -> None:
    program = "from icl_ft_plugin.cli.app import main; main()"
    command = [sys.executable, "-c", program, "study", str(study), "--out", str(study.parent / "out")]
    with subprocess.Popen([*command, "--set", "steps=100000"], stderr=subprocess.PIPE, text=True) as process:
        for _ in range(600):
            if (study.parent / "out" / "checkpoints").is_dir():
                break
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "run the same command to resume" in stderr and "Traceback" not in stderr
    assert len(list((study.parent / "out" / "cells").iterdir())) == 1  # pretrained was complete
