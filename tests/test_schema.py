import json
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families import generate
from icl_ft_plugin.schema import Document, Question, canonical_json, content_hash

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_a_document_joins_its_sentences():
    assert Document("d", ("One.", "Two."), ()).text == "One. Two."
    assert Document("d", ("One.", "Two."), (), separator="\n").text == "One.\nTwo."


def test_chance_is_the_share_of_right_choices():
    q = Question("q", "s", "p", ("a", "b", "c"), (0, 2), "chained", 1, ("f",), {})
    assert q.chance == pytest.approx(2 / 3)


def test_objects_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Document("d", ("One.",), ()).id = "e"


@given(values)
def test_canonical_json_is_json_and_ignores_the_order_of_keys(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == text


def test_the_hash_is_that_of_the_bytes():
    # sha256 of {"a":1,"b":["é"]} in UTF-8
    assert content_hash({"b": ["é"], "a": 1}) == "023a8698a7c3c25e97260857c604120c43cc731c72fc227019bb5d85d6cad4cb"


def test_the_hash_of_a_world_covers_all_of_it():
    world = generate("reversal", 0, {"n_facts": 3})
    changed = [
        replace(world, family="other"),
        replace(world, seed=1),
        replace(world, config={**world.config, "n_facts": 4}),
        replace(world, facts=world.facts[:-1]),
        replace(world, documents=(*world.documents[:-1], replace(world.documents[-1], completion_start=1))),
        replace(world, questions=(*world.questions[:-1], replace(world.questions[-1], gold=(1,)))),
        replace(world, questions=(*world.questions[:-1], replace(world.questions[-1], labels={"x": "y"}))),
    ]
    assert len({world.hash, *(other.hash for other in changed)}) == len(changed) + 1


def test_splits_keep_their_order():
    assert generate("reversal", 0).splits == (
        *("reversal", "reversal_entity", "rephrase", "rephrase_entity"),
        "reversal_misleading",
    )
