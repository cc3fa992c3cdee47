"""Codebooks: "In the femp code, glon is written as trune." is read, messages in several codes are asked."""

from __future__ import annotations

import random

from icl_ft_plugin.families.codebook import proof
from icl_ft_plugin.families.codebook.audit import CodebookAuditor
from icl_ft_plugin.families.codebook.generate import HOW, CodebookConfig, generate, oracle
from icl_ft_plugin.families.family import AUGMENTED_BEATS_FT, FT_LOW, ICL_BEATS_FT, Family, Proof, Split


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    k = rng.choice((2, 3, 4, 4)) if budget > 400 else 2
    groups = rng.choice((1, 2)) if budget > 1200 else 1
    sets = max(1, min(6, budget // (rng.choice((34, 50)) * groups * k * k)))  # about 17 tokens a definition
    knobs = {"n_groups": groups, "n_sets": sets, "n_choices": k, "n_holdout": 1 if sets > 1 else rng.randrange(2)}
    return {**knobs, "copies": 1, "n_messages": rng.choice((0, 1, sets * k // 2)), "n_questions": 12}


FAMILY = Family(
    name="codebook",
    title="Codebooks",
    description="Made-up codes over shared words: definitions are read, messages encoded and decoded.",
    splits={
        "rephrase": Split(learned=True),
        "reversal": Split(),
        "encode": Split(),
        "encode_holdout": Split(main=True, claims=(FT_LOW, ICL_BEATS_FT, AUGMENTED_BEATS_FT)),
        "decode_holdout": Split(),
    },
    config=CodebookConfig,
    generate=generate,
    oracle=oracle,
    styles=("rephrase", "reversal", "chain"),
    proof=Proof(proof.check, proof.answers),
    auditor=CodebookAuditor,
    episodes=episodes,
)
assert list(FAMILY.splits) == list(HOW)
