"""Proves a world: ``verify(world)`` is empty when every gold follows, every distractor does not, and the design holds.

Generic rules apply to every family, for example: the statement of a question, such as "glon are less dangerous than
femp.", stands in no document. Each family adds a proof of its own, which derives the answers from the documents.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import family_of, told
from icl_ft_plugin.families.blocks import faults
from icl_ft_plugin.schema import Document, Question, World

CLUSTERS = {"fact", "first", "last", "template", "world"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule.

    Attributes:
        rule: Name of the rule: ``"ids"``, ``"form"``, ``"verbatim"``, ``"stated"``, ``"position"``, ``"blocks"`` or ``"proof"``.
        message: What is wrong, and where.
    """

    rule: str
    message: str


def verify(world: World, contexts: Iterable[Sequence[Document]] = ()) -> list[Violation]:
    """Check a world by the generic rules and by its family's proof.

    Args:
        world: The world.
        contexts: Selections of its documents, as they stand in prompts; each must state all that the questions need.

    Returns:
        The violations; empty when all is proved.

    Raises:
        UsageError: The family has no proof.

    Examples:
        >>> import dataclasses
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> icl_ft.verify(world)
        []
        >>> blank = dataclasses.replace(world, documents=())
        >>> {violation.rule for violation in icl_ft.verify(blank)} >= {"stated"}
        True
    """
    family = family_of(world.family)
    if family.proof is None:
        form = "; `icl-ft data check` finds what is wrong with their form" if family.load else ""
        raise UsageError(family.no_rules("proof") + form)
    found = [Violation(rule, message) for rule, check in RULES.items() for message in check(world)]
    for i, context in enumerate(contexts):
        found += [Violation("stated", f"context {i}: {message}") for message in stated(world, context)]
    if any(violation.rule in ("ids", "form") for violation in found):
        return found  # a proof reads what these rules grant
    try:
        found += [Violation("proof", message) for message in family.proof.check(world)]
        if not found and family.oracle:  # which reads a world that is as it should be
            held = verbatim(world, family.oracle(world), "a text of the oracle")
            found += [Violation("verbatim", message) for message in held]
    except (LookupError, TypeError, ValueError) as error:  # a fact of three arguments, say
        found.append(Violation("form", f"it cannot be read as a world of {family.name}: {shown(error)}"))
    return found


def unique_ids(world: World) -> Iterator[str]:
    """Check that no id is given twice."""
    for kind in ("facts", "documents", "questions"):
        counts = Counter(item.id for item in getattr(world, kind))
        yield from (f"{kind}: the id {id!r} is given {n} times" for id, n in counts.items() if n > 1)


def form(world: World) -> Iterator[str]:
    """Check what scoring relies on: gold indices, distinct choices, where spaces stand, cluster ids, known facts."""
    facts = {fact.id for fact in world.facts}
    for q in world.questions:
        yield from (f"{q.id}: {message}" for message in _question_form(q, facts))
    for d in world.documents:
        start = d.completion_start
        if not d.text.strip() or not (start == 0 or (0 < start < len(d.text) and d.text[start] == " ")):
            yield f"{d.id}: completion_start {start} is not in front of a space of its text {d.text!r}"
        yield from (f"{d.id}: states the unknown fact {id!r}" for id in d.facts if id not in facts)


def _question_form(q: Question, facts: set[str]) -> Iterator[str]:
    if not q.gold or len(set(q.gold)) != len(q.gold) or not all(0 <= i < len(q.choices) for i in q.gold):
        yield f"gold {q.gold} is not a set of indices of its {len(q.choices)} choices"
    if len(q.gold) >= len(q.choices) or len(set(q.choices)) != len(q.choices):
        yield f"choices are repeated, or all are right: {q.choices}"
    if not q.prompt.strip() or q.prompt != q.prompt.rstrip() or any(c != c.strip() or not c for c in q.choices):
        yield f"the prompt ends, or a choice begins or ends, in a space: {q.prompt!r}, {q.choices}"
    if not set(q.clusters) >= CLUSTERS:
        yield f"cluster ids are missing: {sorted(CLUSTERS - set(q.clusters))}"
    if not q.proof or not set(q.proof) <= facts:
        yield f"the proof {q.proof} is empty or names an unknown fact"


def verbatim(world: World, documents: Sequence[Document] | None = None, what: str = "a document") -> Iterator[str]:
    """Check that no document holds a question's statement (prompt and gold choice), however it is written (``told``).

    Args:
        world: The world.
        documents: Texts to look into; the world's documents by default.
        what: What to call such a text.
    """
    texts = [(d.id, d.text) for d in (world.documents if documents is None else documents)]
    for q, i, _ in told.verbatim(world.questions, texts, family_of(world.family).stem):
        yield f"{q.id}: {what} holds the statement {q.prompt!r} + {q.choices[i]!r}"


def stated(world: World, documents: Sequence[Document] | None = None) -> Iterator[str]:
    """Check that every fact of a proof is stated in some document.

    Args:
        world: The world.
        documents: The documents that count; all of the world's by default.
    """
    known = {id for document in (world.documents if documents is None else documents) for id in document.facts}
    for q in world.questions:
        yield from (f"{q.id}: no document states {id!r} of its proof" for id in q.proof if id not in known)


def position(world: World) -> Iterator[str]:
    """Check that in no split the choice at one position is right more often than chance allows (six deviations)."""
    for split in world.splits:
        questions = [q for q in world.questions if q.split == split]
        right = Counter(i for q in questions for i in q.gold)
        expected = sum(q.chance for q in questions)
        limit = expected + 6 * math.sqrt(sum(q.chance * (1 - q.chance) for q in questions))
        for i, n in right.items():
            if n > limit:
                yield f"{split}: choice {i} is right in {n} of {len(questions)} questions, expected {expected:.1f}"


RULES: dict[str, Callable[[World], Iterator[str]]] = {
    "ids": unique_ids,
    "form": form,
    "verbatim": verbatim,
    "stated": stated,
    "position": position,
    "blocks": faults,
}
