"""What a model is asked to write questions about, and what can be said of a question by its words alone.

For example of "The head office has five desks. The Gull Desk is led by Odan Pell." a model may write::

    Odan Pell is at the head of | the Gull Desk.

Its answer stands in the document, before the words that the question takes from it: a question from the other side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from icl_ft_plugin.families.own.lines import CHAIN, DIRECT, REVERSAL
from icl_ft_plugin.families.told import Told, plain
from icl_ft_plugin.schema import Document, World

BAR = "|"
ARTICLES = ("a", "an", "the")
MOST_WORDS = 8  # of an answer
CLAUSES = re.compile(r"[,;:]\s|\sand\s")
TWICE = 2  # how often a document begins a pair


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question as a model wrote it.

    Attributes:
        kind: One of ``KINDS`` of own documents.
        stem: The beginning of a sentence.
        answer: Its end.
        evidence: The documents it is written about; of a chain two, the second holds the answer.
    """

    kind: str
    stem: str
    answer: str
    evidence: tuple[Document, ...]

    @property
    def sentences(self) -> list[str]:
        """The sentences of the evidence that hold the answer or a word of the question that few others hold."""
        asked = {word for word in plain(self.stem).split() if len(word) > 3}
        every = [sentence for document in self.evidence for sentence in document.sentences]
        return [s for s in every if plain(self.answer) in plain(s) or asked & set(plain(s).split())]


def sources(world: World, kind: str, most: int | None = None) -> list[tuple[Document, ...]]:
    """Return what a kind of questions is written about: each document, or for chains pairs that share a name.

    Args:
        world: Own documents; a fact's arguments are the names in its document.
        kind: One of ``KINDS`` of own documents.
        most: Take so many documents, the first; None: all.
    """
    documents = world.documents[:most]
    if kind != CHAIN:
        return [(document,) for document in documents]
    names = {fact.id: set(fact.arguments) for fact in world.facts}
    begun: dict[str, int] = {}
    found: list[tuple[Document, ...]] = []
    for first, second in combinations(documents, 2):
        if names[first.id] & names[second.id]:
            # Either can lead to the other; the one that has begun fewer pairs begins.
            pair = (first, second) if begun.get(first.id, 0) <= begun.get(second.id, 0) else (second, first)
            if begun.get(pair[0].id, 0) < TWICE:
                begun[pair[0].id] = begun.get(pair[0].id, 0) + 1
                found.append(pair)
    return found


def cut(kind: str, lines: Sequence[str], evidence: tuple[Document, ...]) -> list[Candidate]:
    """Return the candidates in what a model wrote, one a line; a line without a bar is one without an answer."""
    parts = [[part.strip() for part in line.split(BAR)] for line in lines]
    return [
        Candidate(kind, *_with_article(" ".join(stem.split()), BAR.join(rest).rstrip(".!").strip()), evidence)
        for stem, *rest in parts
    ]


def _with_article(stem: str, answer: str) -> tuple[str, str]:
    """Give an answer the article that stands before the bar: an ending after "a" would give away how it begins."""
    *words, last = stem.split(" ")
    first, *rest = answer.split(" ")
    if last in ARTICLES and words and answer:
        return " ".join(words), f"{last} {answer}"
    # Within a sentence, the article is no beginning of one.
    return stem, " ".join([first.casefold() if first.casefold() in ARTICLES else first, *rest])


class Words:
    """What the words of a candidate show.

    Args:
        world: The documents.
        candidates: All that will be looked at.
    """

    def __init__(self, world: World, candidates: Sequence[Candidate]) -> None:
        self._names = {fact.id: {plain(name).strip() for name in fact.arguments} for fact in world.facts}
        self._held: dict[str, int] = {}
        for document in world.documents:
            for word in set(plain(document.text).split()):
                self._held[word] = self._held.get(word, 0) + 1
        texts = ((document.id, document.text) for document in world.documents)
        self._told = Told(texts, [plain(f"{c.stem} {c.answer}") for c in candidates])
        self._seen: set[tuple[str, str]] = set()

    def fault(self, c: Candidate) -> str:
        """Return why a candidate is dropped; empty where nothing speaks against it."""
        return next(self._faults(c), "")

    def _faults(self, c: Candidate) -> Iterator[str]:
        stem, answer = plain(c.stem), plain(c.answer)
        if not stem.strip() or not answer.strip() or BAR in c.answer or c.stem.endswith("?"):
            yield "form"
        if len(answer.split()) > MOST_WORDS or answer in stem:
            yield "form"
        last = plain(c.evidence[-1].text)
        if answer not in last:
            yield "answer not in the evidence"
        if self._told.holder([plain(f"{c.stem} {c.answer}")]) is not None:
            yield "stands word for word in a document"
        key = (stem, answer)
        if key in self._seen:
            yield "written before"
        self._seen.add(key)
        if c.kind == CHAIN:
            yield from self._chained(c, stem, answer)
        elif self.side(c) is None:
            yield "names nothing beside its answer"

    def side(self, c: Candidate) -> str | None:
        """Return which kind a question about one document is, by where the answer stands there; None where its words do not say."""
        stem, answer = plain(c.stem), plain(c.answer)
        for sentence in map(plain, c.evidence[0].sentences):
            if answer in sentence and (anchor := self._rarest(stem, sentence.replace(answer, " "))):
                return REVERSAL if sentence.index(answer) < sentence.index(f" {anchor} ") else DIRECT
        return None

    def _chained(self, c: Candidate, stem: str, answer: str) -> Iterator[str]:
        """Yield a fault where one of two documents is enough."""
        first, second = (plain(document.text) for document in c.evidence)
        shared = self._names[c.evidence[0].facts[0]] & self._names[c.evidence[1].facts[0]]
        if answer in first:
            yield "one document is enough"
        if any(f" {name} " in stem for name in shared):
            yield "one document is enough"
        anchor = self._rarest(stem, first)
        if not anchor or f" {anchor} " in second:
            yield "names nothing of the first document"
        elif not _beside(f" {anchor} ", c.evidence[0], shared) & _beside(answer, c.evidence[1], shared):
            yield "nothing leads from the one document to the other"

    def _rarest(self, stem: str, text: str) -> str:
        """Return the word of a stem in a text that fewest documents hold; empty where they share no word of four letters."""
        shared = [word for word in stem.split() if len(word) > 3 and f" {word} " in text]
        return min(shared, key=lambda word: self._held.get(word, 0), default="")


def _beside(words: str, document: Document, names: set[str]) -> set[str]:
    """Return the names that stand in the clauses of some words; in their sentences or the document, where no clause has one."""
    sentences = list(document.sentences)
    clauses = [clause for sentence in sentences for clause in CLAUSES.split(sentence)]
    for parts in (clauses, sentences, [document.text]):
        texts = [text for text in map(plain, parts) if words in text]
        if found := {name for name in names if any(f" {name} " in text for text in texts)}:
            return found
    return set()
