"""Documents for the prompt where not all fit: chosen per question by BM25, within a budget in tokens.

For example ``Retriever(documents, count).chosen("Mirela Voss leads", 512)`` gives the documents that share the rarest words with the
question, as many as 512 tokens hold, in the order of their file. The question alone is read, never its choices or answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import Document


class Retriever:
    """Chooses among the documents of a world, for one question after the other.

    Args:
        documents: Those to choose from.
        count: Returns the number of tokens of a text; each document is counted once.
    """

    def __init__(self, documents: Sequence[Document], count: Callable[[str], int]) -> None:
        self._documents = documents
        texts = [document.text for document in documents]
        # The newline that ends a document in the prompt counts too.
        self._sizes = [count(f"{text}\n") for text in texts]
        self._index = _index(texts)

    def chosen(self, question: str, budget: int) -> list[Document]:
        """Return the documents that stand in front of a question.

        The best-ranked are taken first; one that is too long for what is left of the budget is passed over. Documents that
        share no word with the question come last, in their own order.

        Args:
            question: What is asked.
            budget: Most tokens of the documents together.

        Raises:
            UsageError: Not one document fits.
        """
        scores, sizes = self._scores(question), self._sizes
        least, left = min(sizes), budget
        taken = set()
        for place in sorted(range(len(sizes)), key=lambda i: -scores[i]):
            if left < least:
                break
            if sizes[place] <= left:
                taken.add(place)
                left -= sizes[place]
        if not taken:
            raise UsageError(f"context_tokens={budget}: not one document fits; the shortest takes {least} tokens")
        return [self._documents[i] for i in sorted(taken)]

    def _scores(self, question: str) -> Sequence[float]:
        words = _words(question)
        # bm25s knows neither an empty query nor an empty vocabulary.
        return [0.0] * len(self._sizes) if self._index is None or not words else self._index.get_scores(words).tolist()


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


def _index(texts: Sequence[str]) -> Any:
    import bm25s  # type: ignore[import-untyped]

    words = [_words(text) for text in texts]
    if not any(words):
        return None
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return index


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
