from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import readme
from icl_ft_plugin.export.code import Module
from icl_ft_plugin.export.upstream import GROUPS, upstream
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.harness.index import read_task
from icl_ft_plugin.paths import models_dir, tasks_dir

SMALL = {
    "reversal": {"n_facts": 12},
    "syllogism": {"n_documents": 12},
    "celebrity": {"n_name_first": 5, "n_description_first": 5, "n_both": 5, "n_phrasings": 3},
    "semantic": {"n_categories": 30, "n_documents": 60, "n_holdout": 4, "n_choices": 2},
    "process": {"n_documents": 20, "n_questions": 12},
    "codebook": {"n_groups": 1, "n_sets": 3},
}
# Loads the folder's utils.py as upstream does, from lm_eval/tasks/icl_ft/utils.py, without the harness around it.
PROGRAM = """
import importlib.util, json, sys, types
root = sys.argv[1]
for package in ("lm_eval", "lm_eval.tasks"):
    sys.modules[package] = types.ModuleType(package)
sys.modules["lm_eval.tasks"].__path__ = [root]
spec = importlib.util.spec_from_file_location("lm_eval.tasks.icl_ft.utils", f"{root}/icl_ft/utils.py")
utils = importlib.util.module_from_spec(spec)
spec.loader.exec_module(utils)
found = {}
for name, metadata in json.loads(sys.argv[2]).items():
    made = utils.build_in_context if name.endswith("_icl") else utils.build
    try:
        docs = list(made(**metadata)["test"])
        found[name] = {"docs": docs, "prompt": utils.in_context_prompt(docs[-1])}
    except ValueError as error:
        found[name] = str(error)
found["ours"] = [module for module in sys.modules if module.startswith("icl_ft_plugin")]
print(json.dumps(found))
"""


def built(place: Path, asked: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the exported functions make of the metadata of tasks, or the error that they raise."""
    environment = {**os.environ, "ICL_FT_NO_AUTOLOAD": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(place), json.dumps(asked)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert not found.pop("ours"), "it stands alone"
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the folder of all families is."""
    place = tmp_path_factory.mktemp("upstream")
    assert upstream(generated(), place) is None
    return place


def tasks_in(place: Path) -> dict[str, dict[str, Any]]:
    """The task files of the folder, by name."""
    read = {file.stem: read_task(file) for file in (place / "icl_ft").glob("*.yaml")}
    return {name: data for name, data in read.items() if "group" not in data}


def test_documents_and_prompts_are_the_plugins(exported: Path) -> None:
    asked = {}
    for name, data in tasks_in(exported).items():
        family = data["metadata"]["family"]
        asked[name] = {**data["metadata"], "seed": 3, "pretrained": None, "dtype": "float32", **SMALL[family]}
    found = built(exported, asked)
    assert len(found) == 3 * len(generated())
    for name, metadata in asked.items():
        docs = list(build(**metadata)["test"])
        assert docs and found[name]["docs"] == docs
        assert found[name]["prompt"] == in_context_prompt(docs[-1])


def test_misspelt_knobs_and_contexts_that_do_not_fit_are_errors(exported: Path) -> None:
    reversal = {"family": "reversal", "split": "reversal", "n_facts": 12, "misleading": 0}
    nano = str(models_dir() / "nano")
    found = built(
        exported,
        {
            "a_closed": {**reversal, "n_fact": 5},
            "b_closed": {**reversal, "n_facts": 1},
            "c_closed": {**reversal, "context_copies": -1},
            "d_closed": {**reversal, "n_name_first": 3},
            "e_icl": {**reversal, "pretrained": nano, "n_facts": 400, "context_copies": 2},
            "f_icl": {**reversal, "pretrained": nano, "max_length": 100},
            "g_icl": {**reversal, "pretrained": nano},
        },
    )
    assert "unknown knob 'n_fact' (did you mean 'n_facts'?)" in found["a_closed"]
    assert "n_facts=1 is not between" in found["b_closed"]
    assert "context_copies=-1 must be a whole number" in found["c_closed"]
    assert len(found["d_closed"]["docs"]) == 12, "another family's knob"
    assert re.search(r"need \d{4,} tokens, the window of .*nano is 8192", found["e_icl"])
    assert re.search(r"need \d{3} tokens, the window of .*nano is 100", found["f_icl"])
    assert len(found["g_icl"]["docs"]) == 12


def test_training_documents_are_written(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "lm_eval" / "tasks").mkdir(parents=True)
    shutil.copytree(exported / "icl_ft", tmp_path / "lm_eval" / "tasks" / "icl_ft")
    for package in ("lm_eval", "lm_eval/tasks"):
        (tmp_path / package / "__init__.py").touch()
    command = [sys.executable, "-m", "lm_eval.tasks.icl_ft.dump", "celebrity"]
    command += ["--metadata", json.dumps({"seed": 3, **SMALL["celebrity"]})]
    environment = {**os.environ, "ICL_FT_NO_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    world = generate("celebrity", 3, SMALL["celebrity"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    expected = [{"id": d.id, "text": d.text, "completion_start": d.completion_start} for d in world.documents]
    assert lines == expected and len(lines) == 60


def test_folder_obeys_the_house_rules(exported: Path) -> None:
    folder = exported / "icl_ft"
    allowed = {"datasets", "transformers", *sys.stdlib_module_names, "lm_eval"}
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "icl_ft_plugin" not in text and "scripts/" not in text, file
        assert not re.search(r"\bOURS\b", text), file
        tree = ast.parse(text, feature_version=(3, 10))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, f"{file}: {names}"
            assert not any(n.startswith("lm_eval") and not n.startswith("lm_eval.tasks.icl_ft") for n in names)
    assert not list(folder.glob("*/*.yaml")), "upstream takes them for tasks"
    assert max(path.stat().st_size for path in folder.rglob("*.*")) < 500_000, "pre-commit's limit for added files"


def test_tasks_keep_their_names_and_groups_have_aggregates(exported: Path) -> None:
    folder, tasks = exported / "icl_ft", tasks_in(exported)
    for family in generated():
        mine = {name for name, data in tasks.items() if data["metadata"]["family"] == family}
        theirs = {file.stem for file in (tasks_dir() / family).glob("*.yaml")}
        assert len(mine) == 3 and mine <= theirs
    grouped = {name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in GROUPS}
    assert sorted(task for data in grouped.values() for task in data["task"]) == sorted(tasks)
    for data in grouped.values():
        assert [entry["metric"] for entry in data["aggregate_metric_list"]] == ["acc", "acc_norm"]
    assert yaml.safe_load((folder / "icl_ft.yaml").read_text())["task"] == list(GROUPS)
    metrics = tasks["icl_ft_reversal_closed"]["metric_list"]
    assert {entry["aggregation"] for entry in metrics} == {"mean"}, "of which lm-eval knows the standard error"


def test_shared_modules_are_there_once_and_nothing_that_is_not_used(tmp_path: Path) -> None:
    upstream(["reversal", "celebrity"], tmp_path)
    files = {str(path.relative_to(tmp_path / "icl_ft")) for path in (tmp_path / "icl_ft").rglob("*") if path.is_file()}
    shared = {"blocks.py", "dump.py", "errors.py", "knobs.py", "schema.py", "utils.py", "words.py", "words.txt"}
    own = {"reversal/generate.py", "reversal/phrases.py", "celebrity/generate.py", "celebrity/phrases.py"}
    own |= {"celebrity/first_names.txt", "celebrity/last_names.txt"}
    assert {name for name in files if name.endswith((".py", ".txt"))} == shared | own
    text = "".join((tmp_path / "icl_ft" / name).read_text() for name in files if name.endswith(".py"))
    assert all(gone not in text for gone in ("def oracle", "INFERENCES", "def coin", "def faults", "def suggest"))
    assert "# The dimension moves on every second fact" in text


def test_a_module_is_cut_down_to_what_is_kept() -> None:
    source = '"""Doc."""\n\nimport os\n\nA, B = 1, 2\nC = 3\n"""Explains C."""\nC.x = 1\n\n\n# About f.\n@cache\ndef f():\n    pass\n'
    module = Module(source)
    module.kept = {"B"}
    assert module.rest().split() == ['"""Doc."""', "import", "os", "A,", "B", "=", "1,", "2"]
    module.kept = {"C", "f"}
    assert module.rest() == source.replace("A, B = 1, 2\n", "")


def test_readme_has_the_templates_sections_and_speaks_of_what_is_there(exported: Path) -> None:
    text = (exported / "icl_ft" / "README.md").read_text(encoding="utf-8")
    found = readme.sections(text)
    wanted = [
        "Paper",
        "Citation",
        "Groups, Tags, and Tasks",
        "Groups",
        "Tags",
        "Tasks",
        "Results",
        "Checklist",
        "Changelog",
    ]
    assert [name for name in found if name in wanted] == wanted
    assert all(found[name] for name in wanted if name != "Groups, Tags, and Tasks")
    assert found["Checklist"].count("* [x]") == 5 and found["Checklist"].count("* [ ]") == 1
    for private in ("icl_ft_plugin", "icl-ft data", "OURS", "ft+", "context_tokens"):
        assert private not in text
    rows = dict(re.findall(r"^\| `(icl_ft_\w+)` \| (.+?) \|", found["Tasks"], re.MULTILINE))
    assert rows.keys() == tasks_in(exported).keys()
    splits = {data["metadata"]["split"] for data in tasks_in(exported).values()}
    assert not any(asked.partition(";")[0] in splits for asked in rows.values()), "each says what is asked"
    for family in generated():
        assert all(f"| {family} | `{name}` |" in text for name, _, _ in readme.knobs(FAMILIES[family]))
    assert "each takes two facts more. 0 leaves" in text, "meanings of two lines"
    assert found["Results"].startswith("None yet")


def test_results_of_a_public_model_go_into_the_readme(tmp_path: Path) -> None:
    measured = {
        "model_name": "org/Model-1B",
        "lm_eval_version": "0.4.13",
        "results": {
            "icl_ft_reversal_closed": {"acc,none": 0.5, "acc_stderr,none": 0.05},
            "icl_ft_closed": {"acc,none": 0.375, "acc_stderr,none": 0.034},
        },
    }
    (tmp_path / "results_1.json").write_text(json.dumps(measured))
    upstream(["reversal"], tmp_path, [tmp_path / "results_1.json"])
    found = readme.sections((tmp_path / "icl_ft" / "README.md").read_text())["Results"]
    assert "| accuracy in % | `Model-1B` |" in found and "lm_eval 0.4.13" in found
    assert "| `icl_ft_reversal_closed` | 50.0 ± 5.0 |" in found and "| `icl_ft_closed` | 37.5 ± 3.4 |" in found
    assert "| `icl_ft_reversal_icl` | not run |" in found


def test_own_documents_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only what is generated"):
        upstream(["reversal", "own"], tmp_path)
    assert not any(tmp_path.iterdir())


def test_row_goes_to_its_place_and_only_once() -> None:
    table = "# Tasks\n\n| Task Family   | Description | Language |\n|---|---|---|\n| [arc](a) | A | English |\n"
    table += "| [swag](s) | S | English |\n| [blimp](b) | B | English |\n\n## Multimodal\n"
    once = readme.insert_row(table, "icl_ft_reversal", "Reversals.")
    rows = once.split("\n")
    row = "| [icl_ft_reversal](icl_ft_reversal/README.md) | Reversals.  | English  |"
    assert rows[7] == row, "behind the last that comes before it, in a table that is not quite in order"
    assert [line for line in rows if line != row] == table.split("\n")
    assert readme.insert_row(once, "icl_ft_reversal", "Reversals.") == once
    with pytest.raises(ValueError, match="no table"):
        readme.insert_row("# Tasks\n", "a", "b")


def test_command_writes_the_row_of_a_checkout(tmp_path: Path) -> None:
    tasks = tmp_path / "lm_eval" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "manager.py").touch()
    (tasks / "README.md").write_text("| Task Family | Description | Language |\n|---|---|---|\n")
    result = CliRunner().invoke(app, ["export", "upstream", "reversal", "celebrity", "--out", str(tasks)])
    assert result.exit_code == 0 and "row added" in result.stdout, result.output
    assert len(tasks_in(tasks)) == 6
    assert "[icl_ft](icl_ft/README.md)" in (tasks / "README.md").read_text()


@pytest.mark.parametrize(("family", "words"), [("reversl", "did you mean 'reversal'"), ("reversal", "exists already")])
def test_bad_export_writes_nothing(tmp_path: Path, family: str, words: str) -> None:
    (tmp_path / "icl_ft").mkdir()
    with pytest.raises(UsageError, match=words):
        upstream([family], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["icl_ft"] and not any((tmp_path / "icl_ft").iterdir())


# A checkout of lm-evaluation-harness; nothing is fetched, and the checkout itself stays as it is.
