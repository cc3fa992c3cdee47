import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.reversal.generate import ReversalConfig, oracle
from icl_ft_plugin.families.reversal.phrases import DIMENSIONS, DOCUMENTS, INFERENCES, TESTS
from icl_ft_plugin.families.reversal.proof import closure
from icl_ft_plugin.families.words import pool

knobs = st.fixed_dictionaries(
    {
        "n_facts": st.integers(2, 30),
        "n_dimensions": st.integers(1, 28),
        "documents_per_fact": st.integers(1, 32),
        "n_choices": st.integers(2, 6),
        "misleading": st.sampled_from([0.0, 0.01, 0.32, 1.0]),
        "share": st.sampled_from(["evaluation", "pretraining"]),
    }
)


def test_the_default_world_has_the_sizes_of_the_paper():
    world = generate("reversal", 0)
    facts = [fact for fact in world.facts if fact.id.startswith("f")]
    documents = [d for d in world.documents if d.facts[0].startswith("f")]
    assert (len(facts), len(documents)) == (100, 1000)
    assert Counter(q.split for q in world.questions) == {
        **dict.fromkeys(("reversal", "reversal_entity", "rephrase", "rephrase_entity"), 100),
        "reversal_misleading": 32,
    }
    assert len({fact.predicate.split(" ")[1] for fact in facts}) == len(DIMENSIONS) == 28
    assert all(len({d.text for d in world.documents if d.facts == (fact.id,)}) == 10 for fact in facts)


def test_half_of_the_facts_say_less_whatever_the_dimension():
    world = generate("reversal", 1)
    said = Counter(tuple(fact.predicate.split(" ")) for fact in world.facts if fact.id.startswith("f"))
    for dimension in DIMENSIONS:
        assert abs(said["more", dimension] - said["less", dimension]) <= 2
    for split in world.splits:
        gold = Counter(q.labels["gold_word"] for q in world.questions if q.split == split)
        assert gold["more"] == gold["less"] == sum(gold.values()) / 2


def test_the_banks_share_no_wording():
    told = {wording.format(first="x", more="y", second="z") for bank in INFERENCES.values() for wording in bank}
    told |= {preamble.format("x are y than z") for preamble in DOCUMENTS}
    for direction, tests in TESTS.items():
        assert len(set(tests)) == 8 and len(set(INFERENCES[direction])) >= 8
        assert not [
            test for test in tests for text in told if f"{test.format('x')} y" in text and direction == "rephrase"
        ]
    # A document states the plain comparison in its own direction, so that a question may ask it in the other alone.
    assert not [wording for wording in INFERENCES["reversal"] if "{first} are {more}" in wording]


def test_no_statement_of_a_question_stands_in_documents_or_inferences_whatever_leads_up_to_it():
    world = generate("reversal", 5, {"n_facts": 20})
    corpus = "\n".join(d.text for d in (*world.documents, *oracle(world))).lower()
    for q in world.questions:
        bare = re.sub(r"^.*(?:[,:]|that) ", "", f"{q.prompt} {q.choices[q.gold[0]]}".lower())
        assert bare.removesuffix(".") not in corpus


@settings(max_examples=40, deadline=None)
@given(knobs, st.integers(0, 2**32 - 1))
def test_a_world_is_a_pure_function_of_config_and_seed(values, seed):
    world = generate("reversal", seed, values)
    assert world == generate("reversal", seed, values)
    assert world.hash != generate("reversal", (seed + 1) % 2**32, values).hash
    plain = [fact for fact in world.facts if fact.id.startswith("f")]
    terms = [term for fact in plain for term in fact.arguments]
    assert len(set(terms)) == len(terms) == 2 * values["n_facts"]
    assert {term for fact in world.facts for term in fact.arguments} <= set(pool(values["share"]))
    documents = [d for d in world.documents if d.facts[0].startswith("f")]
    assert len(documents) == values["n_facts"] * values["documents_per_fact"]
    k = values["n_choices"]
    misled = sum(q.split == "reversal_misleading" for q in world.questions)
    assert misled == (max(1, int(values["n_facts"] * values["misleading"]) // k) * k if values["misleading"] else 0)
    assert len(world.facts) - len(plain) == 2 * misled


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
    alike = 0
    for q in world.questions:
        if q.split.endswith("_entity"):
            assert len({roles[choice] for choice in q.choices}) == 1
            dimensions = {fact.predicate.split(" ")[1] for fact in world.facts if set(fact.arguments) & set(q.choices)}
            alike += len(dimensions) == 1
    assert alike == 2 * 88  # of 2 * 100; six dimensions have two facts only


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_what_meets_the_subject_most_often_is_the_wrong_answer(k):
    world = generate("reversal", 3, {"n_facts": 12, "n_choices": k, "misleading": 1})
    stated = {(f.arguments[0], *f.predicate.split(" "), f.arguments[1]) for f in world.facts}
    known = closure(stated)
    documents = Counter(d.facts[0] for d in world.documents)
    meetings = Counter({frozenset(f.arguments): documents[f.id] for f in world.facts})
    asked = [q for q in world.questions if q.split == "reversal_misleading"]
    assert len(asked) == 12 // k * k
    for q in asked:
        *_, about, _, word, dimension, _ = re.sub(r"^.*(?:[,:]|that) ", "", f"x {q.prompt}").split(" ")
        met = {choice: meetings[frozenset((about, choice))] for choice in q.choices}
        assert sorted(met.values(), reverse=True)[:2] == [20, 5]
        wrong, right = (next(choice for choice in q.choices if met[choice] == n) for n in (20, 5))
        assert right == q.choices[q.gold[0]]
        assert (about, word, dimension, right) in known
        assert (about, {"more": "less", "less": "more"}[word], dimension, wrong) in known


def test_the_oracle_rephrases_and_reverses_every_document():
    world = generate("reversal", 4, {"n_facts": 6, "misleading": 0})
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
    [("n_facts", 1), ("n_dimensions", 29), ("documents_per_fact", 33), ("n_choices", 1), ("misleading", 1.5)],
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
