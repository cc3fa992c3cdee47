"""What must hold on an accelerator: scores, memory, training in one process and by ``accelerate launch``, studies.

Run: ``pytest -m gpu``. One NVIDIA GPU is enough; what several of them share is tested where there are several.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from prefix_models import WAY, instances, text, tiny_model, tiny_tokenizer, token_requests
from tiny import RECIPE, ROWS
from tiny_study import COMMAND, save_study
from training.test_train import largest_difference, weights

from icl_ft_plugin.prefix.lm import PrefixLM
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.training import launch as finetune_launch
from icl_ft_plugin.training import train as finetune
from icl_ft_plugin.training.recipes import recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
TOKENIZER = tiny_tokenizer()
ON_GPU = RECIPE.replace("use_cpu: true", "use_cpu: false")


@pytest.fixture
def given(tmp_path: Path) -> recipe.Recipe:
    (tmp_path / "tiny.yaml").write_text(ON_GPU, encoding="utf-8")
    return recipe.load(tmp_path / "tiny.yaml")


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "gemma3", "lfm2", "qwen3_next"])
def test_scores_are_stocks(name: str) -> None:
    on_gpu = tiny_model(name).to("cuda")
    requests = token_requests(random.Random(1), [150, 60], 12)
    ours = PrefixLM(pretrained=on_gpu, tokenizer=TOKENIZER, pass_tokens=64)
    wanted = HFLM(pretrained=on_gpu, tokenizer=TOKENIZER)._loglikelihood_tokens(requests, disable_tqdm=True)
    found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert ours.sharing == WAY[name]
    assert ours.prefix_stats["computed_tokens"] < ours.prefix_stats["stock_tokens"]
    assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted], abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in wanted]


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_scores_in_bfloat16_are_within_its_rounding(name: str) -> None:
    on_gpu = tiny_model(name).to("cuda", torch.bfloat16)
    requests = token_requests(random.Random(2), [150, 60], 12)
    ours = PrefixLM(pretrained=on_gpu, tokenizer=TOKENIZER)
    wanted = HFLM(pretrained=on_gpu, tokenizer=TOKENIZER)._loglikelihood_tokens(requests, disable_tqdm=True)
    found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    assert ours.sharing == WAY[name]
    apart = [abs(a - b) for (a, _), (b, _) in zip(found, wanted, strict=True)]
    assert max(apart) < 0.5
    assert sum(apart) / len(apart) < 0.1


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_greedy_generation_is_stocks(name: str) -> None:
    on_gpu = tiny_model(name).to("cuda")
    rng = random.Random(3)
    shared = text(rng, 60)
    asked = [
        (f"{shared} {text(rng, n)}", {"until": ["w5"], "max_gen_toks": 12, "do_sample": False}) for n in range(1, 8)
    ]
    made = instances("generate_until", asked)
    wanted = HFLM(pretrained=on_gpu, tokenizer=TOKENIZER, batch_size=4).generate_until(made, disable_tqdm=True)
    ours = PrefixLM(pretrained=on_gpu, tokenizer=TOKENIZER, batch_size=4)
    assert ours.generate_until(made, disable_tqdm=True) == wanted


def test_when_memory_runs_out_passes_are_halved(caplog: pytest.LogCaptureFixture) -> None:
    """A pack of 4,096 tokens needs masks and logits of some hundred MB; the process may have 48 more than it holds."""
    on_gpu = tiny_model("llama", max_position_embeddings=8192, vocab_size=20_000).to("cuda")
    requests = token_requests(random.Random(4), [3000], 200)
    wanted = HFLM(pretrained=on_gpu, tokenizer=TOKENIZER, max_length=8192)._loglikelihood_tokens(
        requests[:20], disable_tqdm=True
    )
    ours = PrefixLM(pretrained=on_gpu, tokenizer=TOKENIZER, max_length=8192, pass_tokens=4096, pass_bytes=10**12)
    ours._way(requests[0][1])
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 48 * 2**20) / total)
    try:
        found = ours._loglikelihood_tokens(requests, disable_tqdm=True)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory: scoring again" in caplog.text
    assert [score for score, _ in found[:20]] == pytest.approx([score for score, _ in wanted], abs=1e-3)


def test_training_says_where_it_ran_and_resembles_that_on_a_cpu(
    model: str, given: recipe.Recipe, tmp_path: Path
) -> None:
    made = finetune.train(model=model, rows=ROWS, recipe=given, output=tmp_path / "gpu")
    other = recipe.load(given.path, {"use_cpu": True})
    on_cpu = finetune.train(model=model, rows=ROWS, recipe=other, output=tmp_path / "cpu")
    assert made.device == torch.cuda.get_device_name()
    assert "cpu" in on_cpu.device
    assert [loss for _, loss in made.losses] == pytest.approx([loss for _, loss in on_cpu.losses], rel=1e-3)
    assert made.tokens == on_cpu.tokens
    assert largest_difference(tmp_path / "gpu", Path(model)) > 1e-2


def test_training_again_gives_the_same_bytes(model: str, given: recipe.Recipe, tmp_path: Path) -> None:
    for name in ("a", "b"):
        finetune.train(model=model, rows=ROWS, recipe=recipe.load(given.path, {"bf16": True}), output=tmp_path / name)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
@pytest.mark.parametrize("processes", [1, 2])
def test_launched_training_is_that_of_one_process(
    model: str, given: recipe.Recipe, tmp_path: Path, name: str, processes: int
) -> None:
    if processes > torch.cuda.device_count():
        pytest.skip(f"needs {processes} GPUs")
    launch: dict[str, Any] = {**finetune_launch.launch_config(name), "num_processes": processes}
    one = finetune.train(model=model, rows=ROWS, recipe=given, output=tmp_path / "one")
    many = finetune_launch.train(model=model, rows=ROWS, recipe=given, launch=launch, output=tmp_path / "many")
    assert weights(tmp_path / "many").keys() == weights(tmp_path / "one").keys()
    assert largest_difference(tmp_path / "one", tmp_path / "many") < 1e-4
    assert largest_difference(tmp_path / "one", Path(model)) > 1e-2
    for key in ("steps", "batch_size", "tokens", "target_tokens", "trained_parameters", "device"):
        assert getattr(many, key) == getattr(one, key), key
    assert {path.name for path in (tmp_path / "many").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_a_launched_adapter_is_that_of_one_process(model: str, given: recipe.Recipe, tmp_path: Path, name: str) -> None:
    launch: dict[str, Any] = {**finetune_launch.launch_config(name), "num_processes": 1}
    lora = recipe.load(given.path, {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj", "v_proj"]})
    one = finetune.train(model=model, rows=ROWS, recipe=lora, output=tmp_path / "one")
    many = finetune_launch.train(model=model, rows=ROWS, recipe=lora, launch=launch, output=tmp_path / "many")
    assert weights(tmp_path / "many").keys() == weights(tmp_path / "one").keys()
    assert largest_difference(tmp_path / "one", tmp_path / "many") < 1e-4
    assert many.trained_parameters == one.trained_parameters


def test_workers_share_a_gpu_and_give_the_tables_of_one_process(tmp_path: Path) -> None:
    file = save_study(tmp_path)
    (tmp_path / "recipe.yaml").write_text(ON_GPU.replace("1.0e-2", "3.0e-2"), encoding="utf-8")
    for name, more in (("one", []), ("two", ["--workers", "2"])):
        subprocess.run([*COMMAND, str(file), "--out", str(tmp_path / name), *more], check=True, capture_output=True)
    assert (tmp_path / "one/table.csv").read_bytes() == (tmp_path / "two/table.csv").read_bytes()
    for cell in plan(load_study(file)):
        ledger = json.loads((tmp_path / "two" / "cells" / cell.key / "ledger.json").read_text())
        if cell.training:
            assert ledger["training"]["device"] == torch.cuda.get_device_name()
