"""Several adapters on one loaded base: each scores as in a run of its own, and the base is itself again afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.harness.adapters import evaluate_each, labels_of
from icl_ft_plugin.paths import models_dir

NANO = models_dir() / "nano"
TASK = "icl_ft_reversal_icl"


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Adapters of random weights; the second one also holds a whole layer of its own."""
    folder, made = tmp_path_factory.mktemp("adapters"), []
    for seed, whole in ((1, None), (2, ["norm"])):
        torch.manual_seed(seed)
        config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, modules_to_save=whole)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(NANO), config)
        made.append(folder / f"seed-{seed}")
        model.save_pretrained(made[-1])
    return made


def run(out: Path, *options: str) -> str:
    command = ["eval", "nano", "--tasks", TASK, "--set", "n_facts=2", "--out", str(out), *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return result.stdout


def answers(folder: Path) -> dict[str, Any]:
    [file] = folder.rglob(f"samples_{TASK}_*.jsonl")
    samples = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {sample["doc"]["id"]: sample["filtered_resps"] for sample in samples}


def test_adapters_that_share_a_base_score_to_the_last_digit_as_each_alone(adapters: list[Path], tmp_path: Path) -> None:
    both = [option for folder in adapters for option in ("--peft", str(folder))]
    output = run(tmp_path / "both", *both)
    assert "seed-1" in output and "seed-2" in output
    for folder in adapters:
        run(tmp_path / folder.name, "--peft", str(folder))
        assert answers(tmp_path / "both" / folder.name) == answers(tmp_path / folder.name)
        [results] = (tmp_path / "both" / folder.name).rglob("results_*.json")
        said = json.loads(results.read_text(encoding="utf-8"))["config"]["model_args"]
        assert said == {"pretrained": str(NANO), "peft": str(folder)}
    assert answers(tmp_path / "seed-1") != answers(tmp_path / "seed-2")


def test_the_base_is_loaded_once_and_comes_back_untouched(adapters: list[Path]) -> None:
    seen: list[tuple[int, list[str]]] = []

    def look(lm: Any, label: str) -> dict[str, Any]:
        weights = {name: value.data_ptr() for name, value in lm.model.named_parameters() if "base_layer" in name}
        seen.append((hash(tuple(sorted(weights.values()))), [label, lm.peft]))
        return {}

    evaluate_each(labels_of([adapters[0], adapters[0].parent / "seed-2"]), look, model_args={"pretrained": str(NANO)})
    assert [labels for _, labels in seen] == [[folder.name, str(folder)] for folder in adapters]
    assert seen[0][0] == seen[1][0]  # the same tensors, not others of the same value


def test_what_is_no_adapter_or_has_anothers_name_is_refused(adapters: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no adapter there"):
        labels_of([tmp_path])
    twin = tmp_path / adapters[0].name
    twin.mkdir()
    (twin / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="has the same name"):
        labels_of([adapters[0], twin])
    command = ["eval", "nano", "--tasks", TASK, "--out", str(tmp_path / "out"), "--apply-chat-template"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "no chat template" in result.stderr
