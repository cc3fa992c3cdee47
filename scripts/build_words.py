"""Build the frozen pool of pseudowords: ``python scripts/build_words.py`` rewrites ``data/words.txt``.

Needs ``wordfreq`` and ``english-words`` (the ``dev`` extra). The pool is frozen so that a newer word list never
changes a world; ``tests/families/test_words.py`` checks the shipped file against the lists again.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path

import wordfreq
from english_words import get_english_words_set

ONSETS = [
    "b",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "w",
    "y",
    "z",
    "bl",
    "br",
    "cl",
    "cr",
    "dr",
    "fl",
    "fr",
    "gl",
    "gr",
    "kl",
    "kr",
    "pl",
    "pr",
    "sk",
    "sl",
    "sm",
    "sn",
    "sp",
    "st",
    "sw",
    "tr",
    "tw",
]
VOWELS = ["a", "e", "i", "o", "u"]
CODAS = [
    "b",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "t",
    "v",
    "x",
    "z",
    "ft",
    "ld",
    "lf",
    "lk",
    "lm",
    "lp",
    "lt",
    "mp",
    "nd",
    "nk",
    "nt",
    "pt",
    "rb",
    "rd",
    "rf",
    "rk",
    "rm",
    "rn",
    "rp",
    "rt",
    "sk",
    "sp",
    "st",
]
ENDINGS = ["", *VOWELS]
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt", "sv", "pl")  # "no corpus list" means none of these
UNWANTED = (
    "sex",
    "fuk",
    "fuc",
    "shit",
    "kunt",
    "cunt",
    "nig",
    "rape",
    "jew",
    "nazi",
    "kkk",
    "dik",
    "fag",
    "cok",
    "tit",
)
SIZE = 12_000
TARGET = Path(__file__).parents[1] / "src/icl_ft_plugin/families/data/words.txt"


def candidates() -> list[str]:
    """Return every pronounceable string of 4 or 5 letters of our syllable grammar, sorted."""
    shapes = (
        (onset + vowel + coda + ending)
        for onset, vowel, coda, ending in itertools.product(ONSETS, VOWELS, CODAS, ENDINGS)
    )
    return sorted({word for word in shapes if 4 <= len(word) <= 5})


def is_real(word: str, english: set[str]) -> bool:
    """Tell whether the word, or its plural or stem, stands in a list of words."""
    forms = (word, word + "s")
    return any(form in english or any(wordfreq.zipf_frequency(form, lang) > 0 for lang in LANGUAGES) for form in forms)


def build() -> list[str]:
    """Return the vetted pool: no real word, no unwanted letters, none a prefix of another, sorted."""
    english = get_english_words_set(["web2", "gcide"], lower=True, alpha=True)
    words = [w for w in candidates() if not any(u in w for u in UNWANTED) and not is_real(w, english)]
    random.Random(2505_00661).shuffle(words)
    kept: set[str] = set()
    stems: set[str] = set()  # the four-letter beginnings of kept words
    for word in words:
        if word[:4] in kept or (len(word) == 4 and word in stems):
            continue
        kept.add(word)
        stems.add(word[:4])
        if len(kept) == SIZE:
            break
    return sorted(kept)


def main() -> None:
    """Write the pool and print its size and hash."""
    text = "\n".join(build()) + "\n"
    TARGET.write_text(text, encoding="utf-8")
    print(len(text.split()), hashlib.sha256(text.encode()).hexdigest())


if __name__ == "__main__":
    main()
