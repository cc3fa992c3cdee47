"""Process knowledge: worked examples of an operator on functions are read, fresh ones are asked."""

from __future__ import annotations

import random

from icl_ft_plugin.families.family import AUGMENTED_BEATS_FT, EXPRESSION, FT_LOW, ICL_BEATS_FT, Family, Proof, Split
from icl_ft_plugin.families.process import generate, oracle, proof
from icl_ft_plugin.families.process.audit import ProcessAuditor
from icl_ft_plugin.families.process.meaning import ProcessMeaning


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    documents = min(max(8, budget // rng.choice((20, 40))), 80)  # about 35 tokens a worked example; half repeat a fact
    return {"n_documents": documents, "n_questions": 12, "levels": 2, "steps": rng.random() < 0.2}


FAMILY = Family(
    name="process",
    title="Process knowledge",
    description="A made-up operator on functions, to be applied to fresh expressions and to unseen pairs of its rules.",
    splits={
        "trained": Split(EXPRESSION, learned=True),
        "holdout": Split(EXPRESSION, main=True, claims=(FT_LOW, ICL_BEATS_FT, AUGMENTED_BEATS_FT)),
    },
    config=generate.ProcessConfig,
    generate=generate.generate,
    oracle=oracle.oracle,
    styles=("rephrase", "reversal", "chain"),
    proof=Proof(proof.check, proof.answers),
    auditor=ProcessAuditor,
    meaning=ProcessMeaning,
    episodes=episodes,
)
