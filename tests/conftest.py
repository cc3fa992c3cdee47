"""What holds for all tests, and what those that train the tiny model begin with."""

from __future__ import annotations

import signal
from pathlib import Path

import profiles  # noqa: F401 (loads one)
import pytest
from tiny import RECIPE, save_tiny

# A shell that starts pytest in the background has it ignore Ctrl-C, and so the programs that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the tiny model."""
    return str(save_tiny(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The tiny model's recipe."""
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file
