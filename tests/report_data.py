"""Studies and lm-eval folders written by hand, so that what a report must say about them is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

STAMP = "2026-01-02T03-04-05.678901"
Right = Callable[..., bool]  # arm, world seed, question number, training seed; and the split, if asked for


def sample(world: str, number: int, right: bool, split: str = "reversal", **changes: Any) -> dict[str, Any]:
    """One line of a sample file; the right choice is the first, then the second, and so on in turn."""
    gold = number % 2
    scores = [-2.0, -5.0] if right == (gold == 0) else [-5.0, -2.0]
    doc = {
        "id": f"f{number}-{split}",
        "split": split,
        "question": f"glon{number} are",
        "choices": [f"less dangerous than femp{number}.", f"more dangerous than femp{number}."],
        "gold": [gold],
        "label": gold,
        "chance": 0.5,
        "clusters": {"fact": f"f{number}"},
        "labels": {"gold_word": ("less", "more")[gold]},
        "world": world,
        **changes,
    }
    resps = [[str(score), "False"] for score in scores]
    return {"doc": doc, "filtered_resps": resps, "acc": float(right), "acc_norm": float(right)}


def write_samples(folder: Path, task: str, lines: Sequence[Mapping[str, Any]], stamp: str = STAMP) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"samples_{task}_{stamp}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def write_study(
    folder: Path,
    right: Right,
    *,
    arms: Sequence[str] = ("pretrained", "icl", "ft", "ft+oracle"),
    questions: int = 20,
    worlds: Sequence[int] = (0,),
    seeds: Sequence[int] = (0, 1, 2),
    splits: Sequence[str] = ("reversal", "rephrase_entity"),
    model: str = "nano",
    label: str = "reversal",
    by_split: bool = False,
    **changes: Any,
) -> Path:
    """A complete study of reversals as ``icl-ft study`` leaves it; ``right`` says which answers are right.

    Args:
        by_split: Whether ``right`` is told the split, too.
    """
    cells = []
    for world in worlds:
        for arm in arms:
            for seed in [None] if arm in ("pretrained", "icl") or arm.endswith("-baseline") else seeds:
                key = f"{world}-{arms.index(arm)}-{seed}"
                cell = folder / "cells" / key
                for split in splits:
                    told = (split,) if by_split else ()
                    lines = [
                        sample(str(world), i, right(arm, world, i, seed, *told), split, **changes)
                        for i in range(questions)
                    ]
                    write_samples(cell / "model", f"icl_ft_{split}", lines)
                training = {"tokens": 4000, "steps": 60, "losses": [[10, 2.0], [20, 1.0]]} if seed is not None else None
                evaluation = {"questions": questions * len(splits), "prompt_tokens": 400}
                (cell / "ledger.json").write_text(json.dumps({"training": training, "evaluation": evaluation}))
                labels = {"model": model, "worlds": label, "family": "reversal", "world_seed": world, "arm": arm}
                cells.append({"key": key, **labels, "training_seed": seed, "splits": list(splits)})
    plan = {"name": changes.get("question", "by hand"), "version": "0.1.0", "cells": cells}
    (folder / "study.json").write_text(json.dumps(plan))
    return folder


def paper_like(arm: str, world: int, number: int, seed: int | None) -> bool:
    """Untouched and ft guess, icl knows all, ft+oracle nearly all."""
    if arm == "icl":
        return True
    if arm == "ft+oracle":
        return (number + (seed or 0)) % 10 != 0
    return (number * 7 + (seed or 0) + world + (arm == "ft")) % 4 < 2


def told(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
    """As ``paper_like``, and whatever was told is known in the direction in which it was told."""
    return paper_like(arm, world, number, seed) if split == "reversal" or arm == "pretrained" else True


def write_results(
    folder: Path,
    model: str,
    right: Callable[[int], bool],
    *,
    condition: str = "icl",
    questions: int = 20,
    seed: int = 0,
    limit: int | None = None,
) -> Path:
    """What ``lm_eval --output_path --log_samples`` leaves of one task; with ``limit``, of its first questions."""
    spec = {"family": "reversal", "seed": seed, "config": {"n_facts": questions}, "context_copies": 1}
    lines = [sample(json.dumps(spec), i, right(i)) for i in range(questions)][:limit]
    file = write_samples(folder, f"icl_ft_reversal_{condition}", lines)
    (folder / f"results_{STAMP}.json").write_text(
        json.dumps({"model_name": model, "config": {"model_args": {}, "limit": limit}})
    )
    return file
