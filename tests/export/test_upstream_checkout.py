"""The exported families in a checkout of the harness: its own tests, its linters, and the same scores.

Run it with ``LM_EVAL_CHECKOUT=FOLDER pytest -m slow tests/export/test_upstream_checkout.py``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from export.test_upstream import SMALL, tasks_in

from icl_ft_plugin.export.upstream import tasks_of, upstream
from icl_ft_plugin.families import FAMILIES, generated
from icl_ft_plugin.paths import models_dir, tasks_dir

CHECKOUT = os.environ.get("LM_EVAL_CHECKOUT", "")
SCORED = """
import json, sys
import lm_eval
from lm_eval.tasks import TaskManager
tasks, model, metadata, ours = sys.argv[1].split(","), sys.argv[2], json.loads(sys.argv[3]), sys.argv[4:]
manager = TaskManager(include_path=ours or None, include_defaults=not ours, metadata=metadata)
found = lm_eval.simple_evaluate(model="hf", model_args={"pretrained": model, "dtype": "float32"}, tasks=tasks,
    task_manager=manager, batch_size=8, device="cpu", log_samples=True, bootstrap_iters=0, limit=8)
keep = ("doc_hash", "resps", "acc", "acc_norm")
print("RESULT" + json.dumps({"file": lm_eval.__file__, "results": {t: found["results"][t] for t in tasks},
    "samples": {t: [{k: s[k] for k in keep} for s in found["samples"][t]] for t in tasks}}, default=str))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the folder of all families."""
    if not CHECKOUT:
        pytest.skip("LM_EVAL_CHECKOUT names no checkout of lm-evaluation-harness")
    copy = tmp_path_factory.mktemp("checkout") / "harness"
    shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(".git", "outputs", "icl_ft*", "__pycache__"))
    tasks = copy / "lm_eval" / "tasks"
    assert upstream(generated(), tasks) == tasks / "README.md"
    (copy / ".github" / "outputs").mkdir(parents=True)
    return copy


def run_in(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ICL_FT_NO_AUTOLOAD": "1", "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *command], cwd=checkout, capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("listed", ["tasks", "group"])
def test_upstreams_own_tests_accept_every_family(checkout: Path, listed: str) -> None:
    # Its list of changed files names a group and its members; loaded side by side, TaskManager.load refuses any such pair.
    names = ["icl_ft"] if listed == "group" else list(tasks_in(checkout / "lm_eval" / "tasks"))
    listing = checkout / ".github" / "outputs" / "tasks_all_changed_and_modified_files.txt"
    listing.write_text(" ".join(f"lm_eval/tasks/icl_ft/{name}.yaml" for name in names))
    result = run_in(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_tasks.py", "-k", "NewTasks")
    assert result.returncode == 0, result.stdout[-3000:]
    passed = int(re.search(r"(\d+) passed", result.stdout)[1])  # type: ignore[index]
    base = (
        (checkout / "tests" / "test_tasks.py").read_text().partition("class BaseTasks")[2].partition("@pytest.mark")[0]
    )
    assert passed == base.count("    def test_") * 3 * len(generated())


@pytest.mark.slow
def test_upstreams_linters_accept_every_family(checkout: Path) -> None:
    folder = checkout / "lm_eval" / "tasks" / "icl_ft"
    config = ["--config", str(checkout / "pyproject.toml"), "--no-cache"]
    for command in (["check"], ["format", "--check"]):
        result = run_in(checkout, "-m", "ruff", *command, *config, str(folder))
        assert result.returncode == 0, result.stdout
    for path in (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):  # its other hooks
        text = path.read_bytes()
        assert text.endswith(b"\n") and not text.endswith(b"\n\n") and b"\r" not in text, path
        assert path.suffix == ".md" or not re.search(rb"[ \t]\n", text), path


@pytest.mark.slow
@pytest.mark.parametrize("family", generated())
def test_scores_equal_the_plugins_to_the_last_digit(checkout: Path, family: str) -> None:
    tasks = [task.name for task in tasks_of(FAMILIES[family])]
    model = str(models_dir() / "nano")
    arguments = ("-c", SCORED, ",".join(tasks), model, json.dumps({"seed": 1, **SMALL[family]}))
    theirs, ours = (_scored(run_in(checkout, *arguments, *more)) for more in ((), (str(tasks_dir()),)))
    assert str(checkout) in theirs["file"]
    assert theirs["samples"] == ours["samples"]
    for task in tasks:
        assert len(theirs["samples"][task]) >= 4
        for metric in ("acc,none", "acc_norm,none"):
            assert theirs["results"][task][metric] == ours["results"][task][metric]


def _scored(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    line = next((line for line in result.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, result.stderr[-3000:]
    return dict(json.loads(line.removeprefix("RESULT")))
