"""Proofs of the celebrities, own worlds and imported ones, from the text of the documents alone.

"Critics praise Tavori Brensolk as" + " the composer of the opera Silent Harbor." is read as: the person p3, told in
the order ``name_first``, is described as p3 is. What follows is that this name and this description are one person's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import Fact, Question, World

Reading = tuple[str, str, str]  # order, the name, and the description it is said to have
NEVER_TARGETS = {"reversal_trained": False, "reversal_untrained": True, "reversal_description": True}


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that give a name its stated description, or a description its name."""
    read = reader(world)
    known = {reading[1:] for reading in statements(world, read).values() if reading}
    found = {}
    for q in world.questions:
        readings = [read(q.prompt, choice) for choice in q.choices]
        found[q.id] = frozenset(i for i, reading in enumerate(readings) if reading and reading[1:] in known)
    return found


def check(world: World) -> list[str]:
    """Prove every gold, refute every distractor, and check the design of the family.

    Args:
        world: A world of celebrities, generated or imported.

    Returns:
        One message per violation; empty when all is proved.
    """
    read = reader(world)
    stated = statements(world, read)
    messages = disagreements(world, answers(world))
    messages += _check_documents(world, stated)
    targets = {reading[2 if reading[0] == "name_first" else 1] for reading in stated.values() if reading}
    for q in world.questions:
        messages += _check_question(q, read, {reading for reading in stated.values() if reading}, targets)
    return messages


def reader(world: World, least: float = 0) -> Callable[[str, str], Reading | None]:
    """Return what reads a text in two parts: a name in one part and a description in the other, or nothing.

    Args:
        world: A world of celebrities, generated or imported.
        least: How much must be found of an imported description, which changes its form: words and pairs of words
            that no other description has count 1 each, others less.
    """
    pairs = dict(_pair(fact) for fact in world.facts)
    nearest = _by_words(list(pairs.values()), least)
    exact = "source" not in world.config  # imported descriptions change their form with the phrasing

    def described(text: str) -> str | None:
        if not exact:
            return nearest(text)
        lowered = text.lower()
        found = [description for description in pairs.values() if description.lower() in lowered]
        return found[0] if len(found) == 1 else None

    def read(left: str, right: str) -> Reading | None:
        for order, name_part, other in (("name_first", left, right), ("description_first", right, left)):
            named = [name for name in pairs if name in name_part]
            if len(named) == 1 and (description := described(other)):
                return order, named[0], description
        return None

    return read


def _pair(fact: Fact) -> tuple[str, str]:
    first, second = fact.arguments
    return (first, second) if fact.predicate == "name_first" else (second, first)


def _by_words(descriptions: list[str], least: float) -> Callable[[str], str | None]:
    """Return what finds the one description that shares most words with a text; words of many count little."""
    bags = {description: _words(description) for description in descriptions}
    holders: dict[str, int] = {}
    for bag in bags.values():
        for word in bag:
            holders[word] = holders.get(word, 0) + 1

    def nearest(text: str) -> str | None:
        words = _words(text)
        scores = {description: sum(1 / holders[word] for word in bag & words) for description, bag in bags.items()}
        best = sorted(scores, key=lambda description: -scores[description])[:2]
        clear = len(best) == 1 or scores[best[0]] > scores[best[1]]
        return best[0] if best and scores[best[0]] > 0 and scores[best[0]] >= least and clear else None

    return nearest


def _words(text: str) -> set[str]:
    """Return the words and the pairs of neighbors of a text."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {*words, *map(" ".join, pairwise(words))}


def statements(world: World, read: Callable[[str, str], Reading | None]) -> dict[str, Reading | None]:
    """Return, by document id, what its text states; the completion is the second part."""
    return {d.id: read(d.text[: d.completion_start], d.text[d.completion_start :]) for d in world.documents}


def _check_documents(world: World, stated: dict[str, Reading | None]) -> Iterator[str]:
    facts = {fact.id: (fact.predicate, *_pair(fact)) for fact in world.facts}
    for document in world.documents:
        if [stated[document.id]] != [facts.get(id) for id in document.facts]:
            yield f"{document.id}: its text does not state its fact {document.facts}: {document.text!r}"
    names, descriptions = (list(dict.fromkeys(fact[i] for fact in facts.values())) for i in (1, 2))
    for values in (names, descriptions):
        for value in values:
            if any(value in other for other in values if other != value):
                yield f"{value!r} stands in another name or description"


def _check_question(
    q: Question, read: Callable[[str, str], Reading | None], stated: set[Reading], targets: set[str]
) -> Iterator[str]:
    readings = [read(q.prompt, choice) for choice in q.choices]
    gold = readings[q.gold[0]]
    if gold is None or None in readings:
        yield f"{q.id}: a choice does not give one name one description"
        return
    if (q.inference, q.depth) != (("restated", 0) if gold in stated else ("reversed", 1)):
        yield f"{q.id}: inference {q.inference!r} of depth {q.depth} is not how the gold follows"
    order = gold[0] if gold in stated else {"name_first": "description_first"}.get(gold[0], "name_first")
    if len(q.proof) != 1 or not q.proof[0].endswith(f"-{order}"):
        yield f"{q.id}: the gold does not follow from its proof {q.proof}"
    if q.split in NEVER_TARGETS:
        asked = 2 if gold[0] == "name_first" else 1
        trained = [reading[asked] in targets for reading in readings if reading]
        expected = [i not in q.gold and not NEVER_TARGETS[q.split] for i in range(len(readings))]
        if trained != expected:
            yield f"{q.id}: which choices were targets of training is {trained}, by design {expected}"
