"""Proofs of the compass, from the text of the documents alone: "durpu lies north of stako" turns round to "south"."""

from __future__ import annotations

import re

from icl_ft_compass.generate import OPPOSITE
from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import World

Place = tuple[str, str, str]
FORM = re.compile(r"(\w+) (?:lies|can be found|is to the) (north|south|east|west) of (\w+)")


def closure(world: World) -> tuple[set[Place], set[Place]]:
    """Return what the documents state, and what follows from it."""
    stated = {place for document in world.documents for place in FORM.findall(document.text)}
    return stated, stated | {(second, OPPOSITE[way], first) for first, way, second in stated}


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that follow from the documents."""
    _, known = closure(world)
    return {
        q.id: frozenset(i for i, choice in enumerate(q.choices) if FORM.findall(f"{q.prompt} {choice}")[0] in known)
        for q in world.questions
    }


def check(world: World) -> list[str]:
    """Return one message per violation; none where all is proved."""
    messages = disagreements(world, answers(world))
    stated, _ = closure(world)
    places = {fact.id: (fact.arguments[0], fact.predicate, fact.arguments[1]) for fact in world.facts}
    for q in world.questions:
        gold = FORM.findall(f"{q.prompt} {q.choices[q.gold[0]]}")[0]
        (premise,) = (places[id_] for id_ in q.proof)
        if gold not in (premise, (premise[2], OPPOSITE[premise[1]], premise[0])):
            messages.append(f"{q.id}: the gold does not follow from its proof {q.proof}")
        if (q.inference, q.depth) != (("restated", 0) if gold in stated else ("reversed", 1)):
            messages.append(f"{q.id}: inference {q.inference!r} of depth {q.depth} is not how the gold follows")
    return messages
