"""Writes the documents of the semantic structure: ``write_documents(...)[0].text`` is e.g. "femp can bilku. ...".

A document has a topic, a category, and states what is known of it, its parent, its siblings and its children, so that
words of neighbouring categories meet in documents and co-occurrence does not give the answer away. First come the
facts that no document has stated yet; once every fact stands in each of its directions, facts are drawn at random.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice

from icl_ft_plugin.generators.hierarchy import Claim
from icl_ft_plugin.generators.semantic_forms import N_FORMS, last_word, stem
from icl_ft_plugin.generators.semantic_styles import STYLES, Style
from icl_ft_plugin.schema import Document


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
    nearby = _neighbourhoods(names, plans, statements)
    styles = list(STYLES)
    rng.shuffle(styles)
    topics = list(names)
    rng.shuffle(topics)
    start = rng.randrange(len(statements))
    # In the order of the hierarchy, so that what still has to be stated fits one topic.
    pending = iter(statements[start:] + statements[:start])
    left = len(statements)
    documents = []
    for i in range(n):
        style = STYLES[styles[i % len(styles)]]
        length = rng.randint(*sentences)
        slots = [style.slots(j) for j in range(length - bool(style.opening))]
        size = sum(slots)
        due = list(islice(pending, min(size, -(-left // (n - i)))))
        left -= len(due)
        topic = due[0].topic if due else topics[i % len(topics)]
        chosen = due + _draw(nearby[topic], size - len(due), rng)
        rng.shuffle(chosen)
        texts = _write(style, topic, slots, chosen, rng)
        facts = tuple(dict.fromkeys(statement.fact for statement in chosen))
        documents.append(Document(f"d{i}", texts, facts, 0, styles[i % len(styles)], style.separator))
    return documents


def _neighbourhoods(names: list[str], plans: list[Plan], statements: list[Statement]) -> dict[str, list[Statement]]:
    """Return per category the statements about it, its parent, its siblings and its children."""
    parent = {plan.claim.subject: plan.claim.value for plan in plans if plan.claim.predicate == "is a"}
    about: dict[str, list[Statement]] = {name: [] for name in names}
    for statement in statements:
        about[statement.topic].append(statement)
    circle = {name: [name] for name in names}
    for name, above in parent.items():
        circle[name].append(above)
        circle[above].append(name)
        circle[name] += [other for other, same in parent.items() if same == above and other != name]
    return {name: [s for other in circle[name] for s in about[other]] for name in names}


def _draw(pool: list[Statement], n: int, rng: random.Random) -> list[Statement]:
    """Draw ``n`` statements, none twice before all have been drawn."""
    if n <= len(pool):
        return rng.sample(pool, n)
    return pool * (n // len(pool)) + rng.sample(pool, n % len(pool))


def _write(
    style: Style, topic: str, slots: list[int], statements: list[Statement], rng: random.Random
) -> tuple[str, ...]:
    forms = [statement.forms[int(rng.random() * len(statement.forms))] for statement in statements]
    texts = [style.opening.format(topic=topic)] if style.opening else []
    rest = iter(forms)
    for i, size in enumerate(slots):
        parts = list(islice(rest, size))
        (first, word), wrapper = parts[0], style.wrappers[i % len(style.wrappers)]
        texts.append(wrapper.format(*(f"{s} {w}" for s, w in parts), n=i + 1, stem=first, word=word))
    return tuple(texts)
