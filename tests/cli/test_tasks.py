from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from icl_ft_plugin.cli import completion as cli_completion
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.paths import models_dir, recipe_names, study_names, tasks_dir
from icl_ft_plugin.training.recipes.recipe import find_recipe


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, Any]]:
    result = icl_ft("tasks", "--json")
    assert result.exit_code == 0, result.output
    return {row["task"]: row for row in json.loads(result.stdout)}


def test_every_task_that_ships_is_listed(listed: dict[str, dict[str, Any]]) -> None:
    files = {path.stem for path in tasks_dir().rglob("*.yaml") if "\ntask: icl_ft" in path.read_text()}
    assert listed.keys() == files and {row["family"] for row in listed.values()} == set(FAMILIES)
    assert all(row["n"] and row["tokens"] for row in listed.values() if row["family"] != "own")
    assert {row["window"] for row in listed.values()} == {8192}


def test_what_a_row_says(listed: dict[str, dict[str, Any]]) -> None:
    row = listed["icl_ft_syllogism_icl"]
    assert (row["family"], row["split"], row["condition"], row["answers"]) == (
        "syllogism",
        "inference",
        "icl",
        "choice",
    )
    assert (row["n"], row["chance"]) == (69, 24.9)
    assert listed["icl_ft_reversal_gen_closed"]["answers"] == "written"
    assert listed["icl_ft_reversal_gen_closed"]["chance"] == 0 and listed["icl_ft_reversal_closed"]["chance"] == 50
    assert listed["icl_ft_reversal_gen_options_icl"]["answers"] == "written, options shown"
    assert listed["icl_ft_semantic_holdout_icl"]["tokens"] > 40_000, "context_copies: 2"
    assert listed["icl_ft_own_icl"]["n"] is None


def test_tokens_are_those_of_the_models_tokenizer(listed: dict[str, dict[str, Any]]) -> None:
    from transformers import AutoTokenizer

    docs = list(build(family="reversal", split="reversal", context_copies=1)["test"])
    longest = max(docs, key=lambda doc: len(doc["question"]) + max(map(len, doc["choices"])))
    text = f"{in_context_prompt(longest)} {max(longest['choices'], key=len)}"
    tokens = len(AutoTokenizer.from_pretrained(models_dir() / "nano")(text)["input_ids"])
    assert listed["icl_ft_reversal_icl"]["tokens"] == tokens


def test_table_of_one_family_marks_what_the_window_does_not_hold() -> None:
    result = icl_ft("tasks", "--family", "semantic")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    tasks = {line[0]: line for line in lines if line and line[0].startswith("icl_ft_")}
    assert tasks and all(name.startswith("icl_ft_semantic") for name in tasks)
    assert tasks["icl_ft_semantic_holdout_icl"][-1] == "!" and tasks["icl_ft_semantic_holdout_closed"][-1] != "!"
    assert "8,192" in result.stdout


def test_it_loads_neither_a_model_nor_the_harness() -> None:
    program = (
        "import sys; sys.argv = ['icl-ft', 'tasks', '--family', 'process']\n"
        "from icl_ft_plugin.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print('heavy:', *sorted({'torch', 'transformers', 'lm_eval', 'datasets'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "heavy:", result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tasks", "--family", "reversl"], ["'reversl'", "did you mean 'reversal'"]),
        (["tasks", "--model", "nanno"], ["'nanno'", "did you mean 'nano'"]),
        (["study", "deom", "--out", "x"], ["'deom'", "did you mean 'demo'"]),
        (["study", "stauts", "x"], ["did you mean 'status'"]),
        (["study", "demo", "--out", "x", "--set", "recipe=reversal/nan"], ["did you mean 'reversal/nano'"]),
        (["train", "reversl/full", "--out", "x"], ["'reversl/full'", "did you mean 'reversal/full'"]),
        (["trian"], ["Did you mean 'train'"]),
        (["data", "biuld"], ["Did you mean 'build'"]),
        (["export", "upstraem"], ["Did you mean 'upstream'"]),
        (["tasks", "--modle", "nano"], ["--model"]),
        (["export", "upstream", "proces", "--out", "x"], ["did you mean 'process'"]),
    ],
)
def test_errors_suggest_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = icl_ft(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    for word in words:
        assert word in result.stderr
    assert not any(tmp_path.iterdir())


def test_names_that_complete_are_names_that_work() -> None:
    assert cli_completion.families("se") == ["semantic"] and cli_completion.models("") == ["nano"]
    assert "demo" in cli_completion.studies("de") and {"ft+oracle", "ft+oracle+cumulative"} <= {
        *cli_completion.arms("ft+o")
    }
    assert cli_completion.tasks("icl_ft_process,icl_ft_reversal_rep")[0].startswith(
        "icl_ft_process,icl_ft_reversal_rephrase"
    )
    assert "icl_ft" in cli_completion.tasks("icl") and not cli_completion.tasks("x")
    assert all(find_recipe(name).is_file() for name in recipe_names()) and "reversal/full" in cli_completion.recipes(
        "rev"
    )
    assert "demo" in study_names()


def test_the_shell_completes(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "_ICL_FT_COMPLETE": "complete_bash",
        "COMP_WORDS": "icl-ft data build sem",
        "COMP_CWORD": "3",
    }
    program = "import sys; sys.argv[0] = 'icl-ft'; from icl_ft_plugin.cli.app import main; main()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert result.stdout.split() == ["semantic"], result.stderr


def test_every_command_has_help() -> None:
    root = typer.main.get_command(app)
    missing = [name for name, command in root.commands.items() if not command.help]  # type: ignore[attr-defined]
    assert not missing
