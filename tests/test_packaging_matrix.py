"""The released and the coming lm-eval, each in an environment of its own, with our wheel and our editable install.

Run it with ``pytest -m slow tests/test_packaging_matrix.py``; it takes the releases from the package index. A git
checkout of lm-evaluation-harness joins in when ``ICL_FT_LM_EVAL_CHECKOUT`` names its folder. The environments share
this one's packages (torch and all) but lm-eval and ours.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

ROOT = Path(__file__).parents[1]
RELEASES = ["0.4.12", "0.4.13"]
CHECKOUT = "checkout"
TASKS = {"icl_ft_reversal", "icl_ft_reversal_closed", "icl_ft_reversal_icl"}
NOT_SHARED = ("lm_eval", "__editable__", "icl_ft_plugin", "_icl_ft_plugin")


def call(*command: str | Path, cwd: Path | None = None, **env: str) -> str:
    """Run a command, return what it printed, and show all of it when it fails."""
    # Without PYTHONPATH, or the checkout would be importable without being installed.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**inherited, "HF_HUB_OFFLINE": "1", **env}
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}"
    return result.stdout


class Environment:
    """A virtual environment with everything that this one has but lm-eval and our package."""

    def __init__(self, folder: Path, shared: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin/python"
        self.site = next(folder.glob("lib/python*/site-packages"))
        # A plain path and last in the order: its own startup files do not run, and what is installed here wins.
        (self.site / "zz_shared.pth").write_text(f"{shared}\n")

    def pip(self, *arguments: str | Path) -> None:
        call(sys.executable, "-m", "pip", "--python", self.python, "--quiet", *arguments)

    def install(self, *what: str | Path) -> None:
        self.pip("install", "--no-deps", "--no-build-isolation", *what)

    def files(self) -> set[str]:
        """Return all that an uninstallation could leave behind; lm-eval's compiled files come and go by themselves."""
        found = (path.relative_to(self.python.parents[1]) for path in self.python.parents[1].rglob("*"))
        return {str(path) for path in found if not ("lm_eval" in path.parts and "__pycache__" in path.parts)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "site-packages"  # dill pickles what lies elsewhere by value
    folder.mkdir()
    for entry in Path(str(importlib.metadata.distribution("torch").locate_file(""))).iterdir():
        if entry.suffix != ".pth" and not entry.name.startswith(NOT_SHARED):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout, so that builds leave nothing in it."""
    unwanted = shutil.ignore_patterns(".*", "runs", "build", "dist", "__pycache__")
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("tree") / "icl-ft", ignore=unwanted))


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel by way of the sdist, as a release is."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    call(sys.executable, ROOT / "scripts/tiny_checkpoint.py", folder, PYTHONPATH=str(ROOT / "src"))
    return folder


@pytest.fixture(params=[*RELEASES, CHECKOUT])
def environment(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Environment:
    made = Environment(tmp_path / "venv", shared)
    if request.param != CHECKOUT:
        made.install(f"lm-eval=={request.param}")
        return made
    if "ICL_FT_LM_EVAL_CHECKOUT" not in os.environ:
        pytest.skip("ICL_FT_LM_EVAL_CHECKOUT names no checkout of lm-evaluation-harness")
    source = Path(os.environ["ICL_FT_LM_EVAL_CHECKOUT"])
    copy = shutil.copytree(source, tmp_path / "harness", ignore=shutil.ignore_patterns(".git"))
    made.install("-e", copy)
    return made


NAMED_TOO = """
from lm_eval.tasks import TaskManager
from icl_ft_plugin.paths import tasks_dir
assert "icl_ft_reversal" in TaskManager(include_path=tasks_dir(), include_defaults=False).all_tasks
print("indexed")
"""
TARGET = """
import icl_ft_plugin, lm_eval.tasks, lm_eval.models
from lm_eval.api.registry import get_model
icl_ft_plugin.register()
assert "icl_ft_reversal" in lm_eval.tasks.TaskManager().all_tasks
assert get_model("icl_ft_hf").__name__ == "PrefixLM"
print("registered")
"""
IN_PROCESS = """
import lm_eval
from lm_eval.tasks import TaskManager
manager = TaskManager(include_defaults=False)
assert manager.all_tasks and all(name.startswith("icl_ft") for name in manager.all_tasks), manager.all_tasks
results = lm_eval.simple_evaluate(
    model="icl_ft_hf", model_args="pretrained={checkpoint}", tasks=["icl_ft_reversal"], limit=2, device="cpu"
)
print(*results["results"])
"""


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_lm_eval_finds_the_tasks(
    environment: Environment, editable: bool, tree: Path, wheel: Path, checkpoint: Path, tmp_path: Path
) -> None:
    before = environment.files()
    if editable:
        environment.pip("install", "--no-deps", "-e", tree)
    else:
        environment.install(wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    lm_eval = environment.python.with_name("lm_eval")

    listed = call(lm_eval, "ls", "tasks", cwd=elsewhere)
    assert {cell.strip() for line in listed.splitlines() for cell in line.split("|")} >= {*TASKS, "arc_easy"}
    assert "Warning" not in listed

    command = ["--tasks", "icl_ft_reversal", "--model", "hf", "--model_args", f"pretrained={checkpoint}"]
    table = call(lm_eval, *command, cwd=elsewhere)
    assert "icl_ft_reversal_icl" in table

    named = call(environment.python, "-c", NAMED_TOO, cwd=elsewhere)
    assert named == "indexed\n"  # lm-eval warns of a task that it finds a second time

    results = call(environment.python, "-c", IN_PROCESS.format(checkpoint=checkpoint), cwd=elsewhere)
    assert set(results.splitlines()[-1].split()) >= TASKS

    environment.pip("uninstall", "--yes", "icl-ft-plugin")
    assert environment.files() - before == set()
    assert call(environment.python, "-c", "import lm_eval.tasks, lm_eval.models", cwd=elsewhere) == ""


def test_register_where_no_startup_file_runs(environment: Environment, wheel: Path, tmp_path: Path) -> None:
    """A folder of ``pip install --target`` gets there by PYTHONPATH, of which ``site`` runs no ``.pth``."""
    environment.pip("install", "--no-deps", "--target", tmp_path / "target", wheel)
    ours = str(tmp_path / "target")
    assert call(environment.python, "-c", TARGET, cwd=tmp_path, PYTHONPATH=ours) == "registered\n"
    site = os.pathsep.join([ours, str(environment.site), (environment.site / "zz_shared.pth").read_text().strip()])
    assert call(environment.python, "-S", "-c", TARGET, cwd=tmp_path, PYTHONPATH=site) == "registered\n"
