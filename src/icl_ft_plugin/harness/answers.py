r"""Scores written answers: "**Less** dangerous than the femp!" and "B" count as "less dangerous than femp." does.

An answer is one of four things, and a task reports each as a number of its own:

    right       exact_match = 1: after normalization it is one of the correct answers
    wrong       exact_match = 0: it can be read as an answer and is not correct
    refused     exact_match = 0, refused = 1: it is not right and says that it cannot answer
    unparsable  exact_match = 0, unparsable = 1: nothing in it can be read as an answer

``exact_match`` is over all questions, ``exact_match_answered`` over those that are right or wrong. Where options are
shown, an answer is a letter, or the text of an option. Where none are shown, all that the documents imply is correct:
either conclusion of a syllogism, any category that a thing belongs to, any form of an expression. ``same_inference``
(semantic) is 1 only if the answer needs the inference that the question is about: of a category whose own properties are
stated, one of these is right too, but shows nothing about inheritance.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any, Literal

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.process.algebra import canonical
from icl_ft_plugin.families.reversal.proof import Comparison, closure, statements
from icl_ft_plugin.families.syllogism.proof import holds
from icl_ft_plugin.harness.in_context import world_key, world_of
from icl_ft_plugin.harness.prompts import form_of

Outcome = Literal["right", "wrong", "refused", "unparsable"]
SPARE_WORDS = 3  # an answer of so many words more than the longest choice is no answer but a text
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
_STATEMENT = re.compile(r"(all|every|each|some|at least one|no|not one) (\w+) (?:are|is) (\w+)")
_QUANTIFIERS = {"every": "all", "each": "all", "at least one": "some", "not one": "no"}
_COMPARISON = re.compile(r"(?:(?:.* )?(\w+) are )?(.*?)(more|less) (\w+) than (\w+)")
_NEGATION = {"not", "never", "false", "untrue", "wrong"}
_FILLERS = {"known", "to", "be", "turn", "out", "usually", "generally", "considered", "said", "are"}


def with_options(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return task documents with the field ``options``: the choices in the order in which they are shown.

    The right one stands at every place equally often, as far as the count allows, in an order that depends on the seed
    alone.

    Args:
        rows: The task documents of one split.
        seed: The world seed.
    """
    if not rows:
        return []
    rng = random.Random(f"options-{seed}-{rows[0]['split']}")
    places = [i for i, _ in enumerate(rows)]
    rng.shuffle(places)
    found = []
    for place, row in zip(places, rows, strict=True):
        right, others = row["label"], [i for i in range(len(row["choices"])) if i != row["label"]]
        rng.shuffle(others)
        others.insert(place % len(row["choices"]), right)
        found.append({**row, "options": [row["choices"][i].removesuffix(".") for i in others]})
    return found


def score(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score one written answer.

    Args:
        doc: The task document, with ``options`` if they are shown.
        results: The answer, without what leads up to it (the task's filter removes "The answer is").

    Returns:
        ``exact_match``, ``exact_match_answered`` (NaN where nothing was answered), ``refused`` and ``unparsable``.
    """
    outcome = outcome_of(doc, results[0])
    return {
        "exact_match": float(outcome == "right"),
        "exact_match_answered": float(outcome == "right") if outcome in ("right", "wrong") else math.nan,
        "refused": float(outcome == "refused"),
        "unparsable": float(outcome == "unparsable"),
    }


def score_inferred(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """``score`` and ``same_inference``: right, by the inference and over the levels that the question is about."""
    scored = score(doc, results)
    if not scored["exact_match"] or "options" in doc:
        return {**scored, "same_inference": scored["exact_match"]}
    reader, found = _semantic(world_key(doc["world"]))
    read = reader.parser.read(f"{doc['question']} {_normalized(_tidy(doc, results[0]))}")
    ways = {reader.way(claim, back, found.holds["all", claim]) for claim, back in read if ("all", claim) in found.holds}
    return {**scored, "same_inference": float((doc["inference"], doc["depth"]) in ways)}


def outcome_of(doc: Mapping[str, Any], text: str) -> Outcome:
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


def _tidy(doc: Mapping[str, Any], text: str) -> str:
    """Return the first line without markup, and without the question where it is repeated."""
    line = next((line for line in text.split("\n") if line.strip(" *_`\"'.\u2026")), "")
    line = line.strip(" \t*_`\"'$\u201c\u201d\u2018\u2019")
    if line.lower().startswith(doc["question"].lower()):
        line = line[len(doc["question"]) :].strip(" *_`\"'\u201c\u201d")
    return line.lstrip(".\u2026 ")


def _sentence(answer: str) -> str:
    return re.split(r"[.!?](?:\s|$)", answer)[0]


def _normalized(answer: str) -> str:
    """Return the words of the first sentence, in lower case, without articles and punctuation."""
    words = re.findall(r"\w+", _sentence(answer).lower().replace("'", ""))
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def _option_is_right(doc: Mapping[str, Any], answer: str, text: str) -> bool | None:
    """Tell whether the option that is named is right; None where none is, or where further lines name others."""
    named = _option_of(doc, answer)
    listed = {match[1].upper() for line in text.split("\n") if (match := _LETTER.match(line.strip(" *")))}
    if len(listed.intersection(ascii_uppercase[: len(doc["options"])])) > 1:
        return None
    right = {doc["choices"][i].removesuffix(".") for i in doc["gold"]}
    return None if named is None else doc["options"][named] in right


def _option_of(doc: Mapping[str, Any], answer: str) -> int | None:
    match = _LETTER.fullmatch(answer) or _LETTER_AND_TEXT.fullmatch(answer)
    letter = ord(match[1].upper()) - ord("A") if match else -1
    by_text = _option_by_text(doc, match[2] if match else answer)
    if 0 <= letter < len(doc["options"]):
        return letter if by_text in (None, letter) else None
    return by_text if by_text is not None else _option_by_text(doc, answer)


def _option_by_text(doc: Mapping[str, Any], answer: str) -> int | None:
    form = _form(doc)
    wanted = _meaning(form, answer)
    found = [i for i, option in enumerate(doc["options"]) if wanted is not None and _meaning(form, option) == wanted]
    return found[0] if len(found) == 1 else None


def _meaning(form: str, answer: str) -> Any:
    """Return what two writings of one answer share, or None if it cannot be read."""
    if form == "expression":
        try:
            return canonical(_sentence(answer))
        except UsageError:
            return None
    if form == "statement":
        return _statement(answer)
    return _normalized(answer) or None


def _is_right(doc: Mapping[str, Any], answer: str) -> bool | None:
    """Tell whether an answer to a question without options is right; None where it cannot be read."""
    form = _form(doc)
    meaning = _meaning(form, answer)
    if meaning is None or form == "expression":
        return None if meaning is None else meaning == canonical(doc["choices"][doc["label"]].removesuffix("."))
    if form == "statement":
        return _follows(doc, meaning)
    if form == "comparison":
        return _compares(doc, meaning)
    choices = [_normalized(choice) for choice in doc["choices"]]
    if meaning in (choices[i] for i in doc["gold"]):
        return True
    if len(meaning.split()) > max(len(choice.split()) for choice in choices) + SPARE_WORDS:
        return None
    return json.loads(doc["world"])["family"] == "semantic" and _is_implied(doc, meaning)


def _form(doc: Mapping[str, Any]) -> str:
    return form_of(json.loads(doc["world"])["family"], doc["split"])


def _statement(answer: str) -> tuple[str, str, str] | None:
    match = _STATEMENT.fullmatch(_normalized(answer))
    return (_QUANTIFIERS.get(match[1], match[1]), match[2], match[3]) if match else None


def _follows(doc: Mapping[str, Any], statement: tuple[str, str, str]) -> bool:
    """Tell whether a statement about the question's terms holds whenever the premises of its proof do."""
    quantifier, *pair = statement
    if set(pair) != set(re.findall(r"\w+", doc["question"])[0:3:2]):
        return False
    facts, existential_import = _premises(world_key(doc["world"]))
    premises = [facts[fact] for fact in doc["proof"]]
    terms = list(dict.fromkeys(term for _, *stated in premises for term in stated))
    numbered = tuple((stated, terms.index(a), terms.index(b)) for stated, a, b in premises)
    return bool(holds(numbered, (quantifier, terms.index(pair[0]), terms.index(pair[1])), existential_import))


def _compares(doc: Mapping[str, Any], answer: str) -> bool | None:
    """Tell whether a comparison, with or without its subject, follows."""
    match = _COMPARISON.fullmatch(answer)
    if match is None or not _FILLERS.issuperset(match[2].split()) or not _NEGATION.isdisjoint(answer.split()):
        return None
    subject = doc["question"].split()[0]
    named = match[1] or subject
    return named == subject and (subject, *match.group(3, 4, 5)) in _comparisons(world_key(doc["world"]))


def _is_implied(doc: Mapping[str, Any], answer: str) -> bool:
    """Tell whether the answer's last word, with which the sentence must end, makes it one that follows."""
    reader, found = _semantic(world_key(doc["world"]))
    last = answer.split()[-1]
    read = reader.parser.read(f"{doc['question']} {answer}")
    return any(
        ("all", claim) in found.holds and last == (claim.subject if back else claim.value) for claim, back in read
    )


@lru_cache(maxsize=8)
def _premises(key: str) -> tuple[dict[str, tuple[str, str, str]], bool]:
    world = world_of(key)
    facts = {fact.id: (fact.predicate, *fact.arguments) for fact in world.facts}
    return facts, bool(world.config.get("existential_import", False))  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _comparisons(key: str) -> set[Comparison]:
    return closure(comparison for found in statements(world_of(key)).values() for comparison in found)


@lru_cache(maxsize=8)
def _semantic(key: str) -> tuple[Any, Any]:
    """Return what reads a world's statements, and what follows from its documents."""
    from icl_ft_plugin.families.semantic.proof import Reader, closures

    reader = Reader(world_of(key))
    return reader, closures({"all": reader.stated})
