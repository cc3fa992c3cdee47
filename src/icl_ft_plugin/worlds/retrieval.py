"""Documents for the prompt chosen per question: by BM25, within a budget in tokens or so many, or those that are needed.

For example ``Retriever(documents, count).chosen("Mirela Voss leads", 512)`` gives the documents that share the rarest words with the
question, as many as 512 tokens hold, in the order of their file. The question alone is read, never its choices or answer.
``Retriever(documents).needed(proof, 4)`` is what a perfect retriever would find: it reads the question's proof.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from statistics import fmean
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import Document


class Retriever:
    """Chooses among the documents of a world, for one question after the other.

    What it takes to choose is made once, when it is first needed: the sizes of the documents, an index of their words, and one of
    their facts.

    Args:
        documents: Those to choose from.
        count: Returns the number of tokens of a text; each document is counted once.
    """

    def __init__(self, documents: Sequence[Document], count: Callable[[str], int] = len) -> None:
        self._documents = documents
        self._count = count

    def chosen(self, question: str, budget: int) -> list[Document]:
        """Return the documents that a budget has room for.

        The best-ranked are taken first; one that is too long for what is left of the budget is passed over. Documents that
        share no word with the question come last, in their own order.

        Args:
            question: What is asked.
            budget: Most tokens of the documents together.

        Raises:
            UsageError: Not one document fits.
        """
        sizes = self._sizes
        least, left = min(sizes), budget
        taken = set()
        for place in self._ranked(question, len(sizes)):
            if left < least:
                break
            if sizes[place] <= left:
                taken.add(place)
                left -= sizes[place]
        if not taken:
            raise UsageError(f"context_tokens={budget}: not one document fits; the shortest takes {least} tokens")
        return self._at(sorted(taken))

    def nearest(self, question: str, most: int) -> list[Document]:
        """Return the documents nearest to a question by BM25, in their own order.

        Args:
            question: What is asked.
            most: Their number, as far as there are so many.
        """
        return self._at(sorted(self._ranked(question, most)))

    def needed(self, proof: Iterable[str], distractors: int, seed: str, distance: int | None = None) -> list[Document]:
        """Return the documents that state what a question needs, and others.

        Args:
            proof: Ids of the needed facts; one is taken from the first document of those that state most of what is missing.
            distractors: The number of others, as far as there are so many; a smaller number gives a part of these.
            seed: Of the draw.
            distance: The number of others that stand behind the needed ones; by default all stand in their own order.
        """
        own = self._stating(set(proof))
        drawn = (place for place in _permuted(len(self._documents), seed) if place not in own)
        others = list(islice(drawn, distractors))
        if distance is None:
            return self._at(sorted([*own, *others]))
        before = max(0, len(others) - distance)
        return self._at([*others[:before], *sorted(own), *others[before:]])

    @cached_property
    def _sizes(self) -> list[int]:
        # The newline that ends a document in the prompt counts too.
        return [self._count(f"{document.text}\n") for document in self._documents]

    @cached_property
    def _index(self) -> Any:
        return _indexed([document.text for document in self._documents])

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Where each fact is stated."""
        places: dict[str, list[int]] = {}
        for place, document in enumerate(self._documents):
            for fact in document.facts:
                places.setdefault(fact, []).append(place)
        return places

    def _stating(self, missing: set[str]) -> set[int]:
        """Return the places of documents that together state some facts; what no document states is for the proof layer to report."""
        taken = set()
        while there := sorted({place for fact in missing for place in self._places.get(fact, ())}):
            best = max(there, key=lambda place: len(missing.intersection(self._documents[place].facts)))
            taken.add(best)
            missing = missing.difference(self._documents[best].facts)
        return taken

    def _ranked(self, question: str, most: int) -> list[int]:
        """Return the places of so many documents, the nearest to the question first."""
        places, words = range(len(self._documents)), _words(question)
        # bm25s knows neither an empty query nor an empty vocabulary.
        if self._index is None or not words:
            return list(places[:most])
        best: list[int] = (-self._index.get_scores(words)).argsort(kind="stable")[:most].tolist()
        return best

    def _at(self, places: Iterable[int]) -> list[Document]:
        return [self._documents[place] for place in places]


def summary(
    by: str, sizes: Sequence[int], whole: Sequence[bool], documents: int, budget: int | None
) -> dict[str, object]:
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


def _permuted(number: int, seed: str) -> Iterator[int]:
    """Yield the numbers below one in an order of their own, which takes no longer than what is looked at of it."""
    rng, moved = random.Random(seed), dict[int, int]()
    for place in range(number):
        other = rng.randrange(place, number)
        yield moved.get(other, other)
        moved[other] = moved.get(place, place)


def _indexed(texts: Sequence[str]) -> Any:
    import bm25s  # type: ignore[import-untyped]

    words = [_words(text) for text in texts]
    if not any(words):
        return None
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return index


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
