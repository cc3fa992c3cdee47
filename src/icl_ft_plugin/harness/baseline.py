"""The baseline rows of a study: an lm-eval model that answers without reading, by the words that stand together.

For example the arm ``{name: cooccurrence-baseline, baseline: cooccurrence}`` scores, for "glon are", the choice higher whose own
words stand in more of the documents that hold "glon" (``baselines.cooccurrence``). Its cells have the same files as any
other, so it stands in every table. What has to be written and not chosen it leaves empty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lm_eval.api.model import LM

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds.baselines import BASELINES

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


class BaselineLM(LM):  # type: ignore[misc]
    """Answers the questions of one world.

    Args:
        world: The world.
        name: A key of ``baselines.BASELINES``.
    """

    def __init__(self, world: World, name: str) -> None:
        super().__init__()
        self._scorer = BASELINES[name](world)
        self._questions = {question.id: question for question in world.questions}

    def loglikelihood(self, requests: Sequence[Instance], *args: object, **kwargs: object) -> list[tuple[float, bool]]:
        """Return the baseline's score of each choice; between equals it guesses, always the same way."""
        scores: dict[str, Sequence[float]] = {}
        answers = []
        for request in requests:
            key = request.doc["id"]
            if key not in scores:
                scores[key] = self._scorer(self._questions[key])
            guess = 1e-9 * random.Random(f"{key}-{request.idx}").random()
            answers.append((scores[key][request.idx] + guess, False))
        return answers

    def generate_until(self, requests: Sequence[Instance], *args: object, **kwargs: object) -> list[str]:
        """Return nothing written."""
        return ["" for _ in requests]

    def loglikelihood_rolling(self, requests: Sequence[Instance], *args: object, **kwargs: object) -> list[float]:
        """Refuse: no task of this package asks for it."""
        raise UsageError("a baseline chooses among answers; it gives no text a probability")
