"""What holds for all tests, and what those that train the tiny model begin with."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from tiny import RECIPE, save_tiny

# A shell that starts pytest in the background has it ignore Ctrl-C, and so the programs that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The default suite tries the same cases in every run, and no clock decides. New cases are drawn by `make explore`, which
# names the other profile; it first tries again what it saw fail, kept in a folder of the directory it runs in.
settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    settings.get_profile("fixed"),
    derandomize=False,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
)
settings.load_profile("fixed")


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
