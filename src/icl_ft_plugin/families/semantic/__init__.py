"""The semantic structure: a real-world hierarchy in nonsense words, and what follows from it."""

from __future__ import annotations

import random

from icl_ft_plugin.families.family import (
    AUGMENTED_BEATS_FT,
    AUGMENTED_EQUALS_ICL,
    FT_ABOVE,
    FT_LOW,
    ICL_BEATS_FT,
    WORD,
    Claim,
    Family,
    Proof,
    Split,
)
from icl_ft_plugin.families.semantic import generate, oracle, proof
from icl_ft_plugin.families.semantic.audit import SemanticAuditor
from icl_ft_plugin.families.semantic.meaning import SemanticMeaning


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    longest = rng.choice((5, 6, 14))
    documents = max(3, budget // (15 * (3 + longest)))  # about 15 tokens a sentence, half of the room for questions
    categories = min(max(4, budget // rng.choice((100, 150, 240))), 40)
    return {
        "n_categories": categories,
        "n_documents": documents,
        "min_sentences": 3,
        "max_sentences": longest,
        "n_questions": 40,
        "n_holdout": min(1 + categories // 10, categories // 4),
        "n_exceptions": 2 * rng.randrange(1 + categories // 10),
        "max_properties": rng.choice((2, 2, 3, 4)),
        "n_choices": 2,
    }


_CHAINED = (FT_LOW, ICL_BEATS_FT, AUGMENTED_EQUALS_ICL)

FAMILY = Family(
    name="semantic",
    title="Semantic structure",
    description="A hierarchy of nonsense categories: rephrasings, reversals, inheritance, held-out categories and exceptions.",
    splits={
        "rephrase": Split(WORD, learned=True, claims=(FT_ABOVE, ICL_BEATS_FT, AUGMENTED_BEATS_FT)),
        "reversal": Split(WORD, main=True, claims=(FT_ABOVE, ICL_BEATS_FT, AUGMENTED_EQUALS_ICL)),
        "syllogism": Split(WORD, claims=_CHAINED),
        "syllogism_deep": Split(WORD, claims=_CHAINED),
        "holdout": Split(
            WORD,
            claims=(
                FT_LOW,
                Claim("hardly above", "icl", "ft", "hardly better than ft", primary=True),
                Claim("hardly above", "augmented", "ft", "hardly better than ft"),
            ),
        ),
        "misleading": Split(WORD),
    },
    config=generate.SemanticConfig,
    generate=generate.generate,
    oracle=oracle.oracle,
    styles=("rephrase", "reversal", "chain"),
    proof=Proof(proof.check, proof.answers),
    auditor=SemanticAuditor,
    meaning=SemanticMeaning,
    episodes=episodes,
)
