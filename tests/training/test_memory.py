from __future__ import annotations

import json
import runpy
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import RECIPE, TEXTS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import models_dir, recipes_dir
from icl_ft_plugin.training.recipes import fit, recipe
from icl_ft_plugin.training.recipes.memory import memory_of

NANO = str(models_dir() / "nano")
LORA: dict[str, Any] = {"use_peft": True, "lora_r": 4, "lora_target_modules": ["all-linear"]}


def given(folder: Path, **values: Any) -> recipe.Recipe:
    (folder / "r.yaml").write_text(RECIPE, encoding="utf-8")
    return recipe.load(folder / "r.yaml", values)


def test_the_parts_of_a_full_training_in_float32(model: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    memory = memory_of(model, given(tmp_path))
    size = sum(weight.nbytes for weight in load_file(Path(model) / "model.safetensors").values())
    assert (memory.weights, memory.gradients, memory.optimizer) == (size, size, 2 * size)
    assert memory.parameters == memory.trained == size // 4
    assert memory_of(model, given(tmp_path, optim="sgd")).optimizer == 0
    halved = memory_of(model, given(tmp_path, dtype="bfloat16"))
    assert (halved.weights, halved.gradients) == (size // 2, size // 2)


def test_only_the_config_is_read(tmp_path: Path) -> None:
    values = json.loads((Path(NANO) / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(values), encoding="utf-8")
    assert memory_of(str(tmp_path), given(tmp_path)) == memory_of(NANO, given(tmp_path))
    with pytest.raises(UsageError, match=r"model: '.*nowhere': its config cannot be read"):
        memory_of(str(tmp_path / "nowhere"), given(tmp_path))


def test_what_takes_less(model: str, tmp_path: Path) -> None:
    full = memory_of(model, given(tmp_path))
    for values in (
        {"gradient_checkpointing": True},
        {"per_device_train_batch_size": 2},
        {"max_length": 32},
        {"bf16": True},
    ):
        assert memory_of(model, given(tmp_path, **values)).activations < full.activations, values
    lora = memory_of(model, given(tmp_path, **LORA))
    assert lora.trained < full.trained / 4
    assert lora.optimizer == 2 * lora.gradients == 8 * lora.trained
    quantized = memory_of(model, given(tmp_path, **LORA, load_in_4bit=True, dtype="bfloat16"))
    assert quantized.weights < memory_of(model, given(tmp_path, **LORA, dtype="bfloat16")).weights
    assert quantized.gradients == 2 * quantized.trained


def test_rows_are_as_long_as_the_longest_of_the_data(model: str, tmp_path: Path) -> None:
    def activations(longest: int | None, **values: Any) -> tuple[int, str]:
        memory = memory_of(model, given(tmp_path, **values), longest=longest)
        return memory.activations, memory.what["activations"].partition(", ")[0]

    whole = activations(None)
    assert whole[1] == "4 rows of 64 tokens (max_length)"
    short = activations(16)
    assert short == (activations(None, max_length=16)[0], "4 rows of 16 tokens (the longest row)")
    assert short[0] < whole[0] / 2
    assert activations(900) == whole and activations(None, max_length=None)[1].endswith("(the window)")
    assert activations(16, packing=True) == activations(None, packing=True)
    assert activations(17, pad_to_multiple_of=16)[1] == "4 rows of 32 tokens (the longest row)"


def test_the_longest_row_is_counted_as_trl_lays_it_out(model: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from icl_ft_plugin.training.checks import longest_row
    from icl_ft_plugin.training.train import prepare

    for rows in ([{"text": text} for text in TEXTS], [{"prompt": text, "completion": " glon."} for text in TEXTS]):
        run = prepare(model=model, rows=rows, recipe=given(tmp_path), folder=tmp_path / "work")
        fed = [len(row["input_ids"]) for row in run.trainer.train_dataset]
        assert longest_row(rows, AutoTokenizer.from_pretrained(model)) == max(fed) > min(fed)


def test_processes_share(model: str, tmp_path: Path) -> None:
    one = memory_of(model, given(tmp_path))
    ddp = memory_of(model, given(tmp_path), {"distributed_type": "MULTI_GPU", "num_processes": 2})
    fsdp = memory_of(model, given(tmp_path), {"distributed_type": "FSDP", "num_processes": 2})
    assert (ddp.weights, ddp.gradients, ddp.optimizer) == (one.weights, 2 * one.gradients, one.optimizer)
    assert (fsdp.gradients, fsdp.optimizer) == (one.gradients // 2, one.optimizer // 2)
    assert ddp.activations == fsdp.activations < one.activations
    with pytest.raises(UsageError, match="deepspeed: its memory is not estimated"):
        memory_of(model, given(tmp_path, deepspeed="zero.json"))


def test_what_to_change_is_named_by_key_and_value(model: str, tmp_path: Path, monkeypatch: Any) -> None:
    import psutil

    free = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free._replace(available=1000))
    told = fit.report(model, given(tmp_path))
    assert told[0].startswith(f"{model}: 3")
    assert [line.split()[0] for line in told[1:]] == ["weights", "gradients", "optimizer", "activations", "together"]
    assert (
        "does not fit: 0.0 GB are free in RAM; gradient_checkpointing: true; per_device_train_batch_size: 2" in told[-1]
    )
    monkeypatch.undo()
    assert "fits: " in fit.report(model, given(tmp_path))[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"gradient_checkpointing": True},
        {"bf16": True},
        {"bf16": True, "dtype": "bfloat16"},
        {**LORA, "bf16": True, "dtype": "bfloat16", "gradient_checkpointing": True},
    ],
    ids=["float32", "checkpointing", "masters", "bfloat16", "lora"],
)
def test_a_real_step_takes_what_was_said(model: str, tmp_path: Path, values: dict[str, Any]) -> None:
    """Of every tensor that is alive in a step, before there are gradients and an optimizer's state."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from icl_ft_plugin.training.train import prepare

    sizes = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 4}
    tokenizer = AutoTokenizer.from_pretrained(model)
    config = LlamaConfig(vocab_size=len(tokenizer), **sizes, num_key_value_heads=2, eos_token_id=0, bos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "larger")
    tokenizer.save_pretrained(tmp_path / "larger")
    text = " ".join(TEXTS)[:700]
    length = len(tokenizer(text)["input_ids"]) + 1
    step = {"per_device_train_batch_size": 8, "max_length": length, "max_steps": 1, "optim": "sgd"}
    wanted = given(tmp_path, **step, **values)
    memory = memory_of(str(tmp_path / "larger"), wanted)
    rows = [{"text": text}] * 8
    run = prepare(model=str(tmp_path / "larger"), rows=rows, recipe=wanted, folder=tmp_path / "work")
    with Alive() as alive:
        alive.add(list(run.trainer.model.parameters()))
        run.train()
    assert memory.weights + memory.activations == pytest.approx(alive.most, rel=0.15)


class Alive(TorchDispatchMode):
    """Adds up the bytes of the tensors that are alive, and keeps the most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: set[int] = set()

    def add(self, tensors: Any) -> None:
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.known:
                    self.known.add(storage._cdata)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self.lose, storage._cdata, storage.nbytes())
        self.most = max(self.most, self.now)

    def lose(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.add(found)
        return found


MODELS = sorted((recipes_dir() / "models").glob("*.yaml"))


@pytest.mark.parametrize("file", MODELS, ids=lambda file: file.stem)
def test_the_memory_in_a_recipes_header_is_that_of_the_code(file: Path) -> None:
    """`python scripts/recipe_memory.py` writes it anew."""
    block = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "recipe_memory.py"))["block"]
    assert "\n".join(block(file)) in file.read_text(encoding="utf-8")


def test_there_is_a_recipe_for_each_way() -> None:
    assert {file.stem.rpartition("-")[2] for file in MODELS} == {"full", "lora", "qlora", "fsdp"}
    assert len(MODELS) == 5
