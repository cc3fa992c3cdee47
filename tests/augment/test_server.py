"""Augmentation by a real HTTP server that speaks OpenAI's protocol: ``transformers serve`` with the embedded model."""

from __future__ import annotations

import json
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
    augment(tmp_path / "here", "--model_args", f"pretrained={NANO}")
    texts, same = ([row["text"] for row in read_jsonl(tmp_path / name / "corpus.jsonl")] for name in ("server", "here"))
    assert texts == same and len(texts) == 8
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
