"""The pages that lead a reader by the hand, run: every command as it stands, one after the other, in an empty folder.

Commands that need what a test has not (a download, a model of the reader's) are left out by ``LEFT_OUT``; ``test_docs_commands.py`` parses them.
``-s`` prints how long each took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/tutorial.md", "docs/own-documents.md", "docs/symptoms.md"]
BLOCK = re.compile(r"^```(sh|console|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LEFT_OUT = re.compile(
    r"^(git|make) |fetch-model|smollm2|qwen|Qwen/|--model hf .*=runs/ft|check asked|\bDIR\b|STUDY\.yaml"
)


def steps(text: str) -> list[tuple[str, str]]:
    """Return what a page tells its reader to do: a file's name and text, or "sh" or "console" and a command."""
    found = []
    for block in BLOCK.finditer(text):
        language, body = block.groups()
        if language != "yaml":
            found += [(language, command) for command in body.replace("\\\n", " ").splitlines()]
        elif name := re.search(r"`([\w-]+\.yaml)`:\s*$", text[: block.start()]):
            found.append((name[1], body))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1"}
    ran = 0
    fails = ""
    for kind, text in steps((ROOT / page).read_text(encoding="utf-8")):
        if kind not in ("sh", "console"):
            (tmp_path / kind).write_text(text, encoding="utf-8")
            continue
        if kind == "console" and not text.startswith("$ "):  # what the command before it says
            begin = text.removesuffix("...").rstrip(", ")
            assert " ".join(begin.split()) in " ".join(fails.split())
            continue
        if LEFT_OUT.search(text):
            continue
        command = ["bash", "-euo", "pipefail", "-c", text.removeprefix("$ ")]
        start = time.monotonic()
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        print(f"{time.monotonic() - start:.0f} s  {text}")
        fails = done.stderr
        assert done.returncode == (2 if kind == "console" else 0), f"{text}\n{done.stdout[-2000:]}\n{fails[-2000:]}"
        ran += 1
    assert ran >= 3
