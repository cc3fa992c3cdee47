"""What a family says of itself is so."""

from __future__ import annotations

import warnings
from dataclasses import FrozenInstanceError, fields

import pytest
from worlds.test_folder import SMALL

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, family_of, generate, generated, named
from icl_ft_plugin.families.family import Split


@pytest.mark.parametrize("name", generated())
def test_splits_styles_and_knobs_are_those_of_a_world(name: str) -> None:
    family = FAMILIES[name]
    world = generate(name, 1, SMALL[name])
    assert set(family.splits) == set(world.splits)
    assert family.oracle is not None and family.config is not None
    assert list(family.styles) == list(dict.fromkeys(document.style for document in family.oracle(world)))
    assert family.knobs == {knob.name: knob.default for knob in fields(family.config)} == generate(name, 0).config
    assert sum(split.main for split in family.splits.values()) == 1 and family.main in world.splits
    assert sum(split.learned for split in family.splits.values()) == 1 and family.learned in world.splits
    labels = {(key, value) for question in world.questions for key, value in question.labels.items()}
    for metric, (label, value) in family.subsets.items():
        assert metric.endswith(f"_{value}") and label in {key for key, _ in labels}


def test_own_documents_are_a_family_without_rules() -> None:
    own = family_of("own")
    assert own.ordered and own.load and not (own.generate or own.oracle or own.proof or own.auditor or own.knobs)
    assert own.split("whatever the author calls it") == Split() and own.main is None
    assert own.no_rules("audit").startswith("audit: what your own documents entail is not known")
    with pytest.raises(UsageError, match="name it by path=DIR"):
        generate("own", 0)


def test_a_family_that_is_not_installed_is_refused_and_can_still_be_reported() -> None:
    with pytest.raises(UsageError, match="did you mean 'semantic'"):
        family_of("semntic")
    assert named("elsewhere").title == "elsewhere" and named("elsewhere").main is None


def test_a_family_is_frozen_and_loading_all_is_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [*FAMILIES][-1] == "own"
    with pytest.raises(FrozenInstanceError):
        FAMILIES["reversal"].title = "other"  # type: ignore[misc]
