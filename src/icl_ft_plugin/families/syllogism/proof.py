"""Proofs of the simple syllogisms, from the text of the documents alone.

"The terms trune, femp and glon are related. All femp are glon. Some of the glon are trune." is read in the wordings of
documents, the choices of a question in those of questions; what follows is found by enumerating Venn models (``logic``).
Nothing is taken from the facts or the gold of a world.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.families.syllogism.logic import Statement, conclusions
from icl_ft_plugin.families.syllogism.phrases import DOCUMENTS, TESTS
from icl_ft_plugin.schema import Document, Question, World

NAMING = re.compile(r"The terms (\w+), (\w+) and (\w+) are related\.")
ASKED = re.compile(r"(\w+) and (\w+) are related:")


def pattern(*banks: Mapping[str, Iterable[str]]) -> re.Pattern[str]:
    """Return what finds statements in the wordings of some banks, by quantifier, with ``{a}`` and ``{b}`` for the terms."""
    wordings = [(quantifier, wording) for bank in banks for quantifier, held in bank.items() for wording in held]
    parts = []
    for i, (quantifier, wording) in enumerate(sorted(wordings, key=lambda item: -len(item[1]))):
        text = re.escape(wording.removesuffix("."))
        for slot, form in {r"a\ \{": r"an?\ \{", r"\{a\}": r"(\w+)", r"\{b\}": r"(\w+)"}.items():
            text = text.replace(slot, form)
        parts.append(f"(?P<{quantifier}{i}>{text})")
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE)


def statement_of(match: re.Match[str]) -> Statement:
    """Return what a match of such a pattern states."""
    _, subject, predicate = (group for group in match.groups() if group is not None)
    return str(match.lastgroup).rstrip("0123456789"), subject, predicate


STATED, CHOSEN = pattern(DOCUMENTS), pattern(TESTS)


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


def _following(q: Question, premises: Sequence[Statement], world: World) -> frozenset[int]:
    """Return the choices that are strongest statements entailed by the given premises."""
    asked = ASKED.fullmatch(q.prompt)
    if asked is None:
        return frozenset()
    true = conclusions(premises, asked[1], asked[2], bool(world.config.get("existential_import", False)))
    return frozenset(i for i, choice in enumerate(q.choices) if _read(choice) in true)


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
    return [statement_of(match) for match in STATED.finditer(document.text)]


def _read(choice: str) -> Statement | None:
    match = CHOSEN.fullmatch(choice.removesuffix("."))
    return statement_of(match) if match else None
