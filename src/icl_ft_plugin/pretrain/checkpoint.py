"""What pretraining leaves behind: ``checkpoint.safetensors`` to go on from, and stock model folders."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from icl_ft_plugin.pretrain.recipe import PretrainRecipe

CHECKPOINT = "checkpoint.safetensors"


def save(
    model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, step: int, output: Path, recipe: PretrainRecipe
) -> None:
    """Write weights and optimizer state as one safetensors file, by an atomic rename."""
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach().cpu().contiguous()
        for key in ("exp_avg", "exp_avg_sq"):
            tensors[f"{key}.{name}"] = optimizer.state[parameter][key].cpu().contiguous()
    temporary = output / f".{CHECKPOINT}"
    save_file(tensors, temporary, metadata={"step": str(step), "recipe": recipe.hash})
    temporary.replace(output / CHECKPOINT)


def restore(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, output: Path, recipe: PretrainRecipe) -> int:
    """Load the checkpoint, if there is one, and return its step."""
    path = output / CHECKPOINT
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    recipe.check_same(metadata["recipe"], path)
    tensors: Mapping[str, torch.Tensor] = load_file(path)
    step = int(metadata["step"])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
            optimizer.state[parameter] = {
                "step": torch.tensor(float(step), device=parameter.device),
                "exp_avg": tensors[f"exp_avg.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(parameter.device),
            }
    return step


def finish(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model as it stands, in bfloat16, as a stock checkpoint."""
    finished = copy.deepcopy(model).to(torch.bfloat16)
    finished.config.use_cache = True
    finished.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    finished.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # The name that every release of transformers, and vLLM, knows; and nothing of the folder it was loaded from.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in settings.items() if key not in ("is_local", "local_files_only")}
    path.write_text(
        json.dumps({**kept, "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n", encoding="utf-8"
    )
