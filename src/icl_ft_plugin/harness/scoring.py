"""From answers to numbers: the metrics that the task files name.

For example ``process_results(doc, [(-4.1, False), (-2.5, False)])`` of a question whose second choice is correct is
``{"acc": 1.0, "acc_norm": 1.0, "mass": 0.83}``. What a written answer means is for ``answers`` to say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from icl_ft_plugin.families import family_of
from icl_ft_plugin.harness.answers import outcome_of, same_inference
from icl_ft_plugin.schema import Doc


def process_results(doc: Doc, results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Score one question by likelihood; its correct choices are a set.

    Args:
        doc: The task document.
        results: (sum of log-probabilities in nats, greedy) per choice.

    Returns:
        ``acc``: 1 if the best-scored choice is correct. ``acc_norm``: the same per character of the choice.
        ``mass``: softmax probability on the correct choices.
    """
    scores = [score for score, _ in results]
    gold = set(doc["gold"])
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]
    by_character = [score / len(choice) for score, choice in zip(scores, doc["choices"], strict=True)]
    return {
        "acc": float(scores.index(best) in gold),
        "acc_norm": float(by_character.index(max(by_character)) in gold),
        "mass": sum(weights[i] for i in gold) / sum(weights),
    }


def pmi(doc: Doc, results: Sequence[tuple[float, bool]], unconditional: Sequence[tuple[float, bool]]) -> float:
    """Return 1 if a correct choice has gained most by the prompt: log P(choice | prompt) - log P(choice | bare prompt).

    Args:
        doc: The task document.
        results: (sum of log-probabilities in nats, greedy) per choice.
        unconditional: The same behind the bare prompt.
    """
    gained = [score - prior for (score, _), (prior, _) in zip(results, unconditional, strict=True)]
    return float(gained.index(max(gained)) in doc["gold"])


def by_subset(doc: Doc, results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """``process_results`` and the accuracy on each subset of the questions that the family names; NaN off it."""
    scored = process_results(doc, results)
    subsets = family_of(json.loads(doc["world"])["family"]).subsets
    for metric, (label, value) in subsets.items():
        scored[metric] = scored["acc"] if doc["labels"][label] == value else math.nan
    return scored


def written(doc: Doc, results: Sequence[str]) -> dict[str, float]:
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


def written_inferred(doc: Doc, results: Sequence[str]) -> dict[str, float]:
    """``written`` and ``same_inference``: right, by the inference and over the levels that the question is about."""
    scored = written(doc, results)
    same = bool(scored["exact_match"]) and same_inference(doc, results[0])
    return {**scored, "same_inference": float(same)}


def mean_of_subset(values: Sequence[float]) -> float:
    """Return the mean of what is not NaN, or NaN; lm-eval's own ``nanmean`` bootstraps its error for 5 s per metric."""
    counted = [value for value in values if not math.isnan(value)]
    return sum(counted) / len(counted) if counted else math.nan
