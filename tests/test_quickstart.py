"""The notebook: its outputs are those of one run from top to bottom, and it runs again to the same rows and figure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def code(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shown(cell: dict[str, Any], kind: str) -> str:
    """Return what a cell shows of a MIME type, as text."""
    data = [output.get("data", {}).get(kind, "") for output in cell["outputs"]]
    return "".join("".join(part) for part in data)


def rows(table: str) -> list[str]:
    """Return the first cell of each row of the tables of a text."""
    return [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]


def check(notebook: dict[str, Any]) -> None:
    cells = code(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["outputs"] for cell in cells)
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    [table] = [found for cell in cells if (found := rows(shown(cell, "text/markdown")))]
    assert {"pretrained", "icl", "ft", "ft+oracle"} <= set(table)
    [figure] = [found for cell in cells if (found := shown(cell, "image/svg+xml"))]
    assert "<svg" in figure and "ft+oracle" in figure


def test_the_outputs_in_the_repository_are_those_of_a_run() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    check(json.loads(text))
    assert str(Path.home()) not in text and "Traceback" not in text and len(text) < 200_000


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package)
    command = [sys.executable, str(ROOT / "scripts" / "quickstart.py"), "--out", str(tmp_path / "run.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    recorded, notebook = (json.loads(file.read_text("utf-8")) for file in (NOTEBOOK, tmp_path / "run.ipynb"))
    check(notebook)
    assert [cell["source"] for cell in notebook["cells"]] == [cell["source"] for cell in recorded["cells"]]
    tables = [[rows(shown(cell, "text/markdown")) for cell in code(run)] for run in (notebook, recorded)]
    assert tables[0] == tables[1]
