"""Documents for the prompt chosen per question: by BM25, within a budget in tokens or so many, or those that are needed.

For example ``chosen(documents, "Mirela Voss leads", 512, count)`` gives the documents that share the rarest words with the
question, as many as 512 tokens hold, in the order of their file. The question alone is read, never its choices or answer.
``needed(documents, question, 4)`` is what a perfect retriever would find: it reads the question's proof.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import fmean
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import Document


def chosen(documents: Sequence[Document], question: str, budget: int, count: Callable[[str], int]) -> list[Document]:
    """Return the documents that stand in front of a question.

    The best-ranked are taken first; one that is too long for what is left of the budget is passed over. Documents that
    share no word with the question come last, in their own order.

    Args:
        documents: Those to choose from.
        question: What is asked.
        budget: Most tokens of the documents together.
        count: Returns the number of tokens of a text.

    Raises:
        UsageError: Not one document fits.
    """
    left = budget
    taken = set()
    # The newline that ends a document in the prompt counts too.
    sizes = [count(f"{document.text}\n") for document in documents]
    for place in _ranked(documents, question):
        if sizes[place] <= left:
            taken.add(place)
            left -= sizes[place]
    if not taken:
        raise UsageError(f"context_tokens={budget}: not one document fits; the shortest takes {min(sizes)} tokens")
    return [document for i, document in enumerate(documents) if i in taken]


def nearest(documents: Sequence[Document], question: str, most: int) -> list[Document]:
    """Return the documents nearest to a question by BM25, in their own order.

    Args:
        documents: Those to choose from.
        question: What is asked.
        most: Their number, as far as there are so many.
    """
    taken = set(_ranked(documents, question)[:most])
    return [document for i, document in enumerate(documents) if i in taken]


def needed(
    documents: Sequence[Document], proof: Sequence[str], distractors: int, seed: str, distance: int | None = None
) -> list[Document]:
    """Return the documents that state what a question needs, and others.

    Args:
        documents: Those to choose from; a fact is taken from the first of those that state most of what is missing.
        proof: Ids of the needed facts.
        distractors: The number of others, as far as there are so many; a smaller number gives a part of these.
        seed: Of the draw.
        distance: The number of others that stand behind the needed ones; by default all stand in their own order.
    """
    missing, stating = set(proof), set()
    while missing:
        best = max(documents, key=lambda document: len(missing.intersection(document.facts)))
        if missing.isdisjoint(best.facts):
            break  # what no document states is for the proof layer to report
        stating.add(best.id)
        missing.difference_update(best.facts)
    own = [document for document in documents if document.id in stating]
    others = [document for document in documents if document.id not in stating]
    random.Random(seed).shuffle(others)
    others = others[:distractors]
    if distance is not None:
        before = max(0, len(others) - distance)
        return [*others[:before], *own, *others[before:]]
    taken = {document.id for document in (*own, *others)}
    return [document for document in documents if document.id in taken]


def summary(by: str, sizes: Sequence[int], whole: Sequence[bool], documents: int, budget: int | None) -> dict[str, Any]:
    """Return what was chosen, in numbers.

    Args:
        by: What chose.
        sizes: How many documents stood in front of each question.
        whole: Of each question that names its evidence, whether all of it was there.
        documents: How many there were to choose from.
        budget: Most tokens of the documents together, if that was the limit.
    """
    return {
        "by": by,
        "context_tokens": budget,
        "documents": documents,
        "least": min(sizes),
        "mean": fmean(sizes),
        "most": max(sizes),
        "with_evidence": len(whole),
        "evidence_whole": sum(whole),
    }


def _ranked(documents: Sequence[Document], question: str) -> list[int]:
    """Return the places of documents, the nearest to the question first."""
    scores = _scores(tuple(document.text for document in documents), question)
    return sorted(range(len(documents)), key=lambda i: (-scores[i], i))


def _scores(texts: tuple[str, ...], question: str) -> Sequence[float]:
    index, words = _index(texts), _words(question)
    # bm25s knows neither an empty query nor an empty vocabulary.
    return [0.0] * len(texts) if index is None or not words else list(map(float, index.get_scores(words)))


@lru_cache(maxsize=4)
def _index(texts: tuple[str, ...]) -> Any:
    import bm25s  # type: ignore[import-untyped]

    words = [_words(text) for text in texts]
    if not any(words):
        return None
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return index


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
