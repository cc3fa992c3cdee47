"""Runs ``docs/quickstart.ipynb`` from top to bottom in an empty folder and writes it with its outputs.

``python scripts/quickstart.py`` renews the notebook; ``--out FILE`` writes it elsewhere. Times of execution are left out.
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
    notebook.metadata.language_info = {"name": "python"}  # without the version of Python
    nbformat.write(notebook, options.out)


if __name__ == "__main__":
    main()
