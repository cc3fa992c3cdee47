import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.reversal.generate import DIMENSIONS, PREAMBLES, ReversalConfig, oracle
from icl_ft_plugin.families.words import pool

knobs = st.fixed_dictionaries(
    {
        "n_facts": st.integers(2, 30),
        "n_dimensions": st.integers(1, 28),
        "documents_per_fact": st.integers(1, 32),
        "n_choices": st.integers(2, 6),
        "share": st.sampled_from(["evaluation", "pretraining"]),
    }
)


def test_the_default_world_has_the_sizes_of_the_paper():
    world = generate("reversal", 0)
    assert (len(world.facts), len(world.documents), len(world.questions)) == (100, 1000, 400)
    assert len({fact.predicate.split(" ")[1] for fact in world.facts}) == len(DIMENSIONS) == 28
    assert all(len({d.text for d in world.documents if d.facts == (fact.id,)}) == 10 for fact in world.facts)


def test_half_of_the_facts_say_less_whatever_the_dimension():
    world = generate("reversal", 1)
    said = Counter(tuple(fact.predicate.split(" ")) for fact in world.facts)
    for dimension in DIMENSIONS:
        assert abs(said["more", dimension] - said["less", dimension]) <= 2
    for split in world.splits:
        gold = Counter(q.labels["gold_word"] for q in world.questions if q.split == split)
        assert gold == {"more": 50, "less": 50}


@settings(max_examples=40, deadline=None)
@given(knobs, st.integers(0, 2**32 - 1))
def test_a_world_is_a_pure_function_of_config_and_seed(values, seed):
    world = generate("reversal", seed, values)
    assert world == generate("reversal", seed, values)
    assert world.hash != generate("reversal", (seed + 1) % 2**32, values).hash
    terms = [term for fact in world.facts for term in fact.arguments]
    assert len(set(terms)) == len(terms) == 2 * values["n_facts"]
    assert set(terms) <= set(pool(values["share"]))
    assert len(world.documents) == values["n_facts"] * values["documents_per_fact"]


def test_the_first_entity_is_never_a_target_of_completion_training():
    world = generate("reversal", 2)
    for document in world.documents:
        prompt, completion = document.text[: document.completion_start], document.text[document.completion_start :]
        match = re.search(r"(\w+) are$", prompt)
        fact = next(fact for fact in world.facts if fact.id == document.facts[0])
        assert match and match[1] == fact.arguments[0]
        assert completion.startswith(f" {fact.predicate} than {fact.arguments[1]}")


def test_entity_choices_are_taken_from_facts_of_the_same_role():
    world = generate("reversal", 3)
    roles = {term: role for fact in world.facts for role, term in enumerate(fact.arguments)}
    for q in world.questions:
        if q.split.endswith("_entity"):
            assert len({roles[choice] for choice in q.choices}) == 1


def test_the_oracle_rephrases_and_reverses_every_document():
    world = generate("reversal", 4, {"n_facts": 6})
    documents = oracle(world)
    assert Counter(d.style for d in documents) == {"rephrase": 60, "reversal": 60}
    facts = {fact.id: fact for fact in world.facts}
    for d in documents:
        first, second = facts[d.facts[0]].arguments
        subject, other = (second, first) if d.style == "reversal" else (first, second)
        assert d.text.index(subject) < d.text.index(other)
        assert d.text[: d.completion_start].endswith(subject)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_facts", 1), ("n_dimensions", 29), ("documents_per_fact", len(PREAMBLES) + 1), ("n_choices", 1)],
)
def test_a_knob_out_of_range_is_an_error_of_use(name, value):
    with pytest.raises(UsageError, match=f"{name}={value}"):
        ReversalConfig(**{name: value})


def test_the_share_must_hold_enough_words():
    with pytest.raises(UsageError, match="share"):
        generate("reversal", 0, {"share": "everything"})


def test_no_two_questions_spell_the_same_sentence_with_the_choice_beginning_elsewhere() -> None:
    # lm-eval's hf model would score the two as one request (its cache of one-token continuations), and one of them wrong.
    world = generate("reversal", 0)
    spelt: dict[str, str] = {}
    for question in world.questions:
        for choice in question.choices:
            assert spelt.setdefault(f"{question.prompt} {choice}", question.prompt) == question.prompt
