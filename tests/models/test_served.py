"""lm-eval against a real server that speaks OpenAI's protocol: ``transformers serve`` with the embedded model.

It gives no log-probabilities, so only written answers can be scored. The copy that is served has a chat template that adds
nothing to a single turn: the server must write what the same model writes in this process for the same prompt.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import transformers_serve

from icl_ft_plugin.harness.evaluate import evaluate
from icl_ft_plugin.models.find import check_chat_template
from icl_ft_plugin.paths import models_dir, tasks_dir

pytestmark = pytest.mark.slow
TASKS = ["icl_ft_reversal_gen_icl", "icl_ft_reversal_gen_options_entity_icl"]
METADATA = {"n_facts": 6, "prompt": "plain"}
LIMIT = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "nano-chat"
    shutil.copytree(models_dir() / "nano", folder)
    (folder / "chat_template.jinja").write_text("{% for turn in messages %}{{ turn['content'] }}{% endfor %}")
    check_chat_template(folder)
    return folder


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(model, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def here(model: Path) -> dict[str, Any]:
    arguments = {"pretrained": str(model), "dtype": "float32"}
    samples: dict[str, Any] = evaluate(TASKS, model_args=arguments, metadata=METADATA, limit=LIMIT)["samples"]
    return samples


@pytest.mark.parametrize(
    ("kind", "place", "arguments", "options"),
    [
        ("local-chat-completions", "chat/completions", "", ["--apply_chat_template"]),
        ("local-completions", "completions", ",tokenizer={model},tokenized_requests=False", []),
    ],
)
def test_a_server_writes_the_same_answers(
    kind: str, place: str, arguments: str, options: list[str], server: str, model: Path, here: Any, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "lm_eval", "run", "--model", kind, *options, "--limit", str(LIMIT)]
    command += ["--model_args", f"model={model},base_url={server}/v1/{place}" + arguments.format(model=model)]
    command += ["--tasks", ",".join(TASKS), "--metadata", json.dumps(METADATA), "--include_path", str(tasks_dir())]
    command += ["--output_path", str(tmp_path), "--log_samples"]
    done = subprocess.run(
        command,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for task in TASKS:
        [file] = tmp_path.rglob(f"samples_{task}_2*.jsonl")
        samples = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert len(samples) == len(here[task]) == LIMIT
        for there, mine in zip(samples, here[task], strict=True):
            first, second = (sample["filtered_resps"][0].split("\n")[0] for sample in (there, mine))
            assert first == second != ""
            assert there["exact_match"] == mine["exact_match"]
            assert "[context: " in json.dumps(there["arguments"])  # the log does not repeat the documents
    assert any(sample["exact_match"] for sample in here[TASKS[0]])
