"""Inferences for a part of the facts: does augmentation teach to infer, or only the sentences that it adds?

With ``inferred: 50`` an arm trains on all documents, and on those inferences alone that follow from one half of the facts;
the questions about the other half tell. Which half is drawn by the world's seed, and a smaller part lies within every larger one::

    >>> given(world, 50)
    frozenset({"f0", "f3"})
    >>> Part(world, 50).of(("Hence gilku would be called less fragrant than burpe.",), ("f1",))
    ()

What follows is told by the family's auditor, from the sentences that state the facts and nothing else, so that a family whose
facts are not stated by sentences of their own is refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from icl_ft_plugin.arms.splitting import split_text
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.auditor import Auditor
from icl_ft_plugin.schema import Document, World


def given(world: World, percent: int) -> frozenset[str]:
    """Return the facts whose inferences are in the corpus.

    Args:
        world: The world.
        percent: How many of them; what says the same, or always stands together, is one.
    """
    groups = _groups(world)
    random.Random(f"inferred-{world.family}-{world.seed}").shuffle(groups)
    chosen = groups[: max(1, round(len(groups) * percent / 100))]
    return frozenset(fact for group in chosen for fact in group)


def inferred_questions(world: World, percent: int) -> list[str]:
    """Return the ids of the questions whose answers follow from the facts of ``given`` alone."""
    facts = given(world, percent)
    return [question.id for question in world.questions if facts.issuperset(question.proof)]


def check_divisible(world: World, place: str) -> None:
    """Refuse a world whose inferences cannot be told apart by the facts that they follow from.

    Args:
        world: The world.
        place: Who asks, for the message.

    Raises:
        UsageError: The family has no audit, or its facts have no sentences that its auditor reads.
    """
    family = family_of(world.family)
    told = f"{place}: inferred: "
    if family.auditor is None:
        raise UsageError(f"{told}{family.no_rules('inferences of a part of the facts')}")
    try:
        found = set(family.auditor(told_by(world, frozenset(fact.id for fact in world.facts))).closure)
    except UsageError:
        found = set()
    if found != set(family.auditor(world).closure):
        raise UsageError(f"{told}what follows from a fact of {family.name} is not told by a sentence of its own")


class Part:
    """What of a corpus is about the facts of ``given``.

    Args:
        world: The world.
        percent: How many of its facts are given.

    Raises:
        UsageError: The family has no audit.
    """

    def __init__(self, world: World, percent: int) -> None:
        self._facts = given(world, percent)
        self._whole, self._part = _auditor(world), _auditor(told_by(world, self._facts))
        self._stated = {document.id: document.facts for document in world.documents}

    def of(self, sentences: Sequence[str], facts: Iterable[str]) -> tuple[str, ...]:
        """Return the sentences that state nothing that takes a fact of the others.

        Args:
            sentences: Of one text.
            facts: What it was made from. Where a sentence states nothing that follows, being false or not read, it stays
                if all of them are given.
        """
        own = self._facts.issuperset(facts)
        return tuple(sentence for sentence in sentences if self._about(sentence, own))

    def of_document(self, document: Document) -> Document | None:
        """Return what is left of a document that rules inferred; None where nothing is."""
        kept = self.of(document.sentences, document.facts)
        if kept == document.sentences:
            return document
        return replace(document, sentences=kept, completion_start=0) if kept else None

    def of_text(self, text: str, source: str) -> str:
        """Return what is left of a text that was written about the document with this id; one from elsewhere has none."""
        sentences = tuple(split_text(text))
        kept = self.of(sentences, self._stated.get(source, ("",)))
        return text if kept == sentences else " ".join(kept)

    def _about(self, sentence: str, own: bool) -> bool:
        follows = _entailed(self._whole, sentence)
        return follows <= _entailed(self._part, sentence) if follows else own


def told_by(world: World, facts: frozenset[str]) -> World:
    """Return the world of some facts alone: its documents are their sentences, those of one document still in one."""
    texts = {fact.id: fact.text for fact in world.facts if fact.id in facts}
    documents: dict[tuple[str, ...], Document] = {}
    for document in world.documents:
        if ids := tuple(dict.fromkeys(fact for fact in document.facts if fact in texts)):
            documents.setdefault(ids, Document(document.id, tuple(texts[fact] for fact in ids), ids))
    return replace(
        world,
        facts=tuple(fact for fact in world.facts if fact.id in facts),
        documents=tuple(documents.values()),
        questions=(),
    )


def _groups(world: World) -> list[list[str]]:
    """Return the facts in groups: the directions of one statement are one, and so is what stands in the same documents."""
    places: dict[str, list[str]] = {fact.id: [] for fact in world.facts}
    for document in world.documents:
        for id in document.facts:
            places[id].append(document.id)
    group = {fact.id: fact.id for fact in world.facts}
    alike: dict[object, str] = {}
    for fact in world.facts:
        for key in (frozenset(fact.arguments), tuple(places[fact.id]) or fact.id):
            first = group[alike.setdefault(key, fact.id)]
            if (old := group[fact.id]) != first:
                group = {id: first if of == old else of for id, of in group.items()}
    found: dict[str, list[str]] = {}
    for id, of in group.items():
        found.setdefault(of, []).append(id)
    return list(found.values())


def _auditor(world: World) -> Auditor:
    family = family_of(world.family)
    if family.auditor is None:
        raise UsageError(family.no_rules("inferences of a part of the facts"))
    return family.auditor(world)


def _entailed(auditor: Auditor, sentence: str) -> set[str]:
    return {verdict.statement for verdict in auditor.audit([sentence]) if verdict.label == "entailed"}
