"""A family of another package, found by its entry point, is proved, audited, asked, trained and reported like ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import save_study

COMPASS = Path(__file__).parents[1] / "compass"
COMMAND = [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()"]
AUDIT = """
from icl_ft_plugin.families import FAMILIES, generate
from icl_ft_plugin.worlds.audit import audit
from icl_ft_plugin.worlds.baselines import score
world = generate("compass", 1, {"n_facts": 8})
family = FAMILIES["compass"]
documents = [document.text for document in family.oracle(world)]
print({verdict.label for verdict in audit(world, documents)}, score(world, "oracle"))
assert {document.style for document in family.oracle(world)} == set(family.styles)
"""


def installed(folder: Path, points: str = "compass = icl_ft_compass:FAMILY") -> dict[str, str]:
    """Return the environment of a Python in which the package is installed, as pip leaves it there."""
    shutil.copytree(COMPASS / "icl_ft_compass", folder / "icl_ft_compass")
    about = folder / "icl_ft_compass-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: icl-ft-compass\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[icl_ft_plugin.families]\n{points}\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return installed(tmp_path_factory.mktemp("site"))


def run(environment: dict[str, str], *command: str, place: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_worlds_are_built_proved_audited_and_listed(tmp_path: Path, environment: dict[str, str]) -> None:
    build = ["data", "build", "compass", "--set", "n_facts=8", "--arm", "ft", "--arm", "ft+oracle", "--out", "world"]
    built = run(environment, *COMMAND, *build, place=tmp_path)
    assert built == "world: 8 facts, 32 documents, 16 questions, 32 rows of ft, 96 rows of ft+oracle\n"
    proved = run(environment, *COMMAND, "data", "verify", "world", place=tmp_path)
    assert proved == "compass, seed 0: 8 reversal, 8 rephrase: no violations\n"
    assert run(environment, sys.executable, "-c", AUDIT) == "{'entailed'} {'reversal': 1.0, 'rephrase': 1.0}\n"
    listed = json.loads(run(environment, *COMMAND, "tasks", "--family", "compass", "--json"))
    assert {row["task"] for row in listed} == {path.stem for path in COMPASS.rglob("*.yaml")} and len(listed) == 4


@pytest.mark.slow
def test_a_study_of_it_runs_and_reports(tmp_path: Path, environment: dict[str, str]) -> None:
    worlds = [{"family": "compass", "config": {"n_facts": 4, "documents_per_fact": 1}, "seeds": [0]}]
    study = save_study(tmp_path, worlds=worlds, arms=["icl", "ft+oracle"], training_seeds=[0], steps=2)
    run(environment, *COMMAND, "study", str(study), "--out", "runs", place=tmp_path)
    table = json.loads((tmp_path / "runs" / "table.json").read_text(encoding="utf-8"))
    assert "Compass, tiny" in (tmp_path / "runs" / "report.html").read_text(encoding="utf-8")
    assert table


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ("compass = icl_ft_compass:NOTHING", "has no attribute 'NOTHING'"),
        ("compass = icl_ft_compass.generate:CompassConfig", "it is no Family"),
        ("reversal = icl_ft_compass:FAMILY", "not that of the entry point"),
    ],
)
def test_one_that_is_broken_is_a_warning_and_ours_go_on_working(tmp_path: Path, points: str, words: str) -> None:
    code = "from icl_ft_plugin.families import FAMILIES; print(*FAMILIES)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=installed(tmp_path, points))
    assert done.stdout == "reversal syllogism celebrity semantic process codebook own\n"
    assert done.stderr.count("Warning") == 1 and words in done.stderr and "is left out" in done.stderr


def test_others_are_looked_for_only_where_ours_are_not_meant() -> None:
    code = "import sys; from icl_ft_plugin.families import family_of; family_of('reversal')"
    shown = f"{code}; print('importlib.metadata' in sys.modules)"
    assert run({**os.environ}, sys.executable, "-c", shown) == "False\n"
