"""What the proofs of all families share: ``disagreements(world, {"f0-reversal": frozenset({1})})`` names wrong golds."""

from __future__ import annotations

from collections.abc import Mapping

from icl_ft_plugin.schema import World


def disagreements(world: World, answers: Mapping[str, frozenset[int]]) -> list[str]:
    """Compare the gold sets with the choices that a proof found to follow from the documents.

    Args:
        world: The world.
        answers: By question id, the indices of the choices that follow.

    Returns:
        One message per gold that does not follow and per distractor that does.
    """
    messages = []
    for question in world.questions:
        true = answers[question.id]
        for i, choice in enumerate(question.choices):
            if (i in question.gold) != (i in true):
                finding = "the distractor follows" if i in true else "the gold does not follow"
                messages.append(
                    f"{question.id}: {finding} from the documents: {question.prompt!r} + {choice!r} (gold {question.gold})"
                )
    return messages
