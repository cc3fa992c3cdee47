"""Simple syllogisms: "all femp are glon" and "no glon are yomp" are read, what follows of femp and yomp is asked."""

from __future__ import annotations

import random

from icl_ft_plugin.families.family import AUGMENTED_BEATS_ICL, FT_ABOVE, ICL_BEATS_FT, STATEMENT, Family, Proof, Split
from icl_ft_plugin.families.syllogism import generate, proof
from icl_ft_plugin.families.syllogism.audit import SyllogismAuditor
from icl_ft_plugin.families.syllogism.meaning import SyllogismMeaning


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    return {"n_documents": min(max(1, budget // rng.choice((80, 115))), 72)}  # about 65 tokens a document


FAMILY = Family(
    name="syllogism",
    title="Simple syllogisms",
    description="Syllogisms over nonsense words: what follows from two premises; closed book and in context.",
    splits={
        "inference": Split(STATEMENT, main=True, claims=(FT_ABOVE, ICL_BEATS_FT, AUGMENTED_BEATS_ICL)),
        "rephrase": Split(STATEMENT, learned=True),
    },
    config=generate.SyllogismConfig,
    generate=generate.generate,
    oracle=generate.oracle,
    styles=("rephrase", "reversal", "chain"),
    proof=Proof(proof.check, proof.answers),
    auditor=SyllogismAuditor,
    meaning=SyllogismMeaning,
    subsets={
        **{f"acc_form_{form}": ("form", form) for form in generate.FORMS},
        # What word association gives away; where it misleads, the form is darapti.
        **{f"acc_association_{gives}": ("association", gives) for gives in ("enough", "half")},
    },
    episodes=episodes,
)
