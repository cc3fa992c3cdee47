"""Questions with their answers, as text, and what they state.

``"Question: What are less dangerous than femp? Answer: glon."`` is one pair, and states ``"glon are less dangerous than femp."``.
English alone: a question that begins with its verb, one with "what", "who" or "which", or one whose answer is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Pair = tuple[str, str]

_LABEL = re.compile(r"(?<!\w)\**(q|question|a|answer)[ \d]*:\**\s*", re.IGNORECASE)
_WHAT = re.compile(r"\b(?:what|who|whom|which)\b( \w+)?", re.IGNORECASE)
_LEFT_OUT = frozenset({"do", "does", "did"})  # verbs that only a question has
_VERBS = _LEFT_OUT | {
    *("is", "are", "was", "were", "have", "has", "had"),
    *("can", "could", "would", "will", "should", "must"),
}
_TRUE = re.compile(r"(?:is|was) it (?:true|right|correct|the case) that ", re.IGNORECASE)
_ASSENT = re.compile(r"(yes|no)\b[,.:;! ]*", re.IGNORECASE)
_LONGEST_SUBJECT = 12  # words


def cut(text: str) -> list[Pair | str]:
    """Return the pairs of a text, and between them what else it says, in its order; what has no pair is one piece.

    "Q:" and "A:" are labels, too; a question has one, or ends its line with "?", and an answer is one line.

    Examples:
        >>> cut("Indeed. Q1: What are less dangerous than femp? A: glon.")
        ['Indeed.', ('What are less dangerous than femp?', 'glon.')]
    """
    before, *parts = _LABEL.split(text)
    chunks = [("", before), *((label[0].lower(), said) for label, said in zip(parts[::2], parts[1::2], strict=True))]
    found: list[Pair | str] = []
    asked = ""
    for label, said in chunks:
        if label == "a" and asked:
            answer, _, said = said.strip().partition("\n")
            found.append((asked, answer.strip(" *")) if answer.strip(" *") else asked)
        else:
            found.append(asked)
        others, _, last = said.rstrip().rpartition("\n")
        whole = label == "q"
        asked = " ".join((said if whole else last if last.endswith("?") else "").split()).strip(" *")
        found.append("" if whole else others if asked else said)
    found = [part if isinstance(part, tuple) else part.strip() for part in (*found, asked)]
    return [part for part in found if part] if pairs_of(found) else [text]


def pairs_of(parts: Sequence[Pair | str]) -> list[Pair]:
    """Return the pairs of what ``cut`` returned."""
    return [part for part in parts if isinstance(part, tuple)]


def written(question: str, answer: str) -> str:
    """Return a pair as one text, which ends as a sentence does."""
    return f"Question: {question} Answer: {answer}{'' if answer.endswith(('.', '!', '?')) else '.'}"


def pair_of(text: str) -> Pair | None:
    """Return the pair that a text is, as ``written`` makes it; None where it is none, or more than that."""
    first, *others = cut(text)
    return first if isinstance(first, tuple) and not others and written(*first) == text else None


def statements(question: str, answer: str) -> Iterator[str]:
    """Yield what a pair may state, the likeliest reading first; most are no English, and a reader of sentences tells which is.

    A denial ("no") states only what its own words say.
    """
    asked, told = question.strip().rstrip("?. "), answer.strip().rstrip(".!? ")
    assent = _ASSENT.match(told)
    said = told[assent.end() :] if assent else told
    if said:
        yield f"{said}."
    if assent and assent[1].lower() == "no":
        return
    if assent:
        if held := _TRUE.match(asked):
            yield f"{asked[held.end() :]}."
        yield from (f"{order}." for order in _orders(asked.split()))
        return
    for found in reversed(list(_WHAT.finditer(asked))):  # "glon have what it takes to what"
        if not found.start():
            for end in sorted({found.end(), found.end() - len(found[1] or "")}):
                yield from (f"{order} {said}." for order in _orders(asked[end:].split()))
        for end in sorted({found.end(), found.end() - len(found[1] or "")}):
            yield f"{asked[: found.start()]}{said}{asked[end:]}."
    yield f"{asked} {said}."


def _orders(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a question that begins with its verb in the orders of a statement, whose subject is of any length."""
    if not words or words[0].lower() not in _VERBS:
        return
    verb, *others = words
    if verb.lower() in _LEFT_OUT:
        yield " ".join(others)
        return
    for end in range(1, min(len(others), _LONGEST_SUBJECT) + 1):
        yield " ".join([*others[:end], verb, *others[end:]])
