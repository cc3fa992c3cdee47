r"""Reads written answers: "**Less** dangerous than the femp!" and "B" count as "less dangerous than femp." does.

An answer is one of four things, and a task reports each as a number of its own:

    right       exact_match = 1: after normalization it is one of the correct answers
    wrong       exact_match = 0: it can be read as an answer and is not correct
    refused     exact_match = 0, refused = 1: it is not right and says that it cannot answer
    unparsable  exact_match = 0, unparsable = 1: nothing in it can be read as an answer

``exact_match`` is over all questions, ``exact_match_answered`` over those that are right or wrong. Where options are
shown, an answer is a letter, or the text of an option. Where none are shown, all that the documents imply is correct, in
any wording that the world's family can read (``Meaning``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_uppercase
from typing import Literal

from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.meaning import Meaning
from icl_ft_plugin.harness.documents import world_key, world_of
from icl_ft_plugin.schema import Doc

Outcome = Literal["right", "wrong", "refused", "unparsable"]
REFUSAL = re.compile(
    r"\b(?:i|we) (?:do not|don't|cannot|can't|could not|couldn't|am not|are not|am unable|won't|will not)\b"
    r"|\bi'm (?:not|unable|sorry)\b|\bas an ai\b|\b(?:sorry|apologi[sz]e)\b|\bunable to\b"
    r"|\b(?:can ?not|can't) be (?:determined|answered|known|inferred|concluded)\b"
    r"|\bnot (?:enough|sufficient) (?:information|context|data)\b|\binsufficient (?:information|context|data)\b"
    r"|\bno (?:information|answer|idea)\b|\bnot (?:specified|stated|mentioned|provided|known|given)\b"
    r"|^\W*(?:unknown|none|none of (?:the above|these|them)|n/?a)\W*$",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\(?([A-Za-z])(?:\)|[.:](?=\s|$)|$)\s*(.*)")
_LETTER_AND_TEXT = re.compile(r"([B-Z])\s+(.*)")


def outcome_of(doc: Doc, text: str) -> Outcome:
    """Tell what an answer is.

    Args:
        doc: The task document.
        text: What the model wrote; its first line that is not empty counts, and of that the first sentence.
    """
    answer = _tidy(doc, text)
    right = _option_is_right(doc, answer, text) if "options" in doc else _is_right(doc, answer)
    if right:
        return "right"
    if REFUSAL.search(text.replace("\u2019", "'")):
        return "refused"
    return "unparsable" if right is None else "wrong"


def same_inference(doc: Doc, text: str) -> bool:
    """Tell whether a right answer takes the inference, over as many levels, that the question is about."""
    return "options" in doc or _meaning(world_key(doc["world"])).same_inference(doc, _tidy(doc, text))


def _tidy(doc: Doc, text: str) -> str:
    """Return the first line without markup, and without the question where it is repeated."""
    line = next((line for line in text.split("\n") if line.strip(" *_`\"'.\u2026")), "")
    line = line.strip(" \t*_`\"'$\u201c\u201d\u2018\u2019")
    if line.lower().startswith(doc["question"].lower()):
        line = line[len(doc["question"]) :].strip(" *_`\"'\u201c\u201d")
    return line.lstrip(".\u2026 ")


def _option_is_right(doc: Doc, answer: str, text: str) -> bool | None:
    """Tell whether the option that is named is right; None where none is, or where further lines name others."""
    named = _option_of(doc, answer)
    listed = {match[1].upper() for line in text.split("\n") if (match := _LETTER.match(line.strip(" *")))}
    if len(listed.intersection(ascii_uppercase[: len(doc["options"])])) > 1:
        return None
    right = {doc["choices"][i].removesuffix(".") for i in doc["gold"]}
    return None if named is None else doc["options"][named] in right


def _option_of(doc: Doc, answer: str) -> int | None:
    match = _LETTER.fullmatch(answer) or _LETTER_AND_TEXT.fullmatch(answer)
    letter = ord(match[1].upper()) - ord("A") if match else -1
    by_text = _option_by_text(doc, match[2] if match else answer)
    if 0 <= letter < len(doc["options"]):
        return letter if by_text in (None, letter) else None
    return by_text if by_text is not None else _option_by_text(doc, answer)


def _option_by_text(doc: Doc, answer: str) -> int | None:
    of_split = doc["split"]
    read = _meaning(world_key(doc["world"])).read
    wanted = read(of_split, answer)
    found = [i for i, option in enumerate(doc["options"]) if wanted is not None and read(of_split, option) == wanted]
    return found[0] if len(found) == 1 else None


def _is_right(doc: Doc, answer: str) -> bool | None:
    """Tell whether an answer to a question without options is right; None where it cannot be read."""
    meaning = _meaning(world_key(doc["world"]))
    read = meaning.read(doc["split"], answer)
    return None if read is None else meaning.right(doc, read)


@lru_cache(maxsize=8)
def _meaning(key: str) -> Meaning:
    world = world_of(key)
    return family_of(world.family).meaning(world)
