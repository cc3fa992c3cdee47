"""The oldest and the newest versions of what we depend on, each in an environment of its own, with our wheel.

Run it with ``pytest -m slow tests/test_versions.py``; it takes the releases from the package index (uv does, which has
settings of its own for that: ``UV_INDEX_URL``). Only torch is this environment's release in both: another one would be
a download of gigabytes, and which build of it runs is a matter of the machine.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

ROOT = Path(__file__).parents[1]
TORCH = importlib.metadata.version("torch").partition("+")[0]  # the build, as in +cpu, is pip's choice
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[\w+\])?>=(?P<floor>[\d.]+)$")
TASKS = "icl_ft_reversal_closed,icl_ft_reversal_icl"


def call(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command, return what it printed, and show all of it when it fails."""
    # Without PYTHONPATH, or this checkout would hide the wheel.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**inherited, "HF_HUB_OFFLINE": "1", **env}
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}"
    return result.stdout


@pytest.fixture(scope="module", params=["lowest-direct", "highest"])
def resolved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with those versions in ``venv``."""
    folder = tmp_path_factory.mktemp(request.param)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv/bin/python"
    # pip finds a build of torch where uv, which does not read pip's settings, may not.
    call(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", f"torch=={TORCH}", cwd=folder)
    (folder / "torch.txt").write_text(f"torch=={TORCH}\n")
    install = ["install", "--python", python, "--resolution", request.param, "--override", "torch.txt"]
    # The file's requirements are the direct ones; the wheel's would be those of a dependency.
    what = ["-r", ROOT / "pyproject.toml", next(folder.glob("*.whl"))]
    call(sys.executable, "-m", "uv", "pip", *install, *what, cwd=folder)
    return folder


@pytest.mark.parametrize("resolved", ["lowest-direct"], indirect=True)
def test_the_floors_are_met(resolved: Path) -> None:
    """A floor below what can be installed with the other floors says what nobody has tried."""
    command = ["pip", "list", "--python", resolved / "venv", "--format", "json"]
    listed = call(sys.executable, "-m", "uv", *command, cwd=resolved)
    # uv's notes come before the list, which is one line
    found = {row["name"].replace("-", "_"): row["version"] for row in json.loads(listed.splitlines()[-1])}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    floors = {match["name"].replace("-", "_"): match["floor"] for line in asked if (match := REQUIREMENT.match(line))}
    assert len(floors) == len(asked)
    del floors["torch"]
    assert {name: found[name] for name, floor in floors.items() if _numbers(found[name]) != _numbers(floor)} == {}


def _numbers(version: str) -> list[int]:
    """Return a release's numbers without the zeros at its end: 1.0 is 1.0.0."""
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def test_tasks_scores_and_two_training_steps(resolved: Path, tmp_path: Path) -> None:
    programs = resolved / "venv/bin"
    call(programs / "python", ROOT / "scripts/tiny_checkpoint.py", "tiny", cwd=tmp_path)

    listed = call(programs / "lm_eval", "ls", "tasks", cwd=tmp_path)
    assert {cell.strip() for line in listed.splitlines() for cell in line.split("|")} >= {*TASKS.split(","), "arc_easy"}

    scored = {}
    for model in ("hf", "icl_ft_hf"):
        command = ["--tasks", TASKS, "--model", model, "--model_args", "pretrained=tiny", "--limit", "4"]
        call(programs / "lm_eval", *command, "--device", "cpu", "--output_path", model, cwd=tmp_path)
        [file] = (tmp_path / model).rglob("results_*.json")
        scored[model] = json.loads(file.read_text(encoding="utf-8"))["results"]
    for task in TASKS.split(","):
        stock, ours = (scored[model][task]["mass,none"] for model in ("hf", "icl_ft_hf"))
        assert ours == pytest.approx(stock, abs=1e-4)

    call(programs / "icl-ft", "data", "build", "reversal", "--out", "reversal", "--arm", "ft", cwd=tmp_path)
    training = ["--model", "tiny", "--out", "trained", "--set", "max_steps=2"]
    call(programs / "icl-ft", "train", ROOT / "recipes/reversal/nano.yaml", *training, cwd=tmp_path)
    assert json.loads((tmp_path / "trained/ledger.json").read_text(encoding="utf-8"))["steps"] == 2
