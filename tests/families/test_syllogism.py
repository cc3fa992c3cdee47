from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.syllogism.generate import FORMS, SyllogismConfig, oracle
from icl_ft_plugin.families.syllogism.logic import entailed
from icl_ft_plugin.families.syllogism.phrases import DOCUMENTS, INFERENCES, QUANTIFIERS, TESTS
from icl_ft_plugin.families.words import pool

TERMS = {"s": 0, "m": 1, "p": 2}


def constant_accuracy(questions, index):
    return sum(index in q.gold for q in questions) / len(questions)


def test_the_default_world_has_the_sizes_of_the_paper():
    world = generate("syllogism", 0)
    assert (len(world.documents), len(world.facts), len(world.questions)) == (69, 138, 138)
    assert all(len(d.sentences) == 3 and len(d.facts) == 2 for d in world.documents)
    assert all(len(q.choices) == 6 for q in world.questions)


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_are_the_valid_ones(form):
    """The table of forms against all Venn models: what they entail, and with which convention."""
    *premises, quantifier = FORMS[form]
    numbered = tuple((q, TERMS[a], TERMS[b]) for q, a, b in premises)
    expected = {("all", 0, 2)} if quantifier == "all" else {(quantifier, 0, 2), (quantifier, 2, 0)}
    assert entailed(numbered, 0, 2, True) == expected
    assert entailed(numbered, 0, 2, False) == (set() if form == "darapti" else expected)


@pytest.mark.parametrize(("existential_import", "n"), [(False, 10), (True, 11)])
def test_every_premise_pair_that_entails_something_is_one_of_the_forms(existential_import, n):
    statements = lambda a, b: [(q, *pair) for q in ("all", "some", "no") for pair in ((a, b), (b, a))]  # noqa: E731
    pairs = [(p, q) for p in statements(0, 1) for q in statements(1, 2)]
    valid = {frozenset(pair) for pair in pairs if entailed(pair, 0, 2, existential_import)}
    assert len(pairs) == 36
    assert len(valid) == n
    named = set()
    for form, (*premises, _) in FORMS.items():
        if existential_import or form != "darapti":
            for ends in ({"s": 0, "p": 2}, {"s": 2, "p": 0}):
                number = {**ends, "m": 1}
                named.add(frozenset((q, number[a], number[b]) for q, a, b in premises))
    assert named == valid


def test_documents_show_all_valid_premise_pairs_in_both_orders():
    world = generate("syllogism", 0)
    facts = {fact.id: fact for fact in world.facts}
    seen = set()
    for d, q in zip(world.documents, [q for q in world.questions if q.split == "inference"], strict=True):
        first, second = q.prompt.removesuffix(" are related:").split(" and ")
        number = {first: 0, second: 2}
        premises = [facts[id] for id in d.facts]
        seen.add(tuple((f.predicate, *(number.get(term, 1) for term in f.arguments)) for f in premises))
    assert len({frozenset(pair) for pair in seen}) == 10
    assert len(seen) > 15  # of 20 with the order of premises


def test_the_banks_share_no_wording():
    banks = (DOCUMENTS, INFERENCES, TESTS)
    every = [wording.format(a="x", b="y") for bank in banks for q in QUANTIFIERS for wording in bank[q]]
    assert len({wording.lower() for wording in every}) == len(every) == 3 * 3 * 8
    assert not [one for one in every for other in every if one != other and one.lower() in other.lower()]


@pytest.mark.parametrize("seed", range(3))
def test_no_statement_of_a_question_stands_in_documents_or_inferences(seed):
    world = generate("syllogism", seed)
    corpus = "\n".join(d.text for d in (*world.documents, *oracle(world))).lower()
    assert not [q.id for q in world.questions for i in q.gold if q.choices[i].lower().removesuffix(".") in corpus]


def test_a_question_names_its_premises_in_order_of_use():
    world = generate("syllogism", 3)
    facts = {fact.id: fact for fact in world.facts}
    for q in world.questions:
        if q.split == "inference":
            first, last = (set(facts[id].arguments) for id in q.proof)
            asked = set(q.prompt.removesuffix(" are related:").split(" and "))
            assert len(first & asked) == len(last & asked) == len(first & last) == 1 and first | last > asked
            if q.labels["form"] == "barbara":
                assert facts[q.proof[0]].arguments[1] == facts[q.proof[1]].arguments[0]
        assert (q.clusters["first"], q.clusters["last"]) == (q.proof[0], q.proof[-1])


@pytest.mark.parametrize("seed", range(20))
def test_every_constant_answerer_is_at_chance(seed):
    world = generate("syllogism", seed)
    for split in world.splits:
        questions = [q for q in world.questions if q.split == split]
        chance = sum(q.chance for q in questions) / len(questions)
        assert chance == pytest.approx(0.25, abs=0.005)
        for index in range(6):
            assert constant_accuracy(questions, index) == pytest.approx(chance, abs=0.02)


def test_forms_are_as_even_as_the_quantifiers_allow():
    forms = Counter(q.labels["form"] for q in generate("syllogism", 5).questions if q.split == "inference")
    assert 34 <= forms.pop("barbara") <= 35
    assert set(forms) == {"celarent", "cesare", "darii", "datisi"}
    assert set(forms.values()) <= {8, 9}


def test_existential_import_adds_a_form_and_keeps_weaker_statements_from_the_gold():
    world = generate("syllogism", 0, {"existential_import": True})
    by_form = {q.labels["form"]: q for q in world.questions if q.split == "inference"}
    assert set(by_form) == set(FORMS)
    assert len(by_form["barbara"].gold) == 1
    assert by_form["darapti"].labels["association"] == "misleads"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.booleans(), st.sampled_from(["evaluation", "pretraining"]), st.integers(0, 2**32 - 1))
def test_small_worlds_of_any_size(n, existential_import, share, seed):
    knobs = {"n_documents": n, "existential_import": existential_import, "share": share}
    world = generate("syllogism", seed, knobs)
    assert world == generate("syllogism", seed, knobs)
    terms = [term for d in world.documents for term in {t for f in world.facts if f.id in d.facts for t in f.arguments}]
    assert len(terms) == len(set(terms)) == 3 * n
    assert set(terms) <= set(pool(share))
    for d in world.documents:
        assert d.text[: d.completion_start] == d.sentences[0]
    for q in world.questions:
        assert len(q.gold) == (1 if q.labels["quantifier"] == "all" else 2)


def test_the_oracle_rephrases_converts_and_concludes():
    world = generate("syllogism", 6)
    documents = oracle(world)
    styles = Counter(d.style for d in documents)
    assert styles["rephrase"] == styles["chain"] == 69
    assert styles["reversal"] == sum(q.labels["form"] != "barbara" for q in world.questions if q.split == "inference")
    conclusions = sum(len(q.gold) for q in world.questions if q.split == "inference")
    assert sum(len(d.sentences) - 1 for d in documents if d.style == "chain") == conclusions
    assert documents == oracle(replace(world, questions=()))  # of facts alone


@pytest.mark.parametrize("n", [0, 1901])
def test_a_size_out_of_range_is_an_error_of_use(n):
    with pytest.raises(UsageError, match=f"n_documents={n}"):
        SyllogismConfig(n_documents=n)


def test_the_largest_world_finds_enough_words():
    for share in ("evaluation", "pretraining"):
        assert len(generate("syllogism", 0, {"n_documents": 1900, "share": share}).documents) == 1900
