"""A model of a study is an entry: how it is asked is part of a cell's key where it changes numbers, and is what it is asked with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grouped import each
from small_hub import NAME, serving
from tiny_study import save_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

WORLDS = [{"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 1}, "splits": ["reversal"]}]
Planned = Callable[..., list[Cell]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model and its recipe."""
    return save_study(tmp_path_factory.mktemp("study")).parent


@pytest.fixture(scope="module")
def planned(folder: Path) -> Planned:
    def cells(*entries: Any, arms: tuple[str, ...] = ("icl", "ft")) -> list[Cell]:
        more: dict[str, Any] = {"arms": list(arms), "worlds": WORLDS, "training_seeds": [0]}
        named = [
            entry if isinstance(entry, str) else {"pretrained": str(folder / "tiny"), **entry} for entry in entries
        ]
        return plan(load_study(save_study(folder, models=named, **more)))

    return cells


def keys(cells: list[Cell]) -> list[str]:
    return [cell.key for cell in cells]


def test_what_changes_numbers_is_part_of_the_key(planned: Planned, folder: Path) -> None:
    plain = keys(planned(str(folder / "tiny")))
    assert keys(planned({"name": "other"})) == plain  # what a model is called is not
    assert keys(planned({"model_args": {"device_map": "cpu"}})) == plain  # nor where it lies
    for entry in ({"dtype": "bfloat16"}, {"model_args": {"attn_implementation": "eager"}}):
        cells = planned(entry)
        assert not set(keys(cells)) & set(plain)
        assert cells[1].training_key == planned({})[1].training_key  # a training is by its recipe
    assert keys(planned({"dtype": "float32"})) == keys(planned({"model_args": {"dtype": "float32"}}))
    assert planned({"dtype": "float32"}, arms=("ft+local",))[0].writings != planned({}, arms=("ft+local",))[0].writings


def test_names_recipes_and_templates_of_an_entry(planned: Planned, folder: Path) -> None:
    (folder / "own.yaml").write_text((folder / "recipe.yaml").read_text(encoding="utf-8").replace("3.0e-2", "4.0e-2"))
    chat = shutil.copytree(folder / "tiny", folder / "chat", dirs_exist_ok=True)
    (chat / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
    own = {"name": "own", "recipe": str(folder / "own.yaml")}
    cells = planned({}, own, {"name": "talks", "pretrained": str(chat), "chat_template": True}, arms=("ft",))
    rates = {(cell.labels.model, cell.training.recipe.values["learning_rate"]) for cell in cells if cell.training}
    assert rates == {("tiny", 0.03), ("own", 0.04), ("talks", 0.03)}
    assert {cell.labels.model: cell.arm.chat_template for cell in cells} == {"tiny": False, "own": False, "talks": True}


@each(
    "case",
    [
        ({"dtpye": "float32"}, ["dtpye", "did you mean 'dtype'"]),
        ({"dtype": "float8"}, ["models[0].dtype", "float8", "bfloat16"]),
        ({"dtype": "float32", "model_args": {"dtype": "float16"}}, ["dtype stands beside model_args"]),
        ({"revision": "main"}, ["revision: 'main'", "only a model of the Hub"]),
        ({"model_args": {"trust_remote_cod": True}}, ["trust_remote_cod", "did you mean 'trust_remote_code'"]),
        ({"model_args": {"batch_size": 4}}, ["model_args.batch_size", "the study decides it"]),
        ({"model_args": {"token": "hf_abcdefgh"}}, ["token", "is a secret"]),
        ({"model_args": {"gguf_file": "x.gguf"}}, ["gguf_file: 'x.gguf' is not there"]),
        ({"chat_template": True}, ["has no chat template"]),
        ({"recipe": "no/recipe"}, ["no/recipe"]),
        ({"pretrained": ""}, ["models[0].pretrained"]),
    ],
)
def test_an_entry_that_cannot_be_used_says_why(planned: Planned, case: tuple[dict[str, Any], list[str]]) -> None:
    entry, words = case
    with pytest.raises(UsageError) as refused:
        planned(entry)
    for word in words:
        assert word in str(refused.value)
    assert "hf_abcdefgh" not in str(refused.value)


def test_a_model_is_asked_as_its_entry_says(folder: Path, tmp_path: Path) -> None:
    entry = {"name": "eager", "pretrained": str(folder / "tiny"), "dtype": "float64"}
    entry["model_args"] = {"attn_implementation": "eager"}  # type: ignore[assignment]
    arms: dict[str, Any] = {"arms": ["pretrained", "ft"], "worlds": WORLDS, "training_seeds": [0], "steps": 1}
    study = load_study(save_study(tmp_path, models=[entry], **arms))
    run_study(study, tmp_path / "out")
    for cell in plan(study):
        (file,) = (tmp_path / "out/cells" / cell.key).rglob("results_*.json")
        config = json.loads(file.read_text(encoding="utf-8"))["config"]
        assert config["model_dtype"] == "torch.float64"
        assert config["model_args"]["attn_implementation"] == "eager"
    ledger = json.loads((tmp_path / "out/cells" / cell.key / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["training"]["model"] == str(folder / "tiny")


@pytest.mark.slow
def test_a_study_of_a_hub_model_is_planned_without_its_weights(folder: Path, tmp_path: Path) -> None:
    """And its adapter names the model by its id and commit."""
    arms: dict[str, Any] = {
        "arms": ["ft"],
        "worlds": WORLDS,
        "training_seeds": [0],
        "keep_checkpoints": True,
        "steps": 1,
    }
    lora = {"use_peft": True, "lora_target_modules": ["all-linear"]}
    study = save_study(tmp_path, models=[f"{NAME}@main"], recipe_overrides=lora, **arms)
    code = "from icl_ft_plugin.cli.app import main; main()"
    with serving(folder / "tiny") as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}

        def run(*more: str) -> str:
            command = [sys.executable, "-c", code, "study", str(study), *more]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        key = run("--dry-run").split()[0]
        assert not any(path.endswith(".safetensors") for _, path, _ in hub.asked)
        table = run("--out", str(tmp_path / "out"))
        assert any(path.endswith("model.safetensors") for _, path, _ in hub.asked)
        commit = hub.commit
    assert "tiny-model" in table
    assert (tmp_path / "out/cells" / key).is_dir()
    (adapter,) = (tmp_path / "out/checkpoints").glob("*/adapter_config.json")
    config = json.loads(adapter.read_text(encoding="utf-8"))
    assert (config["base_model_name_or_path"], config["revision"]) == (NAME, commit)
    assert json.loads((adapter.parent / "ledger.json").read_text(encoding="utf-8"))["model"] == f"{NAME}@{commit}"
