"""A study on a machine whose clock jumps, and on one that lets a process open few files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import save_study

pytestmark = pytest.mark.slow
RUN = "from icl_ft_plugin.cli.app import main; main()"
# Every other look at the clock is a day early, and each third two days late.
JUMPS = f"""
import itertools, time
true, jumps = time.time, itertools.cycle([0, -86400, 0, -86400, 0, 172800])
time.time = lambda: true() + next(jumps)
{RUN}
"""
FEW = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, MOST))
{RUN}
"""


def run(program: str, study: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, "study", str(study), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return save_study(tmp_path, arms=["pretrained", "ft", "ft+oracle"], training_seeds=[0])


def test_a_clock_that_jumps_changes_nothing(study: Path, tmp_path: Path) -> None:
    for name, program in (("steady", RUN), ("jumping", JUMPS)):
        done = run(program, study, tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "steady" / "table.csv").read_bytes() == (tmp_path / "jumping" / "table.csv").read_bytes()


@pytest.mark.parametrize("limit", [24, 40, 64, 128])
def test_few_open_files_end_in_one_message_or_not_at_all_and_nothing_is_lost(
    study: Path, tmp_path: Path, limit: int
) -> None:
    done = run(FEW.replace("MOST", str(limit)), study, tmp_path / "run")
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    again = run(RUN, study, tmp_path / "run")
    assert again.returncode == 0, again.stderr
    assert not list((tmp_path / "run" / "cells").glob(".*"))
