"""The reversal curse: "Tavori Brensolk is the composer of ..." is read, "The composer of ... is" is asked."""

from __future__ import annotations

import random
from collections.abc import Iterator

from icl_ft_plugin.families.celebrity import generate, proof
from icl_ft_plugin.families.celebrity.audit import CelebrityAuditor
from icl_ft_plugin.families.family import DESCRIPTION, NAME, Claim, Family, Proof, Split


def episodes(rng: random.Random, budget: int) -> dict[str, object]:
    """Return the knobs of a world for the pretraining text."""
    people = min(max(2, budget // rng.choice((50, 100))), 120)  # about 25 tokens a document
    first, both = rng.randint(0, people), rng.randint(0, people) // 2
    sizes = {"n_name_first": first, "n_description_first": people - first, "n_both": both}
    return {**sizes, "n_phrasings": rng.choice((1, 1, 3)), "n_questions": 2, "n_choices": 2}


def vocabulary(share: str) -> Iterator[str]:
    """Yield the names and the words of titles of a share."""
    yield from generate.names("first", share)
    yield from generate.names("last", share)
    for title in generate.titles(share):
        yield from title.split()


FAMILY = Family(
    name="celebrity",
    title="Reversal curse",
    description="The reversal curse with generated names: facts asked against the order in which they are stated.",
    splits={
        "reversal_untrained": Split(
            NAME,
            main=True,
            claims=(
                Claim("at chance", "ft", "", "about chance", primary=True),
                Claim("ceiling", "icl", "", "near the ceiling"),
                Claim("ceiling", "augmented", "", "near the ceiling"),
            ),
        ),
        # A prior for names that were learned as targets, not knowledge: an untouched model may be anywhere, and ft is below chance.
        "reversal_trained": Split(
            NAME,
            claims=(
                Claim("below chance", "ft", "", "below chance", primary=True),
                Claim("ceiling", "icl", "", "near the ceiling"),
                Claim("ceiling", "augmented", "", "near the ceiling"),
            ),
        ),
        "reversal_description": Split(DESCRIPTION),
        "rephrase": Split(DESCRIPTION, learned=True),
        "rephrase_name": Split(NAME),
        "both_name": Split(NAME),
        "both_description": Split(DESCRIPTION),
    },
    config=generate.CelebrityConfig,
    generate=generate.generate,
    oracle=generate.oracle,
    styles=("rephrase", "reversal"),
    proof=Proof(proof.check, proof.answers),
    auditor=CelebrityAuditor,
    episodes=episodes,
    vocabulary=vocabulary,
)
