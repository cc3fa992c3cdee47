"""Proofs of the simple reversals, from the text of the documents alone.

"Did you know that femp are more dangerous than glon?" is read as ``("femp", "more", "dangerous", "glon")``; what
follows from it is itself and ``("glon", "less", "dangerous", "femp")``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import World

Comparison = tuple[str, str, str, str]
OPPOSITE = {"more": "less", "less": "more"}
STATED = re.compile(r"(\w+) are (more|less) (\w+) than (\w+)")
ASKED = re.compile(r"(\w+) [\w ]*?(more|less) (\w+) than (\w+)\.?")


def closure(stated: Iterable[Comparison]) -> set[Comparison]:
    """Return the comparisons and their reversals; nothing else follows while no term is in two of them."""
    known = set(stated)
    return known | {(second, OPPOSITE[word], dimension, first) for first, word, dimension, second in known}


def read(statement: str) -> Comparison | None:
    """Read a question's statement, whatever words stand between the subject and the comparison."""
    match = ASKED.fullmatch(statement)
    return (match[1], match[2], match[3], match[4]) if match else None


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that follow from the documents."""
    known = closure(comparison for comparisons in statements(world).values() for comparison in comparisons)
    return {
        q.id: frozenset(i for i, choice in enumerate(q.choices) if read(f"{q.prompt} {choice}") in known)
        for q in world.questions
    }


def check(world: World) -> list[str]:
    """Prove every gold, refute every distractor, and check the design of the family.

    Args:
        world: A world of simple reversals.

    Returns:
        One message per violation; empty when all is proved.
    """
    stated = statements(world)
    messages = disagreements(world, answers(world))
    for document, comparisons in stated.items():
        if len(comparisons) != 1:
            messages.append(f"{document}: states {len(comparisons)} comparisons, not one")
    facts = {comparison for comparisons in stated.values() for comparison in comparisons}
    uses = Counter(term for first, _, _, second in facts for term in (first, second))
    messages += [
        f"{term}: stands in {n} facts, so that more than a reversal may follow" for term, n in uses.items() if n > 1
    ]
    words = Counter(comparison[1] for comparison in facts)
    if abs(words["more"] - words["less"]) > 1:
        messages.append(f"counterbalance: {words['more']} facts say more, {words['less']} less")
    by_id = {fact.id: (fact.arguments[0], *fact.predicate.split(" "), fact.arguments[1]) for fact in world.facts}
    for q in world.questions:
        gold = read(f"{q.prompt} {q.choices[q.gold[0]]}")
        premises = {by_id[id] for id in q.proof if id in by_id}
        if gold not in closure(premises):  # type: ignore[arg-type]
            messages.append(f"{q.id}: the gold does not follow from its proof {q.proof}")
        if (q.inference, q.depth) != (("restated", 0) if gold in facts else ("reversed", 1)):
            messages.append(f"{q.id}: inference {q.inference!r} of depth {q.depth} is not how the gold follows")
    return messages


def statements(world: World) -> dict[str, list[Comparison]]:
    """Return, by document id, what its text states."""
    return {document.id: STATED.findall(document.text) for document in world.documents}
