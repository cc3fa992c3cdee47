"""In how many orders the documents of a prompt are shown: ``context_seeds`` of a study file.

What a model makes of documents hangs on their order, so an arm that is asked in context and not trained has one cell per world and context seed: its runs, as trainings are those of a trained arm. For example under
``context_seeds: [0, 1, 2]`` and ``training_seeds: [0, 1]``::

    icl       context seeds 0, 1, 2
    ft        none: no documents stand in its prompt
    ft+icl    training seed 0 with context seed 0, training seed 1 with context seed 1
"""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.families import family_of


def is_drawn(arm: Arm, family: str) -> bool:
    """Say whether a context seed can change what stands in an arm's prompt.

    Own documents stand in the order of their author; of them only distractors are drawn.
    """
    return arm.condition == "icl" and (not family_of(family).ordered or bool(arm.context_distractors))


def context_seeds_of(arm: Arm, family: str, training_seed: int | None, seeds: Sequence[int]) -> Sequence[int | None]:
    """Return the context seeds that an arm's cells have in one world, for one way of training it.

    Args:
        arm: The arm.
        family: Dataset family of the world.
        training_seed: None where nothing is trained.
        seeds: The study's.

    Returns:
        None alone where no seed plays; all of them where nothing is trained. A training has one, so that its run differs from
        others in both: that at the place of the training seed, counted round. So it hangs on no other seed of the list.
    """
    if not is_drawn(arm, family):
        return [None]
    return seeds if training_seed is None else [seeds[training_seed % len(seeds)]]
