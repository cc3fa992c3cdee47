"""What answerers that know nothing, or everything, score: ``score(world, "longest")`` gives ``{"reversal": 0.5, ...}``.

A baseline gives every choice of a question a number and answers with the highest; among equals it guesses. The oracle
answers with what the proof layer derives from the documents' text; it must score 1. Answerers that do not read the
question (``first``, ``longest``, ``frequent``) must be at chance. A split where words that merely meet give the answer
away (``cooccurrence``, ``cooccurrence_sentence``) or the habits of the text do (``bigram``, ``ngram``) does not test
generalization by itself; its README says so. ``least_shown`` knows the test alone, ``recency`` the end of the prompt.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families import family_of
from icl_ft_plugin.schema import Question, World
from icl_ft_plugin.worlds.context import context_documents

Scorer = Callable[[Question], Sequence[float]]


def score(world: World, name: str) -> dict[str, float]:
    """Return the accuracy of a baseline on every split of a world.

    Args:
        world: The world, of any family.
        name: A key of ``BASELINES``.

    Returns:
        Expected accuracy by split, in 0..1; where choices tie, the share of right ones among them.

    Raises:
        UsageError: No such baseline.
    """
    if name not in BASELINES:
        raise UsageError(f"baseline: {name!r} is not one of {', '.join(BASELINES)}{suggest(name, BASELINES)}")
    scorer = BASELINES[name](world)
    return {split: fmean(_hit(q, scorer(q)) for q in questions) for split, questions in _by_split(world).items()}


def chance(world: World) -> dict[str, float]:
    """Return the accuracy of a uniform guesser on every split of a world."""
    return {split: fmean(q.chance for q in questions) for split, questions in _by_split(world).items()}


def _by_split(world: World) -> dict[str, list[Question]]:
    return {split: [q for q in world.questions if q.split == split] for split in world.splits}


def _hit(question: Question, scores: Sequence[float]) -> float:
    best = max(scores)
    # Sums in another order differ in the last digits: choices that close are equal.
    top = {i for i, value in enumerate(scores) if math.isclose(value, best, rel_tol=1e-9, abs_tol=1e-12)}
    return len(top & set(question.gold)) / len(top)


def oracle(world: World) -> Scorer:
    """Answer with what follows from the documents."""
    family = family_of(world.family)
    if family.proof is None:
        raise UsageError(family.no_rules("baseline 'oracle'"))
    answers = family.proof.answers(world)
    return lambda q: [float(i in answers[q.id]) for i in range(len(q.choices))]


def first(world: World) -> Scorer:
    """Answer with the first choice."""
    return lambda q: [-float(i) for i in range(len(q.choices))]


def longest(world: World) -> Scorer:
    """Answer with the choice of most characters."""
    return lambda q: [float(len(choice)) for choice in q.choices]


def frequent(world: World) -> Scorer:
    """Answer with the choice whose own words stand in most documents, on average."""
    index = _index([document.text for document in world.documents])
    return lambda q: [_mean(float(index.get(word, 0).bit_count()) for word in words) for words in _own_words(q)]


def cooccurrence(world: World) -> Scorer:
    """Answer with the choice whose own words stand in the documents that hold the question's words."""
    return _cooccurrence([document.text for document in world.documents])


def cooccurrence_sentence(world: World) -> Scorer:
    """Answer with the choice whose own words stand in the sentences that hold the question's words."""
    return _cooccurrence([sentence for document in world.documents for sentence in document.sentences])


def least_shown(world: World) -> Scorer:
    """Answer with the choice that the questions of the split show least often."""
    shown: dict[str, Counter[str]] = {}
    for q in world.questions:
        shown.setdefault(q.split, Counter()).update(q.choices)
    return lambda q: [-float(shown[q.split][choice]) for choice in q.choices]


def recency(world: World) -> Scorer:
    """Answer with the choice whose own words stand last in the in-context prompt."""
    words = [word for d in context_documents(world) for word in re.findall(r"\w+", d.text.lower())]
    last = {word: place for place, word in enumerate(words)}
    return lambda q: [max((float(last.get(word, -1)) for word in own), default=-1.0) for own in _own_words(q)]


def bigram(world: World) -> Scorer:
    """Answer with the choice that a bigram model of the documents' words holds likeliest after the prompt."""
    texts = [re.findall(r"\w+|[^\w\s]", document.text.lower()) for document in world.documents]
    return _markov([["", *words] for words in texts], 1, lambda text: re.findall(r"\w+|[^\w\s]", text.lower()))


def ngram(world: World) -> Scorer:
    """Answer with the choice that a model of the documents' characters, by the six before, holds likeliest."""
    return _markov([list(document.text) for document in world.documents], 6, list)


BASELINES: dict[str, Callable[[World], Scorer]] = {
    "oracle": oracle,
    "first": first,
    "longest": longest,
    "frequent": frequent,
    "least_shown": least_shown,
    "recency": recency,
    "bigram": bigram,
    "ngram": ngram,
    "cooccurrence": cooccurrence,
    "cooccurrence_sentence": cooccurrence_sentence,
}


def _markov(texts: Iterable[Sequence[str]], order: int, split: Callable[[str], list[str]]) -> Scorer:
    """Return a Markov model's mean log-probability per token; where it has not seen so many before, of fewer (a tenth as much)."""
    counts: list[dict[tuple[str, ...], Counter[str]]] = [{} for _ in range(order + 1)]
    for tokens in texts:
        for place, token in enumerate(tokens):
            for n in range(min(order, place) + 1):
                counts[n].setdefault(tuple(tokens[place - n : place]), Counter())[token] += 1

    def probability(before: Sequence[str], token: str) -> float:
        discount = 1.0
        for n in range(min(order, len(before)), -1, -1):
            found = counts[n].get(tuple(before[len(before) - n :]))
            if found and found[token]:
                return discount * found[token] / found.total()
            discount /= 10
        return discount * 1e-6

    def scores(q: Question) -> list[float]:
        values = []
        for choice in q.choices:
            prompt = split(q.prompt)
            whole = split(f"{q.prompt} {choice}")
            logs = [math.log(probability(whole[:i], whole[i])) for i in range(len(prompt), len(whole))]
            values.append(_mean(logs))
        return values

    return scores


def _cooccurrence(texts: list[str]) -> Scorer:
    index = _index(texts)

    def scores(q: Question) -> list[float]:
        asked = _words(q.prompt)
        return [_mean(sum(association(word, other) for other in asked) for word in own) for own in _own_words(q)]

    def association(own: str, other: str) -> float:
        """Return the cosine of the texts that hold two words, less for a word of the question that many texts hold."""
        a, b = index.get(own, 0), index.get(other, 0)
        if not a or not b:
            return 0.0
        cosine = (a & b).bit_count() / math.sqrt(a.bit_count() * b.bit_count())
        return cosine * math.log(len(texts) / b.bit_count())

    return scores


def _index(texts: list[str]) -> dict[str, int]:
    """Return, by word, the numbers of the texts that hold it, as the bits of an integer."""
    held: dict[str, bytearray] = {}
    for number, text in enumerate(texts):
        for word in _words(text):
            held.setdefault(word, bytearray(len(texts) // 8 + 1))[number // 8] |= 1 << number % 8
    return {word: int.from_bytes(bits, "little") for word, bits in held.items()}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _own_words(q: Question) -> list[list[str]]:
    """Return the words of each choice that not all choices hold, sorted."""
    bags = [_words(choice) for choice in q.choices]
    shared = bags[0].intersection(*bags)
    return [sorted(bag - shared) for bag in bags]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return fmean(listed) if listed else 0.0
