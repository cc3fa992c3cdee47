"""Quick look at a checkpoint: accuracy in context and closed-book on evaluation worlds, without lm-eval.

``python scripts/probe_nano.py DIR [--seeds 2] [--device cuda]`` prints one line per world and split. The figures of
record come from the lm-eval tasks; this one needs torch and transformers only.
"""

from __future__ import annotations

import argparse

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from icl_ft_plugin.families import FAMILIES, generate
from icl_ft_plugin.worlds.context import context_text

WORLDS = [
    ("reversal", {"n_facts": 20}),
    ("reversal", {"n_facts": 100}),
    ("syllogism", {"n_documents": 12}),
    ("syllogism", {}),
    ("celebrity", {"n_name_first": 5, "n_description_first": 5, "n_both": 5, "n_questions": 1}),
    ("celebrity", {"n_questions": 1}),
    ("semantic", {"n_categories": 16, "n_documents": 10, "n_holdout": 2}),
    ("process", {}),
]


@torch.no_grad()
def accuracy(model, tokenizer, world, prefix: str, limit: int) -> dict[str, tuple[float, int]]:
    """Return accuracy and number of questions by split."""
    hits: dict[str, list[float]] = {}
    by_split: dict[str, int] = {}
    for q in world.questions:
        by_split[q.split] = by_split.get(q.split, 0) + 1
        if by_split[q.split] > limit:
            continue
        texts = [f"{prefix}{q.prompt} {choice}" for choice in q.choices]
        rows = [tokenizer(text)["input_ids"] for text in texts]
        n_prompt = len(tokenizer(f"{prefix}{q.prompt}")["input_ids"])
        width = max(map(len, rows))
        ids = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows], device=model.device)
        logits = model(input_ids=ids).logits.float().log_softmax(-1)
        scores = []
        for i, row in enumerate(rows):
            scores.append(sum(logits[i, t - 1, row[t]].item() for t in range(n_prompt, len(row))))
        hits.setdefault(q.split, []).append(float(scores.index(max(scores)) in q.gold))
    return {split: (sum(h) / len(h), len(h)) for split, h in hits.items()}


def main() -> None:
    """Probe one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--limit", type=int, default=60, help="questions per split and world")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).to(args.device).eval()
    for family, knobs in WORLDS:
        if family not in FAMILIES:
            continue
        for seed in range(args.seeds):
            world = generate(family, seed, knobs)
            context = context_text(world) + "\n\n"
            n = len(tokenizer(context)["input_ids"])
            if n > model.config.max_position_embeddings - 64:
                print(f"{family} {knobs} needs {n} tokens")
                continue
            found = {"icl": accuracy(model, tokenizer, world, context, args.limit)}
            if seed == 0:
                found["closed"] = accuracy(model, tokenizer, world, "", args.limit)
            for condition, splits in found.items():
                line = "  ".join(f"{s} {100 * a:.0f}%" for s, (a, _) in splits.items())
                print(f"{family} {knobs or ''} seed {seed} {n} tokens {condition}: {line}", flush=True)


if __name__ == "__main__":
    main()
