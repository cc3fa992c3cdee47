"""Runs ``docs/quickstart.ipynb`` from top to bottom in an empty folder and writes it with its outputs.

``python scripts/quickstart.py`` renews the notebook; ``--out FILE`` writes it elsewhere. Progress bars and
times of execution are left out, and the plain text of what is shown as a table or a figure.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "quickstart.ipynb"


def shown(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave of the outputs what a reader looks at."""
    for cell in notebook.cells:
        outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        for output in outputs:
            if len(output.get("data", {})) > 1:
                del output.data["text/plain"]
        if "outputs" in cell:
            cell.outputs = outputs
    notebook.metadata.language_info = {"name": "python"}  # without the version of Python
    return notebook


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=NOTEBOOK)
    options = parser.parse_args()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where icl-ft is
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1800, kernel_name="python3", record_timing=False, resources=place).execute()
    nbformat.write(shown(notebook), options.out)


if __name__ == "__main__":
    main()
