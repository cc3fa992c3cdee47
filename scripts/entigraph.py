"""Writes ``recipes/foreign/entigraph.jsonl``: what a model says of each fact of a world under the prompts of EntiGraph.

Usage: python scripts/entigraph.py CHECKOUT MODEL > recipes/foreign/entigraph.jsonl

CHECKOUT is the repository ZitongYang/Synthetic_Continued_Pretraining (arXiv 2409.07431), whose prompt for two entities is read from
there and is no part of this project; MODEL a folder with a chat template. Each fact's first document is an article and its two names
are the entities. EntiGraph has a model name the entities of long articles; those of one sentence are known. Greedy.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import icl_ft_plugin as icl_ft

WORLD = {"n_facts": 20, "misleading": 0.0}
SEED = 1
BATCH = 10


def asked(checkout: Path) -> list[list[dict[str, str]]]:
    """Return a chat per fact: EntiGraph's system prompt, the document and its names."""
    prompts = runpy.run_path(str(checkout / "utils" / "prompt_utils.py"))
    system = prompts["OPENAI_API_SYSTEM_QUALITY_GENERATE_TWO_ENTITY_RELATIONS"]
    lay = "\n    ### Document Content:\n    {}\n    ### Entities:\n    - {}\n    - {}\n    "
    world = icl_ft.generate("reversal", seed=SEED, **WORLD)
    first = {document.facts[0]: document.text for document in reversed(world.documents)}
    return [
        [
            {"role": "system", "content": system},
            {"role": "user", "content": lay.format(first[fact.id], *fact.arguments)},
        ]
        for fact in world.facts
    ]


def main(checkout: str, folder: str) -> None:
    """Write a line per fact."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    chats = asked(Path(checkout))
    for start in range(0, len(chats), BATCH):
        texts = tokenizer.apply_chat_template(chats[start : start + BATCH], tokenize=False, add_generation_prompt=True)
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        with torch.inference_mode():
            written = model.generate(**batch, max_new_tokens=300, do_sample=False)
        for text in tokenizer.batch_decode(written[:, batch["input_ids"].shape[1] :], skip_special_tokens=True):
            print(json.dumps({"text": text.strip()}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
