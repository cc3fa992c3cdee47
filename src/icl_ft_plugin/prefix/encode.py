"""Encodes prompts that begin alike: the common beginning once, the rest of each.

A context of 30,000 tokens takes a tokenizer longer than a GPU. Of ``CONTEXT Question: who is A? Answer:`` and
``CONTEXT Question: who is B? Answer:`` the ids are those of ``CONTEXT Question: who`` with those of `` is A? Answer:`` or
`` is B? Answer:`` behind them, if the tokenizer never joins two words: then its ids of a text that is cut between two
words are those of the parts. It is asked whether it does, at every cut of every text, and of a new beginning the ids are
what those of the rest leave of a whole text's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from icl_ft_plugin.prefix.tree import common_length

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


LEAST = 400
"""Characters of a beginning that is worth keeping."""

KEPT = 4
"""Beginnings that are kept."""

NEAR = 100
"""Characters on either side of a cut that the tokenizer is asked about."""


class Stem(NamedTuple):
    """A beginning of several prompts."""

    text: str
    ids: list[int]


class StemEncoder:
    """Encodes one text after another.

    Args:
        encode: Returns the ids of a whole text, special tokens in front included.
        tokenizer: The ``transformers`` tokenizer behind it; one that is not "fast" gets every text as a whole.
    """

    def __init__(self, encode: Callable[[str], list[int]], tokenizer: PreTrainedTokenizerBase) -> None:
        self._encode = encode
        self._tokenizer = tokenizer
        self._backend = getattr(tokenizer, "backend_tokenizer", None)
        self._stems: list[Stem] = []
        self._last = Stem("", [])
        self._cuts = self._backend is not None and self._backend.pre_tokenizer is not None and not self._spaced()

    def __call__(self, text: str) -> list[int]:
        """Return the ids of ``text``, which ``encode(text)`` would return."""
        stem = None
        if self._cuts and len(text) > LEAST:
            stem = self._covering(text) or self._new(text)
        if stem is None or not self._splits(text, len(stem.text)):
            ids = self._encode(text)
        else:
            ids = stem.ids + self._rest(text, len(stem.text))
        self._last = Stem(text, ids)
        return ids

    def _covering(self, text: str) -> Stem | None:
        """Return the longest beginning that is kept, if it is at least half of the text."""
        found = [stem for stem in self._stems if 2 * len(stem.text) >= len(text) and text.startswith(stem.text)]
        return max(found, key=lambda stem: len(stem.text), default=None)

    def _new(self, text: str) -> Stem | None:
        """Keep what the text has in common with the last one, if that is at least half of it and can be cut off."""
        known, ids = self._last
        cut = between_words(text, common_length(text, known))
        if cut < max(LEAST, len(text) // 2) or not self._splits(known, cut):
            return None
        rest = self._rest(known, cut)
        if not rest or ids[-len(rest) :] != rest:
            self._cuts = False
            return None
        self._stems = [Stem(text[:cut], ids[: -len(rest)]), *self._stems][:KEPT]
        return self._stems[0]

    def _spaced(self) -> bool:
        """Say whether a token that was added to the tokenizer, and that it looks for first, may span two words."""
        assert self._backend is not None
        return any(" " in token.content.strip() for token in self._backend.get_added_tokens_decoder().values())

    def _rest(self, text: str, cut: int) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text[cut:], add_special_tokens=False)
        return ids

    def _splits(self, text: str, cut: int) -> bool:
        """Say whether the tokenizer works on the text before and behind the cut separately."""
        assert self._backend is not None
        if between_words(text, cut + 2) != cut:  # after the same beginning, another text may go on with a line break
            return False
        before, behind = text[max(0, cut - NEAR) : cut], text[cut : cut + NEAR]
        near, at = before + behind, len(before)
        if (normalizer := self._backend.normalizer) is not None:
            near, at = normalizer.normalize_str(near), len(normalizer.normalize_str(before))
            if near != normalizer.normalize_str(before) + normalizer.normalize_str(behind):
                return False
        return not any(begin < at < end for _, (begin, end) in self._backend.pre_tokenizer.pre_tokenize_str(near))


def between_words(text: str, end: int) -> int:
    """Return the last place before ``end`` where a space stands between a word and a letter; 0 where there is none."""
    at = min(end, len(text)) - 1
    while (at := text.rfind(" ", 1, max(at, 1))) > 0:
        if not text[at - 1].isspace() and text[at + 1].isalpha():
            return at
    return 0
