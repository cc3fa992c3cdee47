"""Makes what ``benchmarks/prefix.py`` scores: requests behind a long context or of lm-eval tasks, and random models.

For example ``requests_for(tokenizer, 1500, questions=20, choices=2, seed=0)``: 40 requests that share 1,500 tokens.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import transformers
from lm_eval.api.instance import Instance

SYLLABLES = ["ba", "ke", "lo", "mi", "nu", "ra", "si", "to", "vu", "za", "den", "fol", "gar", "hin", "jor", "pel"]


def sentences(rng: random.Random) -> Any:
    """Yield invented facts: ``Kelobas is the nuravin of Tosidel.``, without end."""

    def word() -> str:
        return "".join(rng.choices(SYLLABLES, k=rng.randrange(2, 4)))

    while True:
        yield f"{word().capitalize()} is the {word()} of {word().capitalize()}."


def requests_for(tokenizer: Any, context_tokens: int, questions: int, choices: int, seed: int) -> list[Instance]:
    """Make log-likelihood requests: a context of so many tokens (none for 0), questions, choices."""
    rng = random.Random(seed)
    facts = sentences(rng)
    text = ""
    while context_tokens:
        block = " ".join(next(facts) for _ in range(20))
        text = f"{text} {block}".strip()
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) >= context_tokens:
            text = tokenizer.decode(ids[:context_tokens]) + "\n\n"
            break
    made = []
    for _ in range(questions):
        subject, _, rest = next(facts).partition(" is ")
        for _ in range(choices):
            choice = " " + " ".join(next(facts).split()[-2:])
            made.append((f"{text}Question: who is {rest[:-1]} and not {subject}?\nAnswer:", choice))
    return [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(made)]


def statement_requests(count: int, seed: int) -> list[Instance]:
    """Make log-likelihood requests without a common beginning: ``Kelobas is``, `` the nuravin of Tosidel``."""
    facts = sentences(random.Random(seed))
    made = [next(facts).partition(" is ") for _ in range(count)]
    return [
        Instance("loglikelihood", {}, (f"{subject} is", f" {rest[:-1]}"), index)
        for index, (subject, _, rest) in enumerate(made)
    ]


def task_requests(tasks: list[str], metadata: dict[str, Any], name: str) -> list[Instance]:
    """Return the likelihood requests of lm-eval tasks, such as those of a study's in-context arm."""
    from lm_eval.tasks import TaskManager

    from icl_ft_plugin.paths import tasks_dir

    manager = TaskManager(
        include_path=str(tasks_dir()), include_defaults=False, metadata={"pretrained": name, **metadata}
    )
    made: list[Instance] = []
    for task in manager.load(tasks)["tasks"].values():
        task.build_all_requests(rank=0, world_size=1)
        made += task.instances
    return made


def random_llama(spec: str, folder: Path) -> Path:
    """Save a randomly initialized Llama and a tokenizer trained on the invented sentences.

    Args:
        spec: ``hidden x layers x vocabulary x positions``, such as ``256x6x2048x4096``.
        folder: Where to write.
    """
    from tokenizers import ByteLevelBPETokenizer

    hidden, layers, vocabulary, positions = (int(part) for part in spec.split("x"))
    facts = sentences(random.Random(0))
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        (next(facts) for _ in range(20_000)), vocab_size=vocabulary, special_tokens=["<eos>"], show_progress=False
    )
    special = {"eos_token": "<eos>", "pad_token": "<eos>"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, **special)
    config = transformers.LlamaConfig(
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3 // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64),
        num_key_value_heads=max(1, hidden // 256),
        vocab_size=vocabulary,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    path = folder / f"llama-{spec}"
    model.save_pretrained(path)
    fast.save_pretrained(path)
    return path
