"""Pretraining of the embedded model: ``icl-ft pretrain recipes/nano/pretrain.yaml --out DIR``.

One compact loop over a stream of fresh episodes (``episodes.py``); the same on CPU and GPU. Row ``i`` of the stream is
a pure function of (seed, i), so a run that was stopped goes on with the very rows it would have seen. The result is a
stock ``LlamaForCausalLM`` checkpoint with a fast tokenizer.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypedDict

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from icl_ft_plugin.pretrain.checkpoint import finish, restore, save
from icl_ft_plugin.pretrain.episodes import episode
from icl_ft_plugin.pretrain.levels import levels
from icl_ft_plugin.pretrain.recipe import Phase, PretrainRecipe, load_recipe
from icl_ft_plugin.pretrain.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from transformers.modeling_outputs import CausalLMOutputWithPast


SAVE_SECONDS = 300  # between checkpoints where steps are slow


class Line(TypedDict, total=False):
    """A line of the log; of a run that had ended before, its step alone."""

    phase: int
    step: int
    lr: float
    loss: float
    tokens_per_second: int
    checkpoint: bool


class Rows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The training stream as rows of ``seq_len + 1`` token ids and loss weights, row ``i`` from (seed, i) alone."""

    def __init__(
        self, recipe: PretrainRecipe, phase: Phase, first: int, last: int, tokenizer: PreTrainedTokenizerFast
    ) -> None:
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
    cooldown: float = 0.0,
    initial: Path | None = None,
) -> Line:
    """Pretrain the embedded model; started again on the same folder, it goes on from the last checkpoint.

    Args:
        recipe_path: A recipe such as ``recipes/nano/pretrain.yaml``.
        output: Folder for the checkpoint, the log and, at the end, the finished model.
        workers: Processes that generate text beside the training; 0 generates in between.
        stop_after: Seconds after which to write a checkpoint and stop, the model half-trained.
        cooldown: Seconds before ``stop_after`` over which the rate falls linearly to nothing; no checkpoint is written in them,
            so that the same command later goes on at the full rate.
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
    step = restore(model, optimizer, output, recipe)
    end = math.inf if stop_after is None else time.monotonic() + stop_after

    def cooled() -> float:
        return max(0.0, min(1.0, (end - time.monotonic()) / cooldown)) if cooldown else 1.0

    gauge = _Gauge(recipe, model, tokenizer, output)
    line: Line = {"step": step}
    saved = time.monotonic()
    # On a CPU (one thread, AMX) the compiled model takes 1.3 times as long with rows of 1,024 tokens, twice with 4,096.
    compiled = torch.compile(model, dynamic=False) if device.type == "cuda" else model
    gauge(step)
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:
        for line in _train(recipe, compiled, model, optimizer, tokenizer, step, device, workers, cooled):
            _tell(line, log)
            due = time.monotonic() > end
            late = time.monotonic() - saved > SAVE_SECONDS
            if cooled() == 1.0 and (due or late or line["checkpoint"]):
                save(model, optimizer, line["step"], output, recipe)
                saved = time.monotonic()
            if due:
                break
            gauge(line["step"])
    gauge(line["step"], last=True)
    finish(model, tokenizer, output / "model")
    return line


def _tell(line: Mapping[str, object], log: TextIO) -> None:
    log.write(json.dumps(line) + "\n")
    log.flush()
    print(json.dumps(line), flush=True)


class _Gauge:
    """Measures the model every so often: a line of ``levels.jsonl``; the best so far is the model in ``best``."""

    def __init__(
        self, recipe: PretrainRecipe, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, output: Path
    ) -> None:
        self._watch, self._model, self._tokenizer, self._output = recipe.watch, model, tokenizer, output
        self._file = output / "levels.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._best = max((json.loads(line)["score"] or -math.inf for line in lines), default=-math.inf)
        self._next = time.monotonic() if not lines else self._after()

    def _after(self) -> float:
        return time.monotonic() + 60 * (self._watch.minutes if self._watch else 0)

    def __call__(self, step: int, last: bool = False) -> None:
        if self._watch is None or (not last and time.monotonic() < self._next):
            return
        found = levels(self._model, self._tokenizer, self._watch)
        score = self._watch.score(found)
        if best := score > self._best:
            self._best = score
            finish(self._model, self._tokenizer, self._output / "best")
        shown = None if score == -math.inf else round(score, 2)
        line = {"at": time.strftime("%H:%M:%S"), "step": step, "score": shown, "best": best, "levels": found}
        with self._file.open("a", encoding="utf-8") as file:
            _tell(line, file)
        self._next = self._after()


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


def _groups(model: torch.nn.Module, recipe: PretrainRecipe) -> list[dict[str, object]]:
    """Matrices decay, vectors (norms) do not."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _tokenizer(recipe: PretrainRecipe, output: Path, initial: Path | None) -> PreTrainedTokenizerFast:
    if initial is not None:
        return PreTrainedTokenizerFast.from_pretrained(
            initial, model_max_length=recipe.model["max_position_embeddings"]
        )
    folder = output / "tokenizer"
    if not folder.exists():
        texts = sample_texts(recipe, recipe.tokenizer_episodes)
        train_tokenizer(texts, recipe.vocab_size, recipe.model["max_position_embeddings"]).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _train(
    recipe: PretrainRecipe,
    compiled: Callable[..., CausalLMOutputWithPast],
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    tokenizer: PreTrainedTokenizerFast,
    first_step: int,
    device: torch.device,
    workers: int,
    cooled: Callable[[], float],
) -> Iterator[Line]:
    """Yield a line of the log every ``log_every`` steps and at the end of each phase."""
    step, seen = 0, time.monotonic()
    tokens = 0
    for number, phase in enumerate(recipe.phases * recipe.repeat):
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
                group["lr"] = recipe.lr * recipe.schedule(step) * cooled()
            total += _update(compiled, model, optimizer, ids.to(device), weights.to(device), device)
            tokens += rows * phase.seq_len
            if step % recipe.log_every == 0 or step == end:
                now = time.monotonic()
                yield {
                    "phase": number,
                    "step": step,
                    "lr": round(recipe.lr * recipe.schedule(step) * cooled(), 6),
                    "loss": round(total.item() / (step - since), 4),
                    "tokens_per_second": round(tokens / (now - seen)),
                    "checkpoint": step % recipe.save_every == 0 or step == recipe.steps,
                }
                total.zero_()
                since, seen, tokens = step, time.monotonic(), 0


def _update(
    compiled: Callable[..., CausalLMOutputWithPast],
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
