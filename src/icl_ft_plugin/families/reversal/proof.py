"""Proofs of the simple reversals, from the text of the documents alone.

"Did you know that femp are more dangerous than glon?" is read as ``("femp", "more", "dangerous", "glon")``; what
follows from it is itself and ``("glon", "less", "dangerous", "femp")``, and what an order entails beyond: where glon are
more dangerous than trune, femp are, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.families.reversal.phrases import OPPOSITE, TESTS
from icl_ft_plugin.schema import World

Comparison = tuple[str, str, str, str]
STATED = re.compile(r"(\w+) are (more|less) (\w+) than (\w+)")
HEADS, VERBS = ("|".join(sorted({t.split("{}")[i] for bank in TESTS.values() for t in bank})) for i in (0, 1))
STEM = re.compile(rf"(?:{HEADS})(\w+)(?:{VERBS})\b")
ASKED = re.compile(rf"{STEM.pattern} (more|less) (\w+) than (\w+)\.?")
MISLEADING = "reversal_misleading"


def turned(comparison: Comparison) -> Comparison:
    """Return a comparison from its other side."""
    first, word, dimension, second = comparison
    return second, OPPOSITE[word], dimension, first


def closure(stated: Iterable[Comparison]) -> set[Comparison]:
    """Return all that follows from comparisons: themselves, their reversals, and those of what is compared over others."""
    known = {c if c[1] == "more" else turned(c) for c in stated}
    below: dict[tuple[str, str], set[str]] = {}
    for first, _, dimension, second in known:
        below.setdefault((dimension, first), set()).add(second)
    fresh = known
    while fresh:
        steps = {(a, "more", d, c) for a, _, d, b in fresh for c in below.get((d, b), ())}
        fresh = steps - known
        known = known | fresh
    return known | set(map(turned, known))


def subject(question: str) -> str | None:
    """Return what a question is about, or nothing where it has none of the wordings of questions."""
    match = STEM.match(question)
    return match and match[1]


def read(statement: str) -> Comparison | None:
    """Read a question's statement."""
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
    messages += _check_documents(world, stated)
    facts = {comparison for comparisons in stated.values() for comparison in comparisons}
    by_id = {fact.id: (fact.arguments[0], *fact.predicate.split(" "), fact.arguments[1]) for fact in world.facts}
    for q in world.questions:
        gold = read(f"{q.prompt} {q.choices[q.gold[0]]}")
        premises = {by_id[id] for id in q.proof if id in by_id}
        if gold not in closure(premises):  # type: ignore[arg-type]
            messages.append(f"{q.id}: the gold does not follow from its proof {q.proof}")
        if (q.inference, q.depth) != (("restated", 0) if gold in facts else ("reversed", 1)):
            messages.append(f"{q.id}: inference {q.inference!r} of depth {q.depth} is not how the gold follows")
    return [*messages, *_check_misleading(world, stated)]


def _check_documents(world: World, stated: dict[str, list[Comparison]]) -> Iterator[str]:
    """Check that each document states one thing, that nothing is above itself, and that both words are said as often."""
    for document, comparisons in stated.items():
        if len(comparisons) != 1:
            yield f"{document}: states {len(comparisons)} comparisons, not one"
    said = {id: c for document in world.documents for id in document.facts for c in stated[document.id]}
    for first, word, dimension, second in closure(c for found in stated.values() for c in found):
        if first == second and word == "more":
            yield f"{first}: more {dimension} than itself, by what the documents state"
    asked = {id for q in world.questions if not q.block for id in q.proof if id in said}
    uses = Counter(term for first, _, _, second in said.values() for term in (first, second))
    for id in asked:
        for term in (said[id][0], said[id][3]):
            if uses[term] > 1:
                yield f"{term}: stands in {uses[term]} facts, so that more than a reversal may follow"
    words = Counter(said[id][1] for id in asked)
    if abs(words["more"] - words["less"]) > 1:
        yield f"counterbalance: {words['more']} facts say more, {words['less']} less"


def _check_misleading(world: World, stated: dict[str, list[Comparison]]) -> Iterator[str]:
    """Check that of a misleading question's choices a refuted one meets its subject in most documents."""
    meetings = Counter(frozenset((first, second)) for found in stated.values() for first, _, _, second in found)
    known = closure(comparison for found in stated.values() for comparison in found)
    for q in world.questions:
        if q.split == MISLEADING:
            about = subject(q.prompt)
            met = {choice: meetings[frozenset((str(about), choice))] for choice in q.choices}
            most, second, *_ = sorted(q.choices, key=lambda choice: -met[choice])
            wrong = read(f"{q.prompt} {most}")
            if wrong is None or (wrong[0], OPPOSITE[wrong[1]], *wrong[2:]) not in known:
                yield f"{q.id}: {most!r}, which meets {about!r} most often, is not refuted"
            elif met[most] < 2 * met[second]:
                yield f"{q.id}: {most!r} does not meet {about!r} twice as often as {second!r}"


def statements(world: World) -> dict[str, list[Comparison]]:
    """Return, by document id, what its text states."""
    return {document.id: STATED.findall(document.text) for document in world.documents}
