"""Writes the documents of the semantic structure: ``write_documents(...)[0].text`` is e.g. "femp can bilku. ...".

A document has a topic, a category, and states what is known of it and of some categories nearby: its parent, its
siblings and its parent's siblings. So a category meets what its parent's siblings have as often as what its parent
has, and that words meet does not tell what it inherits. What was stated least often so far comes first, so that every
fact is stated, and all about equally often, whatever its place in the hierarchy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

from icl_ft_plugin.families.semantic.forms import N_FORMS, last_word, stem
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.styles import STYLES, Style
from icl_ft_plugin.schema import Document

MIN_NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How one claim is stated.

    Attributes:
        id: Id of the claim.
        claim: What is stated.
        directions: The directions in which documents state it (True: backward).
        reserved: The form that documents never use for it: questions do.
    """

    id: str
    claim: Claim
    directions: tuple[bool, ...]
    reserved: int

    def fact(self, backward: bool) -> str:
        """Return the id of the fact that states the claim in one direction."""
        return f"{self.id}-{'backward' if backward else 'forward'}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim in one direction, with the (stem, last word) of every form that documents may use."""

    fact: str
    topic: str
    forms: tuple[tuple[str, str], ...]


def write_documents(
    names: list[str], plans: list[Plan], n: int, sentences: tuple[int, int], rng: random.Random
) -> list[Document]:
    """Write ``n`` documents.

    Args:
        names: The categories.
        plans: What is stated and how.
        n: Number of documents.
        sentences: Fewest and most sentences of a document.
        rng: The world's own generator.
    """
    statements = [
        Statement(
            plan.fact(backward),
            plan.claim.subject,
            tuple(
                (stem(plan.claim, backward, form), last_word(plan.claim, backward))
                for form in range(N_FORMS)
                if form != plan.reserved
            ),
        )
        for plan in plans
        for backward in plan.directions
    ]
    near = _neighbours(names, plans)
    about: dict[str, list[int]] = {name: [] for name in names}
    for k, made in enumerate(statements):
        about[made.topic].append(k)
    styles = list(STYLES)
    rng.shuffle(styles)
    counts = [0] * len(statements)
    turns = _turns(counts, rng)
    unstated = len(statements)
    documents = []
    for i in range(n):
        name = styles[i % len(styles)]
        style = STYLES[name]
        size = rng.randint(*sentences) - bool(style.opening)
        # As many as it takes to state everything in the documents that are left.
        due = list(islice(turns, min(size, max(1, -(-unstated // (n - i))))))
        topic = statements[due[0]].topic
        pool = _pool(topic, size, near[topic], about, rng)
        chosen = due + _rarest(pool, size - len(due), counts, rng)
        unstated = counts.count(0) if unstated else 0
        rng.shuffle(chosen)
        texts = _write(style, topic, [statements[k] for k in chosen], rng)
        facts = tuple(dict.fromkeys(statements[k].fact for k in chosen))
        documents.append(Document(f"d{i}", texts, facts, 0, name, style.separator))
    return documents


def _neighbours(names: list[str], plans: list[Plan]) -> dict[str, list[str]]:
    """Return per category its parent, its siblings and its parent's siblings; for a root, its children."""
    parent = {plan.claim.subject: plan.claim.value for plan in plans if plan.claim.predicate == "is a"}
    children: dict[str, list[str]] = {name: [] for name in names}
    for name, above in parent.items():
        children[above].append(name)
    near = {}
    for name in names:
        if name in parent:
            above = parent[name]
            circle = [above, *children[above], *children.get(parent.get(above, ""), [])]
            near[name] = [other for other in dict.fromkeys(circle) if other != name]
        else:
            near[name] = children[name]
    return near


def _pool(topic: str, n: int, near: list[str], about: dict[str, list[int]], rng: random.Random) -> list[int]:
    """Return the statements, by number, on the topic and some neighbours: at least three, and more until ``n`` are there."""
    pool = list(about[topic])
    for i, name in enumerate(rng.sample(near, len(near))):
        if i >= MIN_NEIGHBOURS and len(pool) >= n:
            break
        pool += about[name]
    return pool


def _turns(counts: list[int], rng: random.Random) -> Iterator[int]:
    """Yield the statements by number, those that documents made least use of first; counts each as used.

    In the order of the hierarchy, so that what still has to be stated fits one topic.
    """
    start = rng.randrange(len(counts))
    for uses in count(1):
        for k in chain(range(start, len(counts)), range(start)):
            if counts[k] < uses:
                counts[k] += 1
                yield k


def _rarest(pool: list[int], n: int, counts: list[int], rng: random.Random) -> list[int]:
    """Return ``n`` statements of the pool, those that documents made least use of first; counts each as used."""
    chosen: list[int] = []
    while len(chosen) < n:
        order = sorted(pool, key=lambda k: (counts[k], rng.random()))[: n - len(chosen)]
        for k in order:
            counts[k] += 1
        chosen += order
    return chosen


def _write(style: Style, topic: str, statements: list[Statement], rng: random.Random) -> tuple[str, ...]:
    texts = [style.opening.format(topic=topic)] if style.opening else []
    for i, made in enumerate(statements):
        first, word = made.forms[int(rng.random() * len(made.forms))]
        wrapper = style.wrappers[i % len(style.wrappers)]
        texts.append(wrapper.format(f"{first} {word}", n=i + 1, stem=first, word=word))
    return tuple(texts)
