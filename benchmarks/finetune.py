"""What ``finetune.train`` costs over a bare PyTorch loop on the same rows: ``python benchmarks/finetune.py``.

A random llama of 5.3 million parameters, 1000 documents of simple reversals, 16 a step, float32, one CPU thread. The
bare loop counts its steps alone, ``train`` also loading, tokenizing and saving. CPU seconds are compared, which a busy
machine distorts less than wall time. Prints one line; ``--json FILE`` also writes the numbers there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from icl_ft_plugin.arms.corpus import training_rows
from icl_ft_plugin.families.reversal.generate import ReversalConfig, generate
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.train import train

BATCH = 16
LEARNING_RATE = 1e-3


def save_model(folder: Path, texts: list[str]) -> None:
    """Write the random model and a byte-level tokenizer of 600 tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<eos>"]
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=600,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<eos>").save_pretrained(folder)  # noqa: S106


def bare_loop(source: Path, output: Path, texts: list[str], steps: int) -> float:
    """Train without any library around PyTorch; return the CPU seconds of the steps alone."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source).train()
    rows = [tokenizer(text + tokenizer.eos_token)["input_ids"] for text in texts]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    draw = torch.Generator().manual_seed(0)
    order: list[int] = []
    begun = time.process_time()
    for step in range(steps):
        while len(order) < (step + 1) * BATCH:
            order += torch.randperm(len(rows), generator=draw).tolist()
        batch = [rows[i] for i in order[step * BATCH : (step + 1) * BATCH]]
        width = max(map(len, batch))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in batch])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
        loss = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.process_time() - begun
    model.save_pretrained(output)
    return seconds


def measure(steps: int, rounds: int) -> dict[str, Any]:
    """Run both sides in turn, after one warm-up each; take the fastest round."""
    torch.set_num_threads(1)
    world = generate(ReversalConfig(), 0)
    rows = training_rows(world)
    texts = [row["text"] for row in rows]
    given = recipe.load(recipes_dir() / "reversal" / "nano.yaml", {"disable_tqdm": True})
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_model(folder / "model", texts)
        for i in range(rounds + 1):
            n = steps if i else 2
            bare.append(bare_loop(folder / "model", folder / f"bare{i}", texts, n))
            begun = time.process_time()
            train(model=str(folder / "model"), rows=rows, recipe=given, output=folder / f"ours{i}", max_steps=n)
            ours.append(time.process_time() - begun)
    best_bare, best_ours = min(bare[1:]), min(ours[1:])
    return {
        "steps": steps,
        "bare_loop_cpu_seconds": round(best_bare, 3),
        "train_cpu_seconds": round(best_ours, 3),
        "ratio": round(best_ours / best_bare, 3),
        "train_of_2_steps_cpu_seconds": round(ours[0], 3),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = measure(args.steps, args.rounds)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"finetune.train / bare loop: {found['ratio']:.2f} ({json.dumps(found)})")


if __name__ == "__main__":
    main()
