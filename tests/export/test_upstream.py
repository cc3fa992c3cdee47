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
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import readme
from icl_ft_plugin.export.upstream import upstream
from icl_ft_plugin.families import FAMILIES, generated
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.harness.documents import build
from icl_ft_plugin.harness.index import read_task
from icl_ft_plugin.harness.scoring import by_subset
from icl_ft_plugin.paths import models_dir, tasks_dir

SMALL = {
    "reversal": {"n_facts": 12},
    "syllogism": {"n_documents": 12},
    "celebrity": {"n_name_first": 5, "n_description_first": 5, "n_both": 5, "n_phrasings": 3},
    "semantic": {"n_categories": 30, "n_documents": 60, "n_holdout": 4, "n_choices": 2},
    "process": {"n_documents": 20, "n_questions": 12},
    "codebook": {"n_groups": 1, "n_sets": 3},
}
MAIN = {
    **{"reversal": "reversal", "syllogism": "inference", "celebrity": "reversal_untrained"},
    **{"semantic": "holdout", "process": "holdout", "codebook": "encode_holdout"},
}
# Loads a folder's utils.py as upstream does, from lm_eval/tasks/<name>/utils.py, without the harness around it.
PROGRAM = """
import importlib.util, json, sys, types
root, name, splits, knobs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
for package in ("lm_eval", "lm_eval.tasks"):
    sys.modules[package] = types.ModuleType(package)
sys.modules["lm_eval.tasks"].__path__ = [root]
spec = importlib.util.spec_from_file_location(f"lm_eval.tasks.{name}.utils", f"{root}/{name}/utils.py")
utils = importlib.util.module_from_spec(spec)
spec.loader.exec_module(utils)
made = {split: list(utils.build(split=split, version=1.0, pretrained="m", **knobs)["test"]) for split in splits}
score = getattr(utils, "by_subset", utils.process_results)
scores = {split: score(docs[0], [(-1.0, False), (-1.5, True)] + [(-3.0, False)] * (len(docs[0]["choices"]) - 2))
          for split, docs in made.items()}
prompts = {split: utils.in_context_prompt(docs[-1]) for split, docs in made.items()}
ours = [module for module in sys.modules if module.startswith("icl_ft_plugin")]
print(json.dumps({"docs": made, "prompts": prompts, "scores": scores, "ours": ours}))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of all families."""
    place = tmp_path_factory.mktemp("upstream")
    for family in generated():
        assert upstream(family, place / f"icl_ft_{family}") is None
    return place


@pytest.mark.parametrize("family", generated())
def test_documents_prompts_and_scores_are_the_plugins(exported: Path, family: str) -> None:
    files = [read_task(file) for file in sorted((tasks_dir() / family).glob("*_icl.yaml"))]
    splits = sorted({data["metadata"]["split"] for data in files})
    knobs = {"seed": 3, "context_copies": files[0]["metadata"].get("context_copies", 1), **SMALL[family]}
    command = [sys.executable, "-c", PROGRAM, str(exported), f"icl_ft_{family}", json.dumps(splits), json.dumps(knobs)]
    environment = {**os.environ, "ICL_FT_NO_AUTOLOAD": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    theirs = json.loads(result.stdout)
    assert not theirs["ours"], "it stands alone"
    for split in splits:
        docs = list(build(family=family, split=split, **knobs)["test"])
        assert theirs["docs"][split] == docs
        assert theirs["prompts"][split] == in_context_prompt(docs[-1])
        results = [(-1.0, False), (-1.5, True), *[(-3.0, False)] * (len(docs[0]["choices"]) - 2)]
        expected = by_subset(docs[0], results)
        assert json.dumps(theirs["scores"][split], sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize("family", generated())
def test_folder_obeys_the_house_rules(exported: Path, family: str) -> None:
    folder = exported / f"icl_ft_{family}"
    allowed = {"datasets", *sys.stdlib_module_names, "lm_eval"}
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "icl_ft_plugin" not in text and "scripts/" not in text, file
        tree = ast.parse(text, feature_version=(3, 10))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, f"{file}: {names}"
            assert not any(n.startswith("lm_eval") and not n.startswith(f"lm_eval.tasks.{folder.name}") for n in names)
    tasks = {file.stem: read_task(file) for file in folder.glob("*.yaml")}
    assert tasks and all(data["task"] == name for name, data in tasks.items()), "a changed file must have a task's name"
    ours = {f.stem for f in (tasks_dir() / family).glob("*_closed.yaml")} | {
        f.stem for f in (tasks_dir() / family).glob("*_icl.yaml")
    }
    assert tasks.keys() == ours and {data["tag"] for data in tasks.values()} == {f"icl_ft_{family}"}
    assert (folder / "_base_yaml").is_file() and "icl_ft_plugin" not in (folder / "_base_yaml").read_text()
    assert max(path.stat().st_size for path in folder.iterdir()) < 500_000, "pre-commit's limit for added files"


@pytest.mark.parametrize("family", generated())
def test_readme_has_the_templates_sections_and_speaks_of_what_is_there(exported: Path, family: str) -> None:
    folder = exported / f"icl_ft_{family}"
    text = (folder / "README.md").read_text(encoding="utf-8")
    found = readme.sections(text)
    wanted = ["Paper", "Citation", "Groups, Tags, and Tasks", "Groups", "Tags", "Tasks", "Checklist", "Changelog"]
    assert [name for name in found if name in wanted] == wanted
    assert all(found[name] for name in wanted if name != "Groups, Tags, and Tasks")
    assert found["Checklist"].count("* [x]") == 5 and found["Checklist"].count("* [ ]") == 1
    assert "icl_ft_plugin" not in text and "icl-ft data" not in text and "context_tokens" not in text
    named = set(re.findall(r"`(icl_ft_\w+?_(?:closed|icl))`", text))
    assert named == {file.stem for file in folder.glob("*.yaml")}
    assert all(f"| `{name}` |" in text for name, _, _ in readme.knobs(FAMILIES[family]))


def test_whole_modules_are_copied_and_only_those_that_the_generator_needs(exported: Path) -> None:
    folder = exported / "icl_ft_reversal"
    modules = {"errors.py", "generate.py", "knobs.py", "phrases.py", "schema.py", "utils.py", "words.py"}
    assert {path.name for path in folder.glob("*.py")} == modules
    assert {path.name for path in folder.iterdir() if path.suffix in (".txt", ".json")} == {"words.txt"}
    assert "# The dimension moves on every second fact" in (folder / "generate.py").read_text(encoding="utf-8")


def test_own_documents_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only what is generated"):
        upstream("own", tmp_path / "own")


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
    result = CliRunner().invoke(app, ["export", "upstream", "reversal", "--out", str(tasks / "icl_ft_reversal")])
    assert all(FAMILIES[family].description for family in generated())
    assert result.exit_code == 0 and "10 tasks" in result.stdout and "row added" in result.stdout, result.output
    assert "[icl_ft_reversal](icl_ft_reversal/README.md)" in (tasks / "README.md").read_text()


@pytest.mark.parametrize(
    ("family", "name", "words"),
    [
        ("reversl", "x", "did you mean 'reversal'"),
        ("reversal", "icl-ft", "becomes a Python package"),
        ("reversal", "taken", "exists already"),
    ],
)
def test_bad_export_writes_nothing(tmp_path: Path, family: str, name: str, words: str) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match=words):
        upstream(family, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"] and not any((tmp_path / "taken").iterdir())


# A checkout of lm-evaluation-harness; nothing is fetched, and the checkout itself stays as it is.
CHECKOUT = os.environ.get("LM_EVAL_CHECKOUT", "")
SCORED = """
import json, sys
import lm_eval
from lm_eval.tasks import TaskManager
tasks, model, metadata, ours = sys.argv[1].split(","), sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]
manager = TaskManager(include_path=ours or None, include_defaults=not ours, metadata=metadata)
found = lm_eval.simple_evaluate(model="hf", model_args={"pretrained": model, "dtype": "float32"}, tasks=tasks,
    task_manager=manager, batch_size=8, device="cpu", log_samples=True, bootstrap_iters=0, limit=8)
keep = ("doc_hash", "resps", "acc", "acc_norm", "mass")
print("RESULT" + json.dumps({"file": lm_eval.__file__, "results": {t: found["results"][t] for t in tasks},
    "samples": {t: [{k: s[k] for k in keep} for s in found["samples"][t]] for t in tasks}}, default=str))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the folders of all families, and upstream's list of changed files."""
    if not CHECKOUT:
        pytest.skip("LM_EVAL_CHECKOUT names no checkout of lm-evaluation-harness")
    copy = tmp_path_factory.mktemp("checkout") / "harness"
    shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(".git", "outputs", "icl_ft_*", "__pycache__"))
    tasks = copy / "lm_eval" / "tasks"
    for family in generated():
        assert upstream(family, tasks / f"icl_ft_{family}") == tasks / "README.md"
    changed = [path for folder in tasks.glob("icl_ft_*") for path in folder.iterdir()] + [tasks / "README.md"]
    (copy / ".github" / "outputs").mkdir(parents=True)
    listing = copy / ".github" / "outputs" / "tasks_all_changed_and_modified_files.txt"
    listing.write_text(" ".join(str(path.relative_to(copy)) for path in changed))
    return copy


def run_in(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ICL_FT_NO_AUTOLOAD": "1", "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *command], cwd=checkout, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_upstreams_own_tests_accept_every_family(checkout: Path) -> None:
    result = run_in(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_tasks.py", "-k", "NewTasks")
    assert result.returncode == 0, result.stdout[-3000:]
    passed = int(re.search(r"(\d+) passed", result.stdout)[1])  # type: ignore[index]
    tests = len(re.findall(r"    def test_", (checkout / "tests" / "test_tasks.py").read_text()))
    assert passed == tests * len(list(checkout.glob("lm_eval/tasks/icl_ft_*/*.yaml")))


@pytest.mark.slow
def test_upstreams_linters_accept_every_family(checkout: Path) -> None:
    folders = [str(path) for path in sorted(checkout.glob("lm_eval/tasks/icl_ft_*"))]
    assert len(folders) == len(generated())
    config = ["--config", str(checkout / "pyproject.toml"), "--no-cache"]
    for command in (["check"], ["format", "--check"]):
        result = run_in(checkout, "-m", "ruff", *command, *config, *folders)
        assert result.returncode == 0, result.stdout
    for folder in folders:  # what its other hooks look for
        for path in Path(folder).iterdir():
            text = path.read_bytes()
            assert text.endswith(b"\n") and not text.endswith(b"\n\n") and b"\r" not in text, path
            assert path.suffix == ".md" or not re.search(rb"[ \t]\n", text), path


@pytest.mark.slow
@pytest.mark.parametrize("family", generated())
def test_scores_equal_the_plugins_to_the_last_digit(checkout: Path, family: str) -> None:
    files = sorted(checkout.glob(f"lm_eval/tasks/icl_ft_{family}/*.yaml"))
    tasks = [file.stem for file in files if read_task(file)["metadata"]["split"] == MAIN[family]]
    assert {name.rpartition("_")[2] for name in tasks} == {"closed", "icl"}
    model = str(models_dir() / "nano")
    arguments = ("-c", SCORED, ",".join(tasks), model, json.dumps({"seed": 1, **SMALL[family]}))
    theirs, ours = (_scored(run_in(checkout, *arguments, *more)) for more in ((), (str(tasks_dir()),)))
    assert str(checkout) in theirs["file"]
    assert theirs["samples"] == ours["samples"]
    for task in tasks:
        assert len(theirs["samples"][task]) >= 4
        assert _numbers(theirs["results"][task]) == _numbers(ours["results"][task])


def _scored(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    line = next((line for line in result.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, result.stderr[-3000:]
    return dict(json.loads(line.removeprefix("RESULT")))


def _numbers(results: dict[str, Any]) -> dict[str, str]:
    return {key: repr(value) for key, value in results.items() if isinstance(value, float)}
