"""Puts questions into blocks in which words that merely meet give no answer away: ``fill(items, 4, fits, meetings.won, rng)``.

Who answers with the option that meets the question's word most often, in documents or in sentences, is right in one of
k questions if the options of a block meet its questions alike. That cannot be had of what documents state outright.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.schema import Document

SWAPS = 60  # tried per block
DRAWS = 24  # blocks that are tried around one item
CLOSE = 0.5  # questions; nearer to chance is near enough


class Asks(Protocol):
    """What is put into blocks."""

    @property
    def asked(self) -> str:
        """The word that the question names."""

    @property
    def answer(self) -> str:
        """The word that answers it."""

    @property
    def role(self) -> tuple[str, ...]:
        """What a block has in common."""


Item = TypeVar("Item", bound=Asks)
Thing = TypeVar("Thing")


class Meetings:
    """How often words of a world meet, as cosines of the documents, or sentences, that hold them.

    Args:
        claims: The claim that each fact states.
        documents: The documents.
    """

    def __init__(self, claims: Mapping[str, Claim], documents: Iterable[Document]) -> None:
        self._documents: dict[str, set[int]] = {}
        # Sentences are counted as the documents that hold a fact; few hold one twice.
        self._sentences: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[str, str], tuple[float, float]] = {}
        for i, document in enumerate(documents):
            for fact in document.facts:
                words = claims[fact].arguments
                for word in words:
                    self._documents.setdefault(word, set()).add(i)
                    for other in words:
                        self._sentences[word, other] = self._sentences.get((word, other), 0) + 1

    def __call__(self, asked: str, word: str) -> tuple[float, float]:
        """Return the cosine of two words over documents and over sentences."""
        if (asked, word) not in self._known:
            a, b = self._documents.get(asked, set()), self._documents.get(word, set())
            near = self._sentences.get((asked, word), 0)
            either = self._sentences.get((asked, asked), 0) * self._sentences.get((word, word), 0)
            self._known[asked, word] = (
                len(a & b) / math.sqrt(len(a) * len(b)) if a and b else 0.0,
                near / math.sqrt(either) if either else 0.0,
            )
        return self._known[asked, word]

    def won(self, items: Sequence[Asks]) -> tuple[float, float]:
        """Return how many questions of a block either count answers, less those that chance does."""
        won = [-1.0, -1.0]
        for item in items:
            met = [self(item.asked, other.answer) for other in items]
            own = self(item.asked, item.answer)
            for way in (0, 1):
                scores = [pair[way] for pair in met]
                if own[way] == max(scores):
                    won[way] += 1 / scores.count(own[way])
        return won[0], won[1]


def fill(
    items: Sequence[Thing],
    k: int,
    fits: Callable[[Thing, Thing], bool],
    won: Callable[[Sequence[Thing]], Sequence[float]],
    rng: random.Random,
) -> Iterator[tuple[Thing, ...]]:
    """Yield blocks, each around the item that fits the fewest of those that are left.

    ``families.blocks.pack`` finds blocks as good where nearly all items fit each other; of inherited claims few do.

    Args:
        items: What is to be asked.
        k: Size of a block.
        fits: Whether the second's answer is refuted for the first.
        won: What mere meeting wins in a block beyond chance; of several blocks that one is taken which brings the sum
            over all nearest to nothing.
        rng: The world's own generator.
    """
    n = len(items)
    friends = [
        {j for j in range(n) if j != i and fits(items[i], items[j]) and fits(items[j], items[i])} for i in range(n)
    ]
    left = set(range(n))
    total: list[float] = []
    while len(left) >= k:
        rarity = {i: (len(friends[i] & left), rng.random()) for i in sorted(left)}
        first = min(left, key=rarity.__getitem__)
        found: list[tuple[float, list[float], list[int]]] = []
        for turn in range(DRAWS):
            drawn = _drawn(first, k, friends, left, rarity if turn % 2 else {}, rng)
            if drawn:
                block_won = won([items[i] for i in drawn])
                after = [a + b for a, b in zip(total or [0.0] * len(block_won), block_won, strict=True)]
                found.append((sum(map(abs, after)), after, drawn))
        if not found:
            left.remove(first)
            continue
        _, total, best = min(found)
        left -= set(best)
        yield tuple(items[i] for i in best)


def _drawn(
    first: int,
    k: int,
    friends: Sequence[set[int]],
    left: set[int],
    rarity: Mapping[int, tuple[int, float]],
    rng: random.Random,
) -> list[int] | None:
    """Draw a block around an item, its members at random or, where rarities are given, of two the rarer."""
    block, open_ = [first], sorted(friends[first] & left)
    while len(block) < k:
        if len(block) + len(open_) < k:
            return None
        drawn = [open_[int(rng.random() * len(open_))] for _ in range(2 if rarity else 1)]
        block.append(min(drawn, key=rarity.__getitem__) if rarity else drawn[0])
        open_ = [j for j in open_ if j in friends[block[-1]]]
    return block


def balance(
    blocks: list[tuple[Item, ...]], fits: Callable[[Item, Item], bool], meetings: Meetings, rng: random.Random
) -> list[tuple[Item, ...]]:
    """Swap questions of one role between blocks while that brings what mere meeting wins nearer to chance.

    Args:
        blocks: Blocks of questions.
        fits: Whether the second's answer is refuted for the first.
        meetings: How often words meet.
        rng: The world's own generator.
    """
    blocks = list(blocks)
    won = [meetings.won(block) for block in blocks]
    total = [sum(pair[way] for pair in won) for way in (0, 1)]
    peers: dict[tuple[str, ...], list[int]] = {}
    for i, block in enumerate(blocks):
        peers.setdefault(block[0].role, []).append(i)
    for _ in range(SWAPS * len(blocks)):
        if all(abs(surplus) <= CLOSE for surplus in total):
            break
        i = rng.randrange(len(blocks))
        j = rng.choice(peers[blocks[i][0].role])
        pair = _swapped(blocks[i], blocks[j], fits, rng) if i != j else None
        if pair is None:
            continue
        new = [meetings.won(block) for block in pair]
        change = [sum(block[way] for block in new) - won[i][way] - won[j][way] for way in (0, 1)]
        after = [surplus + gain for surplus, gain in zip(total, change, strict=True)]
        if sum(map(abs, after)) <= sum(map(abs, total)):
            (blocks[i], blocks[j]), (won[i], won[j]), total = pair, new, after
    return blocks


def _swapped(
    one: tuple[Item, ...], two: tuple[Item, ...], fits: Callable[[Item, Item], bool], rng: random.Random
) -> tuple[tuple[Item, ...], tuple[Item, ...]] | None:
    """Return two blocks with a random question of each in the other, or nothing if one does not fit."""
    a, b = rng.randrange(len(one)), rng.randrange(len(two))
    changed = ((*one[:a], two[b], *one[a + 1 :]), (*two[:b], one[a], *two[b + 1 :]))
    for block, place in zip(changed, (a, b), strict=True):
        item = block[place]
        if not all(other is item or (fits(item, other) and fits(other, item)) for other in block):
            return None
    return changed
