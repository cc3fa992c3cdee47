"""Pretraining of the embedded model: ``icl-ft pretrain recipes/nano/pretrain.yaml --out DIR``.

One compact loop over a stream of fresh episodes (``episodes.py``); the same on CPU and GPU. Row ``i`` of the stream is
a pure function of (seed, i), so a run that was stopped goes on with the very rows it would have seen. The result is a
stock ``LlamaForCausalLM`` checkpoint with a fast tokenizer.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from icl_ft_plugin.pretrain.episodes import episode
from icl_ft_plugin.pretrain.recipe import Phase, PretrainRecipe, load_recipe
from icl_ft_plugin.pretrain.tokenizer import train_tokenizer

CHECKPOINT = "checkpoint.safetensors"


class Rows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The training stream as rows of ``seq_len + 1`` token ids and loss weights, row ``i`` from (seed, i) alone."""

    def __init__(self, recipe: PretrainRecipe, phase: Phase, first: int, last: int, tokenizer: Any) -> None:
        self._recipe, self._phase, self._first, self._last = recipe, phase, first, last
        self._encode = tokenizer.backend_tokenizer.encode
        self._eos = tokenizer.eos_token_id

    def __len__(self) -> int:
        return self._last - self._first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index >= len(self):
            raise IndexError(index)
        rng = random.Random(f"pretrain-{self._recipe.seed}-{self._phase.seq_len}-{self._first + index}")
        length = self._phase.seq_len + 1
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < length:
            room = length - len(ids)
            if room < 48:  # too little for an episode: padding without loss
                ids += [self._eos] * room
                weights += [0.0] * room
                break
            segments = episode(rng, self._phase.mixture, room, self._recipe.weights)
            text = "".join(part for part, _ in segments).rstrip("\n")
            by_character = list(itertools.chain.from_iterable([weight] * len(part) for part, weight in segments))
            encoding = self._encode(text)
            ids += [*encoding.ids, self._eos]
            weights += [by_character[end - 1] for _, end in encoding.offsets] + [self._recipe.weights["answer"]]
        return torch.tensor(ids[:length]), torch.tensor(weights[:length])


def sample_texts(recipe: PretrainRecipe, n: int) -> Iterator[str]:
    """Yield ``n`` episodes as plain text, for the tokenizer and for a look at the data."""
    for i in range(n):
        rng = random.Random(f"sample-{recipe.seed}-{i}")
        yield "".join(text for text, _ in episode(rng, recipe.phases[-1].mixture, 1024, recipe.weights))


def pretrain(
    recipe_path: Path,
    output: Path,
    *,
    workers: int = 0,
    stop_after: float | None = None,
    initial: Path | None = None,
) -> dict[str, Any]:
    """Pretrain the embedded model; started again on the same folder, it goes on from the last checkpoint.

    Args:
        recipe_path: A recipe such as ``recipes/nano/pretrain.yaml``.
        output: Folder for the checkpoint, the log and, at the end, the finished model.
        workers: Processes that generate text beside the training; 0 generates in between.
        stop_after: Seconds after which to write a checkpoint and stop, the model half-trained.
        initial: A model folder whose weights and tokenizer to begin with, instead of random ones.

    Returns:
        The last line of the log: step, tokens, loss, tokens per second.

    Raises:
        UsageError: The recipe is wrong, or the folder belongs to another recipe.
    """
    recipe = load_recipe(recipe_path)
    output.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    torch.set_float32_matmul_precision("high")
    tokenizer = _tokenizer(recipe, output, initial)
    model = LlamaForCausalLM(_config(recipe, tokenizer)).to(device)
    if initial is not None:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(initial, dtype=torch.float32).state_dict())
    optimizer = torch.optim.AdamW(_groups(model, recipe), lr=recipe.lr, betas=(0.9, 0.95), fused=True)
    step = _restore(model, optimizer, output, recipe)
    started, line = time.monotonic(), {"step": step}
    compiled = torch.compile(model, dynamic=False)
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:
        for line in _train(recipe, compiled, model, optimizer, tokenizer, step, device, workers):
            log.write(json.dumps(line) + "\n")
            log.flush()
            print(json.dumps(line), flush=True)
            due = stop_after is not None and time.monotonic() - started > stop_after
            if due or line["checkpoint"]:
                _save(model, optimizer, line["step"], output, recipe)
            if due:
                break
    _finish(model, tokenizer, output)
    return line


def _config(recipe: PretrainRecipe, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=False,
        attn_implementation="sdpa",
        **recipe.model,
    )


def _groups(model: torch.nn.Module, recipe: PretrainRecipe) -> list[dict[str, Any]]:
    """Matrices decay, vectors (norms) do not."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _tokenizer(recipe: PretrainRecipe, output: Path, initial: Path | None) -> PreTrainedTokenizerFast:
    if initial is not None:
        return PreTrainedTokenizerFast.from_pretrained(initial)
    folder = output / "tokenizer"
    if not folder.exists():
        texts = sample_texts(recipe, recipe.tokenizer_episodes)
        train_tokenizer(texts, recipe.vocab_size, recipe.model["max_position_embeddings"]).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _train(
    recipe: PretrainRecipe,
    compiled: Any,
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    tokenizer: PreTrainedTokenizerFast,
    first_step: int,
    device: torch.device,
    workers: int,
) -> Iterator[dict[str, Any]]:
    """Yield a line of the log every ``log_every`` steps and at the end of each phase."""
    step, seen = 0, time.monotonic()
    tokens = 0
    for number, phase in enumerate(recipe.phases):
        rows = recipe.batch_tokens // phase.seq_len
        end = step + phase.steps
        if end <= first_step:
            step = end
            continue
        begin = max(step, first_step)
        data = Rows(recipe, phase, begin * rows, end * rows, tokenizer)
        loader = DataLoader(
            data,
            batch_size=rows,
            num_workers=workers,
            pin_memory=device.type == "cuda",
            prefetch_factor=8 if workers else None,
        )
        total = torch.zeros((), device=device)
        since = begin
        for step, (ids, weights) in enumerate(loader, start=begin + 1):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * recipe.schedule(step)
            total += _update(compiled, model, optimizer, ids.to(device), weights.to(device), device)
            tokens += rows * phase.seq_len
            if step % recipe.log_every == 0 or step == end:
                now = time.monotonic()
                yield {
                    "phase": number,
                    "step": step,
                    "loss": round(total.item() / (step - since), 4),
                    "tokens_per_second": round(tokens / (now - seen)),
                    "checkpoint": step % recipe.save_every == 0 or step == recipe.steps,
                }
                total.zero_()
                since, seen, tokens = step, time.monotonic(), 0


def _update(
    compiled: Any,
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    ids: torch.Tensor,
    weights: torch.Tensor,
    device: torch.device,
) -> torch.Tensor:
    """Do one step on ids and weights of shape (rows, seq_len + 1); return the weighted loss in nats per token."""
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = compiled(input_ids=ids[:, :-1]).logits
    losses = cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    target = weights[:, 1:].flatten()
    loss = (losses * target).sum() / target.sum()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _save(model: Any, optimizer: torch.optim.Optimizer, step: int, output: Path, recipe: PretrainRecipe) -> None:
    """Write weights and optimizer state as one safetensors file, by an atomic rename."""
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach().cpu().contiguous()
        for key in ("exp_avg", "exp_avg_sq"):
            tensors[f"{key}.{name}"] = optimizer.state[parameter][key].cpu().contiguous()
    temporary = output / f".{CHECKPOINT}"
    save_file(tensors, temporary, metadata={"step": str(step), "recipe": recipe.hash})
    temporary.replace(output / CHECKPOINT)


def _restore(model: Any, optimizer: torch.optim.Optimizer, output: Path, recipe: PretrainRecipe) -> int:
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


def _finish(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, output: Path) -> None:
    """Write the model as it stands, in bfloat16, as a stock checkpoint."""
    finished = copy.deepcopy(model).to(torch.bfloat16)
    finished.config.use_cache = True
    finished.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    finished.save_pretrained(output / "model")
    tokenizer.save_pretrained(output / "model")
    # The name that every release of transformers, and vLLM, knows; and nothing of the folder it was loaded from.
    path = output / "model" / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in settings.items() if key not in ("is_local", "local_files_only")}
    path.write_text(
        json.dumps({**kept, "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n", encoding="utf-8"
    )
