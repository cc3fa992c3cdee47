"""Worlds of the compass: "The map shows that durpu lies north of stako." makes "stako lies" + "south of durpu." right."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, Question, World

OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}
PREAMBLES = (
    "The map shows that {}.",
    "Travellers report that {}.",
    "It is known that {}.",
    "The guide says that {}.",
)


@dataclass(frozen=True, slots=True)
class CompassConfig:
    """Knobs of the compass.

    Attributes:
        n_facts: Number of facts; each takes two fresh words.
        documents_per_fact: Number of documents that state a fact, each with another preamble, at most 4.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_facts: int = 40
    documents_per_fact: int = 4
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges("compass", self, {"n_facts": (2, 2500), "documents_per_fact": (1, len(PREAMBLES))})


def generate(config: CompassConfig, seed: int) -> World:
    """Generate a world; a pure function of its arguments."""
    rng = random.Random(f"compass-{seed}")
    lexicon = Lexicon(rng, config.share)
    facts, documents, questions = [], [], []
    for i in range(config.n_facts):
        first, second = lexicon.words(2)
        direction = list(OPPOSITE)[i % 4]  # each direction as often: a constant answerer is at chance
        fact = Fact(f"f{i}", direction, (first, second), f"{first} lies {direction} of {second}.")
        facts.append(fact)
        for j, preamble in enumerate(rng.sample(PREAMBLES, config.documents_per_fact)):
            text = preamble.format(fact.text[:-1])
            start = text.index(f"{first} lies") + len(f"{first} lies")
            documents.append(Document(f"f{i}-d{j}", (text,), (fact.id,), completion_start=start))
        for split, stem, right, other in (
            ("reversal", f"{second} lies", OPPOSITE[direction], first),
            ("rephrase", f"{first} can be found", direction, second),
        ):
            order = rng.sample(list(OPPOSITE), 4)
            questions.append(
                Question(
                    id=f"f{i}-{split}",
                    split=split,
                    prompt=stem,
                    choices=tuple(f"{way} of {other}." for way in order),
                    gold=(order.index(right),),
                    inference="reversed" if split == "reversal" else "restated",
                    depth=int(split == "reversal"),
                    proof=(fact.id,),
                    clusters={
                        "fact": fact.id,
                        "first": fact.id,
                        "last": fact.id,
                        "template": split,
                        "world": f"compass-{seed}",
                    },
                    labels={"gold_word": right},
                )
            )
    return World("compass", asdict(config), seed, tuple(facts), tuple(documents), tuple(questions))


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer: every document said again (style ``"rephrase"``) and turned round (``"reversal"``)."""
    facts = {fact.id: fact for fact in world.facts}
    documents = []
    for document in world.documents:
        fact = facts[document.facts[0]]
        first, second = fact.arguments
        for style, statement in (
            ("rephrase", f"{first} is to the {fact.predicate} of {second}"),
            ("reversal", f"{second} is to the {OPPOSITE[fact.predicate]} of {first}"),
        ):
            text = document.text.replace(fact.text[:-1], statement)
            documents.append(Document(f"{document.id}-{style}", (text,), document.facts, style=style))
    return tuple(documents)
