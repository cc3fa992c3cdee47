"""The default suite tries the same cases in every run; `make explore` draws new ones and keeps what fails."""

import os
import re
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

TESTS = Path(__file__).parent
FAILS = """
from hypothesis import given, strategies as st

@given(st.integers(0, 10**9))
def test_fails(n):
    with open("tried.txt", "a") as file:
        print(n, file=file)
    assert n < 1000
"""


def run(folder, *args):
    """Return the cases that the failing test tries in a run under the suite's profiles, in order."""
    (folder / "test_fails.py").write_text(FAILS, encoding="utf-8")
    (folder / "tried.txt").unlink(missing_ok=True)
    plugins = ("-p", "hypothesispytest", "-p", "profiles", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *args, "test_fails.py"]
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    env = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    return (folder / "tried.txt").read_text(encoding="utf-8").split()


def test_the_suite_runs_under_one_of_its_profiles():
    assert settings.get_current_profile_name() in ("fixed", "explore")
    assert settings().deadline is None


def test_no_test_has_a_chance_of_its_own():
    for path in TESTS.glob("*.py"):
        if path.name not in ("profiles.py", Path(__file__).name):
            text = path.read_text(encoding="utf-8")
            assert not re.search(
                r"derandomize|database=|^@(seed|reproduce_failure)\(|_profile\(", text, re.MULTILINE
            ), path


def test_a_default_run_tries_the_same_cases_and_exploring_new_ones_and_what_failed(tmp_path):
    first = run(tmp_path)
    assert run(tmp_path) == first
    explored = run(tmp_path, "--hypothesis-profile", "explore")
    assert explored != first
    assert run(tmp_path, "--hypothesis-profile", "explore")[0] == "1000" != first[0]
    assert run(tmp_path) == first
