"""Names in plain text: ``names_in(["The Gull Desk at the pier is led by Odan Pell."])`` is ``[("Gull Desk", "Odan Pell")]``.

No list of names is asked, only which words stand in small letters too ("the").
"""

from __future__ import annotations

import re


def names_in(texts: list[str]) -> list[tuple[str, ...]]:
    """Return for each text what looks like names in it: runs of capitalized words.

    The first word of a sentence is left out where it also stands in small letters somewhere, or where it is alone and
    stands capitalized nowhere inside a sentence.
    """
    runs = [list(re.finditer(r"\b[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*", text)) for text in texts]
    small = {word for text in texts for word in re.findall(r"\b[a-z]\w*", text)}
    inside = {
        word
        for text, found in zip(texts, runs, strict=True)
        for run in found
        for word in run.group().split()[int(_begins_sentence(text, run.start())) :]
    }

    def name(text: str, run: re.Match[str]) -> str:
        words = run.group().split()
        if _begins_sentence(text, run.start()) and (
            words[0].lower() in small or (len(words) == 1 and words[0] not in inside)
        ):
            words = words[1:]
        return " ".join(words)

    named = [[name(text, run) for run in found] for text, found in zip(texts, runs, strict=True)]
    return [tuple(dict.fromkeys(name for name in found if re.search(r"[^\W\d_]{3}", name))) for found in named]


def _begins_sentence(text: str, place: int) -> bool:
    # A name follows one space; more of the text before it would make long documents slow.
    return place == 0 or text[max(0, place - 9) : place].rstrip()[-1:] in ".!?"
