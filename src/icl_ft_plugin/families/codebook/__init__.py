"""Codebooks: "In the femp code, glon is written as trune." is read, messages in several codes are asked."""

from __future__ import annotations

import random
from typing import Any

from icl_ft_plugin.families.codebook import proof
from icl_ft_plugin.families.codebook.audit import CodebookAuditor
from icl_ft_plugin.families.codebook.generate import HOW, CodebookConfig, generate, oracle
from icl_ft_plugin.families.family import AUGMENTED_BEATS_FT, FT_LOW, ICL_BEATS_FT, Family, Proof, Split


def episodes(rng: random.Random, budget: int) -> dict[str, Any]:
    """Return the knobs of a world for the pretraining text."""
    k = rng.choice((2, 3, 4, 4))
    groups = rng.choice((1, 1, 2))
    sets = max(1, min(6, budget // (14 * groups * k * k)))  # about 10 tokens a definition, the rest for messages
    knobs = {"n_groups": groups, "n_sets": sets, "n_choices": k, "n_holdout": min(1, sets - 1)}
    return {**knobs, "copies": 1, "n_messages": sets * k // 2, "n_questions": 4}


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
