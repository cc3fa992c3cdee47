"""Proofs of the simple syllogisms, by enumerating all Venn models of three terms.

A model tells which of the seven regions of a three-circle diagram have members. "All femp are glon. Some glon are
trune." holds in some of the 128 models; a statement is entailed when it holds in all of these. Nothing is taken from
the facts or the gold of a world: the premises are read from the documents' text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import Document, Question, World

Statement = tuple[str, str, str]  # quantifier, subject, predicate
Premise = tuple[str, int, int]  # the same over term numbers 0, 1, 2
REGIONS = tuple(region for region in product((False, True), repeat=3) if any(region))
NAMING = re.compile(r"The terms (\w+), (\w+) and (\w+) are related\.")
STATED = re.compile(r"(All|Some|No) (\w+) are (\w+)\.")
ASKED = re.compile(r"(\w+) and (\w+) are related:")
REPHRASED = re.compile(r"(Every|At least one|Not one) (\w+) is a (\w+)\.")
QUANTIFIERS = {"Every": "all", "At least one": "some", "Not one": "no", "All": "all", "Some": "some", "No": "no"}


@cache
def entailed(premises: tuple[Premise, ...], first: int, second: int, existential_import: bool) -> frozenset[Premise]:
    """Return the strongest entailed statements over two terms.

    Args:
        premises: Two or fewer statements over the terms 0, 1 and 2.
        first: A term.
        second: Another term.
        existential_import: Whether only models count in which every term has members.

    Returns:
        Those of the six statements all / some / no, both directions, that hold in every model of the premises, less
        those that follow from another one of them without following back.
    """
    models = [model for model in _models(existential_import) if all(_holds(p, model) for p in premises)]
    options = [(q, *pair) for q in ("all", "some", "no") for pair in ((first, second), (second, first))]
    true = [option for option in options if all(_holds(option, model) for model in models)]
    return frozenset(s for s in true if not any(_stronger(t, s, existential_import) for t in true))


@cache
def holds(premises: tuple[Premise, ...], statement: Premise, existential_import: bool) -> bool | None:
    """Tell whether a statement holds in every model of the premises (True), in none (False) or in some (None)."""
    models = [model for model in _models(existential_import) if all(_holds(p, model) for p in premises)]
    found = {_holds(statement, model) for model in models}
    return found.pop() if len(found) == 1 else None


@cache
def _models(existential_import: bool) -> tuple[tuple[tuple[bool, ...], ...], ...]:
    every = (tuple(r for r, kept in zip(REGIONS, bits, strict=True) if kept) for bits in product((0, 1), repeat=7))
    return tuple(m for m in every if not existential_import or all(any(r[t] for r in m) for t in range(3)))


def _holds(statement: Premise, model: tuple[tuple[bool, ...], ...]) -> bool:
    quantifier, subject, predicate = statement
    if quantifier == "all":
        return not any(region[subject] and not region[predicate] for region in model)
    return any(region[subject] and region[predicate] for region in model) == (quantifier == "some")


@cache
def _stronger(left: Premise, right: Premise, existential_import: bool) -> bool:
    """Tell whether ``left`` alone entails ``right`` and not the other way round."""
    models = _models(existential_import)
    both = [(_holds(left, m), _holds(right, m)) for m in models]
    return all(r for le, r in both if le) and not all(le for le, r in both if r)


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that are strongest statements entailed by the documents."""
    premises = {
        term: stated for stated in map(read_premises, world.documents) for _, *terms in stated for term in terms
    }
    found = {}
    for q in world.questions:
        asked = ASKED.fullmatch(q.prompt)
        found[q.id] = _following(q, premises.get(asked[1], []) if asked else [], world)
    return found


def _following(q: Question, premises: list[Statement], world: World) -> frozenset[int]:
    """Return the choices that are strongest statements entailed by the given premises."""
    asked = ASKED.fullmatch(q.prompt)
    terms = list(dict.fromkeys(term for _, *pair in premises for term in pair))
    if asked is None or not {asked[1], asked[2]} <= set(terms):
        return frozenset()  # the two terms never meet
    numbered = tuple((quantifier, terms.index(a), terms.index(b)) for quantifier, a, b in premises)
    existential_import = bool(world.config.get("existential_import", False))
    true = entailed(numbered, terms.index(asked[1]), terms.index(asked[2]), existential_import)
    named = {(quantifier, terms[a], terms[b]) for quantifier, a, b in true}
    return frozenset(i for i, choice in enumerate(q.choices) if _read(choice) in named)


def check(world: World) -> list[str]:
    """Prove every gold set, refute every other candidate, and check the design of the family.

    Args:
        world: A world of simple syllogisms.

    Returns:
        One message per violation; empty when all is proved.
    """
    wrong = disagreements(world, answers(world))
    return [*wrong, *_check_documents(world), *_check_proofs(world), *_check_design(world)]


def _check_documents(world: World) -> Iterator[str]:
    uses: Counter[str] = Counter()
    by_fact = {fact.id: (fact.predicate, *fact.arguments) for fact in world.facts}
    for document in world.documents:
        naming, stated = NAMING.match(document.text), read_premises(document)
        terms = {term for _, *pair in stated for term in pair}
        uses.update(terms)
        if naming is None or set(naming.groups()) != terms or len(stated) != 2:
            yield f"{document.id}: does not name three terms and relate them in two premises: {document.text!r}"
        if stated != [by_fact.get(fact) for fact in document.facts]:
            yield f"{document.id}: its text does not state its facts {document.facts}"
    yield from (f"{term}: stands in {n} documents, not one" for term, n in uses.items() if n > 1)


def _check_proofs(world: World) -> Iterator[str]:
    """Check that a gold set follows from the facts of its proof, and from no smaller part of them."""
    facts: dict[str, Statement] = {fact.id: (fact.predicate, *fact.arguments) for fact in world.facts}  # type: ignore[misc]
    for q in world.questions:
        proof = [facts[id] for id in q.proof if id in facts]
        if _following(q, proof, world) != set(q.gold):
            yield f"{q.id}: the gold does not follow from its proof {q.proof}"
        for i, id in enumerate(q.proof):
            if _following(q, proof[:i] + proof[i + 1 :], world) & set(q.gold):
                yield f"{q.id}: the gold follows without {id} of its proof"


def _check_design(world: World) -> Iterator[str]:
    """Check that no statement that is always given is right more often than chance, as far as the counts allow."""
    answered: Counter[str] = Counter()
    for q in world.questions:
        pair = set(q.prompt.removesuffix(" are related:").split(" and "))
        if len(q.choices) != 6 or {frozenset(s[1:]) for s in map(_read, q.choices) if s} != {frozenset(pair)}:
            yield f"{q.id}: its choices are not the six statements over the terms of its prompt"
        if (q.inference, q.depth) != (("chained", 1) if q.split == "inference" else ("restated", 0)):
            yield f"{q.id}: inference {q.inference!r} of depth {q.depth} does not fit the split {q.split!r}"
        if q.split == "inference":
            answered.update(f"{_read(q.choices[i])[0]}-{i % 2}" for i in q.gold)  # type: ignore[index]
    directions = answered["all-0"], answered["all-1"]
    others = answered["some-0"], answered["no-0"]
    if (
        abs(directions[0] - directions[1]) > 1
        or abs(others[0] - others[1]) > 1
        or abs(sum(directions) - sum(others)) > 1
    ):
        yield f"counterbalance: conclusions by quantifier and direction {dict(answered)}"


def read_premises(document: Document) -> list[Statement]:
    """Return the statements of a document, in the order of its text."""
    return [(QUANTIFIERS[q], a, b) for q, a, b in STATED.findall(document.text)]


def _read(choice: str) -> Statement | None:
    match = STATED.fullmatch(choice) or REPHRASED.fullmatch(choice)
    return (QUANTIFIERS[match[1]], match[2], match[3]) if match else None
