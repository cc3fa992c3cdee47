"""Writes the documents of the semantic structure: ``write_documents(...)[0].text`` is e.g. "Note 1: femp can bilku. ...".

A document has a topic, a category, and states what is known of it and then, in paragraphs of their own, of some
categories nearby: its parent, its siblings and those its parent is compared with. So a category meets what these have as often as what its parent
has, and that words meet does not tell what it inherits. What was stated least often so far comes first, so that every
fact is stated, and all about equally often, whatever its place in the hierarchy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

from icl_ft_plugin.families.semantic.hierarchy import DENIALS, Claim
from icl_ft_plugin.families.semantic.styles import STYLES, Style
from icl_ft_plugin.families.semantic.wordings import DOCUMENTS, N_FORMS, last_word
from icl_ft_plugin.schema import Document

MIN_NEIGHBOURS = 3
LEAGUE = 12  # categories with others below them that are compared with each other, about


@dataclass(frozen=True, slots=True)
class Plan:
    """How one claim is stated.

    Attributes:
        id: Id of the claim.
        claim: What is stated.
        directions: The directions in which documents state it (True: backward).
    """

    id: str
    claim: Claim
    directions: tuple[bool, ...]

    def fact(self, backward: bool) -> str:
        """Return the id of the fact that states the claim in one direction."""
        return f"{self.id}-{'backward' if backward else 'forward'}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim in one direction, with its stem in every wording, and its last word."""

    fact: str
    topic: str
    stems: tuple[str, ...]
    word: str
    denial: bool


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
            tuple(DOCUMENTS.stem(plan.claim, backward, form) for form in range(N_FORMS)),
            last_word(plan.claim, backward),
            plan.claim.predicate in DENIALS,
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
        size = rng.randint(*sentences) - bool(style.title)
        # As many as it takes to state everything in the documents that are left.
        due = list(islice(turns, min(size, max(1, -(-unstated // (n - i))))))
        topic = statements[due[0]].topic
        pool = _pool(topic, size, near[topic], about, rng)
        chosen = due + _rarest(pool, size - len(due), counts, rng)
        unstated = counts.count(0) if unstated else 0
        rng.shuffle(chosen)
        # What is said of one category stands together, the topic first.
        order = dict.fromkeys((topic, *(statements[k].topic for k in chosen)))
        chosen = [k for name in order for k in chosen if statements[k].topic == name]
        texts = _write(style, topic, [statements[k] for k in chosen], rng)
        facts = tuple(dict.fromkeys(statements[k].fact for k in chosen))
        documents.append(Document(f"d{i}", texts, facts, 0, name, style.separator))
    return documents


def _neighbours(names: list[str], plans: list[Plan]) -> dict[str, list[str]]:
    """Return per category its parent, its siblings and what its parent is compared with; for a root, its children."""
    parent = {plan.claim.subject: plan.claim.value for plan in plans if plan.claim.predicate == "is a"}
    children: dict[str, list[str]] = {name: [] for name in names}
    for name, above in parent.items():
        children[above].append(name)
    compared = _leagues([name for name in names if children[name]], parent)
    near = {}
    for name in names:
        if name in parent:
            circle = [parent[name], *children[parent[name]], *compared[parent[name]]]
            near[name] = [other for other in dict.fromkeys(circle) if other != name]
        else:
            near[name] = children[name]
    return near


def _leagues(inner: list[str], parent: dict[str, str]) -> dict[str, list[str]]:
    """Return, for each category with others below it, a few like it, of the same level as far as there are so many."""

    def level(name: str) -> int:
        return 1 + level(parent[name]) if name in parent else 0

    inner = sorted(inner, key=level)
    count = max(1, len(inner) // LEAGUE)
    leagues = [inner[i::count] for i in range(count)]
    return {name: league for league in leagues for name in league}


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
    texts = [style.title.format(topic=topic)] if style.title else []
    turn = int(rng.random() * len(style.then))
    starts = [0]  # of paragraphs, which have two sentences or more
    for i, made in enumerate(statements):
        stem = made.stems[int(rng.random() * N_FORMS)]
        frames, place = style.but if made.denial else style.then, turn + i
        if i == 0:
            frames = (style.first,)
        elif made.topic != statements[i - 1].topic and starts[-1] + 2 <= i <= len(statements) - 2 and style.turns:
            frames, place = style.turns, turn + len(starts)
            starts.append(i)
        text = frames[place % len(frames)].format(f"{stem} {made.word}", n=i + 1, stem=stem, word=made.word)
        texts.append(f"\n{text}" if i and starts[-1] == i else text)
    return tuple(texts)
