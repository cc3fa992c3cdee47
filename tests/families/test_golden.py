import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden.record import FOLDER, golden

FILES = sorted(FOLDER.glob("*.json"))


def test_there_are_golden_files():
    assert {"reversal", "syllogism", "celebrity"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_default_worlds_have_not_changed(path):
    """If this is meant: ``python tests/golden/record.py``, and a line in the changelog."""
    assert golden(path.stem) == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_another_process_makes_the_same_bytes(path):
    """String hashing differs from process to process: an order taken from a set would show here."""
    code = f"from icl_ft_plugin.families import generate; print(generate({path.stem!r}, 0).hash)"
    recorded = json.loads(path.read_text(encoding="utf-8"))["hash"]
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
        assert out.stdout.strip() == recorded


def test_the_script_records_where_the_test_reads():
    assert Path(__file__).parents[1] / "golden" == FOLDER
