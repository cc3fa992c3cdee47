"""A study whose answers and augmentations a real server writes (``transformers serve``), the trained checkpoint too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from serving import transformers_serve
from tiny_study import save_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.study.schema import StudyConfig

pytestmark = pytest.mark.slow
WORLDS = [{"family": "reversal", "config": {"n_facts": 3, "documents_per_fact": 1}, "splits": ["reversal"]}]


def study_of(folder: Path, server: str | None, trained: str = "ft+local") -> StudyConfig:
    arguments = {
        "base_url": f"{server}/v1/completions",
        "tokenized_requests": False,
        "max_length": 4096,
        "max_retries": 1,
    }
    engine: dict[str, Any] = {"engine": "local-completions", "engine_args": arguments} if server else {}
    more: dict[str, Any] = {"arms": ["icl", trained], "worlds": WORLDS, "training_seeds": [0], "steps": 4}
    # Loaded as the server loads it.
    entry = {"pretrained": "nano", "dtype": "float32", **engine}
    return load_study(save_study(folder, models=[entry], answers="written", **more))


def written(study: StudyConfig, out: Path) -> dict[str, list[str]]:
    found = {}
    for cell in plan(study):
        files = (out / "cells" / cell.key).rglob("samples_*.jsonl")
        found[cell.arm.name] = [row["filtered_resps"][0] for file in files for row in read_jsonl(file)]
    for file in out.glob("augmentations/*/corpus.jsonl"):
        found["local"] = [row["text"] for row in read_jsonl(file)]
    return found


def test_a_server_writes_what_the_same_weights_write_in_this_process(tmp_path: Path) -> None:
    here = study_of(tmp_path / "here", None)
    run_study(here, tmp_path / "here/out")
    (tmp_path / "server").mkdir()
    with transformers_serve(None, tmp_path / "server") as server:
        there = study_of(tmp_path / "there", server)
        assert all(cell.engine for cell in plan(there))
        run_study(there, tmp_path / "there/out")
    texts = written(there, tmp_path / "there/out")
    assert texts == written(here, tmp_path / "here/out")
    assert len(texts["local"]) > 1 and len(texts["ft+local"]) == 3 and texts["icl"] != texts["ft+local"]


def test_a_server_that_was_started_with_a_model_refuses_others_and_is_quoted(tmp_path: Path) -> None:
    folder = save_study(tmp_path / "study").parent
    (tmp_path / "server").mkdir()
    with (
        transformers_serve(folder / "tiny", tmp_path / "server") as server,
        pytest.raises(UsageError, match=r"did not answer: HTTPError.*Server is pinned to"),
    ):
        run_study(study_of(tmp_path / "there", server, "ft"), tmp_path / "out")
