"""Augmentation by a real HTTP server that speaks OpenAI's protocol: ``transformers serve`` with the embedded model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import transformers_serve
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.paths import models_dir

pytestmark = pytest.mark.slow
NANO = models_dir() / "nano"
SECRET = "sk-5e7c1"
PLAIN = f"model={NANO},base_url={{server}}/v1/completions,tokenizer={NANO},tokenized_requests=False,max_retries=1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(NANO, tmp_path_factory.mktemp("server")) as address:
        yield address


def augment(out: Path, *model: str) -> None:
    arguments = ["reversal", "--set", "n_facts=2", "--set", "documents_per_fact=2", "--strategy", "local"]
    result = CliRunner().invoke(app, ["augment", *arguments, "--prompt", "nano-local", "--out", str(out), *model])
    assert result.exit_code == 0, result.output


def test_a_server_writes_what_the_same_model_writes_in_this_process(server: str, tmp_path: Path) -> None:
    arguments = (
        f"model={NANO},base_url={server}/v1/completions,tokenizer={NANO},tokenized_requests=False,max_length=4096"
    )
    augment(tmp_path / "server", "--model", "local-completions", "--model_args", arguments)
    augment(tmp_path / "here", "--model_args", f"pretrained={NANO},dtype=float32")  # as it is served
    texts, same = ([row["text"] for row in read_jsonl(tmp_path / name / "corpus.jsonl")] for name in ("server", "here"))
    assert texts == same and len(texts) == 48
    info = json.loads((tmp_path / "server" / "augmentation.json").read_text())
    assert info["strategies"]["local"]["tokens"]["generated"] > 40


def test_a_server_that_refuses_is_quoted(server: str, tmp_path: Path) -> None:
    # This server takes no list of prompts, which a larger batch sends.
    arguments = f"model={NANO},base_url={server}/v1/completions,tokenizer={NANO},tokenized_requests=False,max_retries=1"
    command = ["augment", "reversal", "--set", "n_facts=2", "--strategy", "local", "--prompt", "nano-local"]
    options = ["--model", "local-completions", "--batch-size", "4", "--attempts", "1", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, *options, "--model_args", arguments])
    assert result.exit_code == 2 and "prompt must be a string" in result.stderr
    assert "local generations are missing" in result.stderr


def run_with_secrets(server: str, folder: Path, *options: str) -> str:
    """Augment with a key among the model's arguments, in an address and in the environment; return all that was printed."""
    address = server.replace("http://", f"http://me:{SECRET}-user@")
    arguments = (
        f"model={NANO},base_url={address}/v1/completions,tokenizer={NANO},tokenized_requests=False,max_retries=1"
    )
    command = ["augment", "reversal", "--set", "n_facts=2", "--strategy", "local", "--prompt", "nano-local"]
    command += ["--model", "local-completions", "--out", str(folder / "out"), "--attempts", "1", *options]
    command += ["--model_args", f"{arguments},api_key={SECRET}-argument,auth_token={SECRET}-token"]
    done = subprocess.run(
        [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENAI_API_KEY": f"{SECRET}-environment", "LOGLEVEL": "DEBUG"},
        check=False,
    )
    return f"{done.stdout}{done.stderr}exit {done.returncode}"


def test_no_secret_is_stored_hashed_or_printed(server: str, tmp_path: Path) -> None:
    said = run_with_secrets(server, tmp_path)
    assert said.endswith("exit 0"), said
    refused = run_with_secrets(server, tmp_path / "refused", "--batch-size", "4")  # no list of prompts for this server
    assert refused.endswith("exit 2") and "prompt must be a string" in refused
    assert SECRET not in said + refused
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"augmentation.json", "journal.jsonl", "corpus.jsonl"} <= {path.name for path in files}
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
    augment(tmp_path / "without", "--model", "local-completions", "--model_args", PLAIN.format(server=server))
    with_key, without = (
        json.loads((tmp_path / name / "augmentation.json").read_text())["model"]["model_args"].keys()
        for name in ("out", "without")
    )
    assert with_key == without  # nor do the keys stand there
