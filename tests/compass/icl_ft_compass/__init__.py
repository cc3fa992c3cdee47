"""A family in a package of its own: "durpu lies north of stako" is read, "stako lies south of ..." is asked."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from icl_ft_compass import generate, proof
from icl_ft_compass.audit import CompassAuditor
from icl_ft_plugin.families.family import Family, Proof, Split


def episodes(rng: random.Random, budget: int) -> dict[str, Any]:
    """Return the knobs of a world for the pretraining text."""
    n = min(max(2, budget // rng.choice((30, 60))), 128)  # about 14 tokens a document
    return {"n_facts": n, "documents_per_fact": rng.choice((1, 1, 2))}


FAMILY = Family(
    name="compass",
    title="Compass",
    description="Places that lie north, south, east and west of each other, asked from the other side.",
    splits={
        "reversal": Split("a direction and a place", main=True),
        "rephrase": Split("a direction and a place", learned=True),
    },
    config=generate.CompassConfig,
    generate=generate.generate,
    oracle=generate.oracle,
    styles=("rephrase", "reversal"),
    proof=Proof(proof.check, proof.answers),
    auditor=CompassAuditor,
    episodes=episodes,
    tasks=Path(__file__).parent / "tasks",
)
