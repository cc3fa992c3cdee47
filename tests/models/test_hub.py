"""A model by its Hub id, from a small Hub on 127.0.0.1, by the client that users have and its own variables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_hub import COMMIT, NAME, Hub, serving

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.models.find import find_model, folder_hash, label_of
from icl_ft_plugin.models.hub import parsed
from icl_ft_plugin.paths import called, models_dir

NANO = models_dir() / "nano"
ASK = """
import sys
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.models.find import find_model, folder_hash
for word in sys.argv[1:]:
    name, _, without = word.partition("#")
    try:
        path = find_model(name, weights=not without)
        print("found", path, folder_hash(path))
    except UsageError as error:
        print("error", " ".join(str(error).split()))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(NANO) as served:
        yield served


def ask(hub: Hub, home: Path, *names: str, **variables: str) -> list[list[str]]:
    """Find models by their names in a process of its own; return the words of each answer."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **variables}
    run = subprocess.run([sys.executable, "-c", ASK, *names], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [line.split(" ", 2 if line.startswith("found") else 1) for line in run.stdout.splitlines()]


def test_first_the_words_then_the_weights_and_the_same_identity(hub: Hub, tmp_path: Path) -> None:
    [(_, folder, planned)] = ask(hub, tmp_path, f"{NAME}#words")
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
        ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
    )  # no weights, no pickle, nothing of the folders below
    hub.breaks = 1
    (_, whole, digest), by_commit, wrong = ask(hub, tmp_path, NAME, f"{NAME}@{COMMIT}", f"{NAME}@nope")
    assert (whole, digest) == (folder, planned)
    assert by_commit == ["found", folder, digest]
    assert "there is no revision 'nope' of someone/tiny-model" in wrong[1]
    ranges = [asked for _, path, asked in hub.asked if path.endswith("model.safetensors")]
    assert "bytes=10485760-" in ranges  # went on where the connection had broken off
    assert (Path(folder) / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert not any(path.endswith((".bin", "consolidated.safetensors")) for _, path, _ in hub.asked)
    hub.asked.clear()
    found, unknown = ask(hub, tmp_path, NAME, "someone/else", HF_HUB_OFFLINE="1")
    assert found == ["found", folder, digest]
    assert "set HF_HUB_OFFLINE=0, or name a folder" in unknown[1]
    assert hub.asked == []
    assert called(folder) == f"{NAME}@{COMMIT}"
    assert folder_hash(NANO) != digest  # that it is the Hub's is part of what it is


def test_a_download_that_failed_keeps_what_is_whole(hub: Hub, tmp_path: Path) -> None:
    hub.failing = True
    [(kind, told)] = ask(hub, tmp_path, NAME)
    assert kind == "error"
    assert "500" in told and "start again" in told and "HF_ENDPOINT" in told
    hub.failing = False
    hub.asked.clear()
    [found] = ask(hub, tmp_path, NAME)
    assert found[0] == "found"
    got = {path.rpartition("/")[2] for method, path, _ in hub.asked if method == "GET" and "/resolve/" in path}
    assert "model.safetensors" in got and "tokenizer.json" not in got


def test_what_is_not_to_be_had_says_why(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    gated, private = ask(hub, tmp_path, NAME, "someone/else")
    assert f"Access to model {NAME} is restricted" in gated[1]
    assert "hf auth login" in gated[1]
    assert "no such model, or a private one" in private[1]
    hub.gated = False
    for name in [name for name in hub.files if name.endswith(".safetensors")]:
        del hub.files[name]
    [pickles] = ask(hub, tmp_path / "another", NAME)
    assert "holds no *.safetensors" in pickles[1]


def test_names() -> None:
    assert parsed("Qwen/Qwen3-4B@refs/pr/1") == ("Qwen/Qwen3-4B", "refs/pr/1")
    assert parsed("gpt2") == ("gpt2", None)
    assert not any(map(parsed, ("./runs/ft", "/models/x", "a/b/c", "../x", "~/x", "a b", "")))
    assert label_of("Qwen/Qwen3-4B@main") == "Qwen3-4B"
    for name in ("nanoo", "./runs/ft", "runs/demo/checkpoints"):  # no network is asked for these
        with pytest.raises(UsageError, match=r"is no folder of a checkpoint"):
            find_model(name)
