"""Documents for the prompt where not all fit: chosen per question by BM25, within a budget in tokens.

For example ``chosen(documents, "Mirela Voss leads", 512, count)`` gives the documents that share the rarest words with the
question, as many as 512 tokens hold, in the order of their file. The question alone is read, never its choices or answer.
"""

from __future__ import annotations

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
    scores = _scores(tuple(document.text for document in documents), question)
    left = budget
    taken = set()
    # The newline that ends a document in the prompt counts too.
    sizes = [count(f"{document.text}\n") for document in documents]
    for place in sorted(range(len(documents)), key=lambda i: (-scores[i], i)):
        if sizes[place] <= left:
            taken.add(place)
            left -= sizes[place]
    if not taken:
        raise UsageError(f"context_tokens={budget}: not one document fits; the shortest takes {min(sizes)} tokens")
    return [document for i, document in enumerate(documents) if i in taken]


def summary(sizes: Sequence[int], whole: Sequence[bool], documents: int, budget: int) -> dict[str, Any]:
    """Return what was chosen, in numbers.

    Args:
        sizes: How many documents stood in front of each question.
        whole: Of each question that names its evidence, whether all of it was there.
        documents: How many there were to choose from.
        budget: Most tokens of the documents together.
    """
    return {
        "by": "BM25",
        "context_tokens": budget,
        "documents": documents,
        "least": min(sizes),
        "mean": fmean(sizes),
        "most": max(sizes),
        "with_evidence": len(whole),
        "evidence_whole": sum(whole),
    }


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
