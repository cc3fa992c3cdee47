"""What a written answer means: "**The** host of the show!" says what the choice "the host of the show." says.

A family says more where more than the choices can be right: either conclusion of a syllogism, any category that a thing
belongs to, any form of an expression.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from icl_ft_plugin.schema import Doc, World

SPARE_WORDS = 3  # an answer of so many words more than the longest choice is no answer but a text


def first_sentence(answer: str) -> str:
    """Return an answer up to what ends its first sentence."""
    return re.split(r"[.!?](?:\s|$)", answer)[0]


def normalized(answer: str) -> str:
    """Return the words of the first sentence, in lower case, without articles and punctuation."""
    words = re.findall(r"\w+", first_sentence(answer).lower().replace("'", ""))
    return " ".join(word for word in words if word not in ("a", "an", "the"))


class Meaning:
    """Reads written answers to the questions of a world; those of a family add what its rules know.

    Questions are task documents: ``question``, ``choices``, ``gold``, ``label``, ``split``, ``proof``, ``inference``
    and ``depth``.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def read(self, split: str, answer: str) -> Hashable | None:
        """Return what two writings of one answer share, or None if it cannot be read."""
        return normalized(answer) or None

    def right(self, doc: Doc, meaning: Any) -> bool | None:
        """Tell whether what ``read`` returned is right though no options are shown; None where it is no answer."""
        choices = [normalized(choice) for choice in doc["choices"]]
        if meaning in (choices[i] for i in doc["gold"]):
            return True
        longest = max(len(choice.split()) for choice in choices)
        return None if len(meaning.split()) > longest + SPARE_WORDS else False

    def same_inference(self, doc: Doc, answer: str) -> bool:
        """Tell whether a right answer takes the inference, over as many levels, that the question is about."""
        return True
