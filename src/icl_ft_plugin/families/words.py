"""Seeded pseudowords from a frozen, vetted pool: ``Lexicon(random.Random(0)).word()`` gives e.g. ``"femp"``.

The pool (``data/words.txt``, made by ``scripts/build_words.py``) holds pronounceable words of 4 or 5 letters that
stand in no word list we know, none a prefix or the plural of another. It is split by the hash of the word in two
disjoint shares: ``"evaluation"`` for every world a model is scored on, ``"pretraining"`` for the text that the
embedded model was trained on. Within one lexicon no word is drawn twice (arXiv 2505.00661, section 3).
"""

from __future__ import annotations

import hashlib
import random
from functools import cache
from importlib.resources import files

from icl_ft_plugin.errors import UsageError

POOL_SHA256 = "61505f185a3fcaffb1147b3d4d9eb0e152b6501a2f12a78add1e5a2051ffdce4"
SHARES = ("evaluation", "pretraining")


def share_of(word: str) -> str:
    """Return the share a word (or a name, or a description) belongs to, by its SHA-256."""
    return SHARES[hashlib.sha256(word.encode()).digest()[0] % 2]


@cache
def pool(share: str = "evaluation") -> tuple[str, ...]:
    """Return the sorted words of one share.

    Raises:
        UsageError: The share is unknown.
    """
    if share not in SHARES:
        raise UsageError(f"share: {share!r} is not one of {', '.join(SHARES)}")
    text = files("icl_ft_plugin").joinpath("families/data/words.txt").read_text(encoding="utf-8")
    return tuple(word for word in text.split() if share_of(word) == share)


class Lexicon:
    """Draws words of one share without repetition.

    Args:
        rng: The world's own generator; drawing advances it.
        share: ``"evaluation"`` or ``"pretraining"``.
    """

    def __init__(self, rng: random.Random, share: str = "evaluation") -> None:
        self._rng = rng
        self._pool = pool(share)
        self._share = share
        self._used: set[str] = set()

    def word(self) -> str:
        """Return a fresh word.

        Raises:
            UsageError: The share is exhausted.
        """
        if len(self._used) == len(self._pool):
            raise UsageError(
                f"the world needs more than the {len(self._pool)} words of the {self._share} share: make it smaller"
            )
        while True:
            word = self._pool[int(self._rng.random() * len(self._pool))]
            if word not in self._used:
                self._used.add(word)
                return word

    def words(self, n: int) -> list[str]:
        """Return ``n`` fresh words.

        Raises:
            UsageError: The share is exhausted.
        """
        return [self.word() for _ in range(n)]


# Beginnings, vowels and ends of a syllable; one is drawn of each.
_SYLLABLE = tuple(
    letters.split(" ")
    for letters in (
        "b c d f g h j k l m n p r s t v w y z bl br ch cl cr dr fl fr gl gr kl kr ph pl pr sc sh sk sl sm sn sp st "
        "str sw th tr tw vr wh qu ",
        "a e i o u a e i o u ai ea ee oo ou y",
        "b ck d f g k l m n p r s t x z ft ld lk lm lp mp nd ng nk nt pt rd rk rm rn rt sh sk sp ss st th" + " " * 9,
    )
)


def coin(rng: random.Random, banned: frozenset[str]) -> str:
    """Return a lower-case word of one to three random syllables that is not banned; most exist nowhere."""
    while True:
        count = 1 + (rng.random() < 0.75) + (rng.random() < 0.15)
        parts = [part[int(rng.random() * len(part))] for _ in range(count) for part in _SYLLABLE]
        word = "".join(parts)
        if len(word) > 2 and word not in banned:
            return word
