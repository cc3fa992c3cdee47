"""Build the frozen lists of fictional names: ``python scripts/build_names.py`` rewrites ``data/*_names.txt``.

First names look like "Tavori", last names like "Brensolk". None stands in a word list or in the frequency list of any
language in Latin letters that ``wordfreq`` has (these hold the names of real people too), none differs from another by
one letter only. Needs ``wordfreq`` and ``english-words`` (the ``dev`` extra); frozen like the pseudowords.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import wordfreq
from build_words import CODAS, ONSETS, TARGET, UNWANTED, VOWELS
from english_words import get_english_words_set

LANGUAGES = (
    "ca", "cs", "da", "de", "en", "es", "fi", "fil", "fr", "hu", "id", "is", "it", "lt", "lv", "ms", "nb", "nl", "pl",
    "pt", "ro", "sh", "sk", "sl", "sv", "tr", "vi",
)  # fmt: skip
SIMPLE_ONSETS = [onset for onset in ONSETS if len(onset) == 1]
SIMPLE_CODAS = ["l", "m", "n", "r", "s"]
FIRST_SHAPES = (
    (SIMPLE_ONSETS, VOWELS, SIMPLE_ONSETS, VOWELS, SIMPLE_CODAS),
    (SIMPLE_ONSETS, VOWELS, SIMPLE_CODAS, SIMPLE_ONSETS, VOWELS),
    (VOWELS, SIMPLE_CODAS, SIMPLE_ONSETS, VOWELS, SIMPLE_CODAS),
)
LAST_SHAPES = (
    (ONSETS, VOWELS, SIMPLE_CODAS, SIMPLE_ONSETS, VOWELS, CODAS),
    (SIMPLE_ONSETS, VOWELS, SIMPLE_ONSETS, VOWELS, CODAS),
    (ONSETS, VOWELS, SIMPLE_ONSETS, VOWELS, SIMPLE_CODAS, VOWELS),
)
SIZES = {"first": 800, "last": 1200}
LENGTHS = {"first": (5, 5), "last": (6, 8)}


def known_words() -> set[str]:
    """Return every word, name and place that we must not hit, in lower case."""
    known = get_english_words_set(["web2", "gcide"], lower=True, alpha=True)
    known |= set(TARGET.read_text(encoding="utf-8").split())  # the pseudowords of the other families
    for language in LANGUAGES:
        known |= set(wordfreq.get_frequency_dict(language, wordlist="best"))
    return known


def build(kind: str, shapes: tuple[tuple[list[str], ...], ...], known: set[str]) -> list[str]:
    """Return the sorted names of one kind, ``"first"`` or ``"last"``."""
    rng = random.Random(f"names-{kind}")
    kept: set[str] = set()
    near: set[str] = set()  # kept names with one letter blanked
    while len(kept) < SIZES[kind]:
        name = "".join(rng.choice(part) for part in rng.choice(shapes))
        blanked = {name[:i] + "_" + name[i + 1 :] for i in range(len(name))}
        low, high = LENGTHS[kind]
        if not low <= len(name) <= high or name in known or any(u in name for u in UNWANTED) or blanked & near:
            continue
        kept.add(name)
        near |= blanked
    return sorted(name.capitalize() for name in kept)


def main() -> None:
    """Write both lists and print their sizes and hashes."""
    known = known_words()
    for kind, shapes in (("first", FIRST_SHAPES), ("last", LAST_SHAPES)):
        text = "\n".join(build(kind, shapes, known)) + "\n"
        Path(TARGET.parent / f"{kind}_names.txt").write_text(text, encoding="utf-8")
        print(kind, len(text.split()), hashlib.sha256(text.encode()).hexdigest())


if __name__ == "__main__":
    main()
