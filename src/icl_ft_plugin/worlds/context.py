"""Which documents of a world stand in the prompt, and in which order.

The in-context prompt is the documents, one a line, a blank line, then the bare question (arXiv 2505.00661, section 4).
Four knobs choose them, one at a time: ``context_copies``, ``context_tokens``, ``context_nearest`` and ``context_distractors``,
of which the last two choose for each question, from those that ``context_copies`` would put there (``retrieval``).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heapreplace
from typing import Any

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import family_of
from icl_ft_plugin.schema import Document, World

LEAST = {"context_tokens": 1, "context_nearest": 1, "context_distractors": 0, "context_distance": 0}
"""The knobs that choose documents beside ``context_copies``, and the least value of each."""


def chosen_by(values: Mapping[str, Any], place: str) -> dict[str, int]:
    """Return the knobs that choose documents, as far as they are given.

    Args:
        values: Of these and other keys.
        place: Where they stand, for the message.

    Raises:
        UsageError: One is no whole number or too small, or two of them contradict each other.
    """
    given = {name: values[name] for name in LEAST if values.get(name) is not None}
    for name, value in given.items():
        if type(value) is not int or value < LEAST[name]:
            raise UsageError(f"{place}: {name}={shown(value)} must be a whole number, {LEAST[name]} or more")
    ways = [name for name in given if name != "context_distance"]
    if len(ways) > 1:
        raise UsageError(f"{place}: {' and '.join(ways)} both choose the documents: leave one of them out")
    distance = given.get("context_distance", 0)
    if "context_distance" in given and distance > given.get("context_distractors", -1):
        raise UsageError(
            f"{place}: context_distance={distance}: so many distractors are to stand behind the needed documents; "
            f"give context_distractors={distance} or more"
        )
    return given


def context_documents(world: World, copies: int = 1, seed: int = 0) -> list[Document]:
    """Choose the documents that stand in the prompt; every stated fact is kept.

    Documents are visited in an order drawn from the world's seed and this one, or that of their author; one is kept while
    it states a fact that fewer than ``copies`` kept documents state.

    Args:
        world: The world.
        copies: Documents per fact, as far as there are so many; 0 keeps all documents.
        seed: Other seeds give other orders, and other copies.
    """
    documents = list(world.documents)
    if not family_of(world.family).ordered:
        random.Random(f"context-{world.seed}-{seed}" if seed else f"context-{world.seed}").shuffle(documents)
    if copies == 0:
        return documents
    stated: Counter[str] = Counter()
    kept = []
    for document in documents:
        if any(stated[fact] < copies for fact in document.facts):
            kept.append(document)
            stated.update(document.facts)
    return kept


def context_text(world: World, copies: int = 1, seed: int = 0) -> str:
    """Return the in-context part of a prompt: the chosen documents, one after the other, each on its own line."""
    return join_documents(context_documents(world, copies, seed))


def join_documents(documents: Iterable[Document]) -> str:
    """Return documents as they stand in a prompt, each on its own line."""
    return "\n".join(document.text for document in documents)


def documents_within(world: World, budget: int, count: Callable[[str], int], seed: int = 0) -> list[Document]:
    """Choose as many documents for the prompt as a budget allows; every fact that a question needs is kept.

    First come those that state the most needed facts per token, until all are stated, then others in the order of
    ``context_documents``, which is also the order of the result.

    Args:
        world: The world.
        budget: Most tokens of the documents together.
        count: Returns the number of tokens of a text.
        seed: See ``context_documents``.

    Raises:
        UsageError: The needed facts alone take more; the message tells how many tokens.
    """
    documents = context_documents(world, 0, seed)
    sizes = {document.id: count(f"{document.text}\n") for document in documents}
    missing = {fact for question in world.questions for fact in question.proof}
    chosen: set[str] = set()
    # What a document adds never grows: one whose stored share still holds is the best, and few are looked at again.
    shares = [(-len(missing.intersection(d.facts)) / sizes[d.id], place) for place, d in enumerate(documents)]
    queue = [entry for entry in shares if entry[0]]
    heapify(queue)
    while missing and queue:
        share, place = queue[0]
        best = documents[place]
        now = -len(missing.intersection(best.facts)) / sizes[best.id]
        if now != share:
            heapreplace(queue, (now, place))
        elif not now:
            break  # what no document states is for the proof layer to report
        else:
            chosen.add(best.id)
            missing -= set(best.facts)
    spent = sum(sizes[id_] for id_ in chosen)
    if spent > budget:
        raise UsageError(
            f"context_tokens={budget}: the documents that state what the questions need take {spent} tokens; raise it or "
            "make the world smaller"
        )
    for document in documents:
        if document.id not in chosen and spent + sizes[document.id] <= budget:
            chosen.add(document.id)
            spent += sizes[document.id]
    return [document for document in documents if document.id in chosen]
