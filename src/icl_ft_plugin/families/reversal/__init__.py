"""Simple reversals: "femp are more dangerous than glon" is read, "glon are less dangerous than ..." is asked."""

from __future__ import annotations

import random

from icl_ft_plugin.families.family import (
    AUGMENTED_BEATS_FT,
    AUGMENTED_BEATS_ICL,
    COMPARISON,
    ICL_BEATS_FT,
    WORD,
    Claim,
    Family,
    Proof,
    Split,
)
from icl_ft_plugin.families.reversal import generate, proof
from icl_ft_plugin.families.reversal.audit import ReversalAuditor
from icl_ft_plugin.families.reversal.meaning import ReversalMeaning


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    n = min(max(2, budget // rng.choice((30, 60))), 128)  # about 18 tokens a document, the rest for questions
    knobs = {"n_facts": n, "documents_per_fact": rng.choice((1, 1, 2)), "n_dimensions": rng.randint(1, 28)}
    return {**knobs, "misleading": 0.3 if n > 15 and rng.random() < 0.3 else 0.0}


FAMILY = Family(
    name="reversal",
    title="Simple reversals",
    description="Comparisons of nonsense words, asked from the other side; closed book and with the documents in context.",
    splits={
        "reversal": Split(
            COMPARISON,
            main=True,
            claims=(
                Claim("at chance", "ft", "", "about chance"),
                ICL_BEATS_FT,
                AUGMENTED_BEATS_FT,
                AUGMENTED_BEATS_ICL,
            ),
        ),
        "reversal_entity": Split(WORD),
        "rephrase": Split(COMPARISON),
        "rephrase_entity": Split(WORD, learned=True),
        "reversal_misleading": Split(WORD),
    },
    config=generate.ReversalConfig,
    generate=generate.generate,
    oracle=generate.oracle,
    styles=("rephrase", "reversal"),
    proof=Proof(proof.check, proof.answers),
    auditor=ReversalAuditor,
    meaning=ReversalMeaning,
    subsets={"acc_more": ("gold_word", "more"), "acc_less": ("gold_word", "less")},
    episodes=episodes,
)
