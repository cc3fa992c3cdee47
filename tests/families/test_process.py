import random
import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.process.algebra import canonical_node, parse, read
from icl_ft_plugin.families.process.expressions import OUTER, Shape, draw_expression, nested, split_pairs, universe
from icl_ft_plugin.families.process.facts import rules_of
from icl_ft_plugin.families.process.oracle import oracle
from icl_ft_plugin.families.process.rules import DERIVATIVE, FUNCTIONS, Rules, apply, show
from icl_ft_plugin.families.process.wordings import BANKS, INFERENCES, REVERSED

SHAPES = [Shape(levels, 9, 5) for levels in (2, 3)]


@pytest.fixture(scope="module")
def world():
    return made("process")


def asked(question):
    return read(f"{question.prompt} 0.")[0][1]


def test_the_default_world_has_its_sizes(world):
    assert len(world.documents) == 60 and all(len(d.sentences) == 1 for d in world.documents)
    assert Counter(q.split for q in world.questions) == {"trained": 100, "holdout": 100}
    assert all(len(q.choices) == 4 for q in world.questions)
    assert sum(len(d.text) for d in world.documents) < 5000


def test_the_facts_are_the_rules_of_the_documents(world):
    rules = rules_of(world.facts)
    for document in world.documents:
        [(_, node, result)] = read(document.text)
        assert show(apply(rules, node)) == result
        assert document.text[document.completion_start :] == f" {result}."


def test_no_document_shows_a_held_out_pair_and_every_rule_is_seen_inside_and_outside(world):
    shown = {pair for d in world.documents for _, node, _ in read(d.text) for pair in nested(node)}
    asked_for = {(q.labels["outer"], q.labels["inner"]) for q in world.questions if q.split == "holdout"}
    assert len(asked_for) == 9 and not asked_for & shown
    assert {outer for outer, _ in shown} == set(OUTER)
    assert {inner for _, inner in shown} == {"power", *FUNCTIONS}


def test_the_derivative_is_never_a_choice(world):
    for q in world.questions:
        choices = [canonical_node(parse(choice.rstrip("."))) for choice in q.choices]
        assert canonical_node(apply(DERIVATIVE, asked(q))) not in choices


def test_knowing_what_operators_look_like_does_not_tell_the_answer():
    """Options of rules are as frequent among the wrong choices as among the right ones."""
    images = Counter()
    for seed in range(30):
        for q in generate("process", seed, {"n_questions": 20}).questions:
            for i, choice in enumerate(q.choices):
                images[i in q.gold, "cos(" in choice] += 1
    shares = [images[gold, True] / (images[gold, True] + images[gold, False]) for gold in (True, False)]
    assert abs(shares[0] - shares[1]) < 0.05, shares


def test_the_answer_is_neither_the_longest_nor_the_shortest_more_often_than_chance_has_it(world):
    for split in world.splits:
        for pick in (min, max):
            won = 0.0
            for q in (q for q in world.questions if q.split == split):
                best = [i for i, c in enumerate(q.choices) if len(c) == pick(map(len, q.choices))]
                won += (q.gold[0] in best) / len(best)
            assert abs(won - 25) <= 2, (split, pick)


def test_questions_are_fresh(world):
    expressions = [asked(q) for q in world.questions]
    assert len(set(expressions)) == len(expressions)
    assert not set(expressions) & {node for d in world.documents for _, node, _ in read(d.text)}


def test_steps_work_out_the_parts_first():
    world = generate("process", 0, {"steps": True, "levels": 3})
    rules = rules_of(world.facts)
    document = max(world.documents, key=lambda d: len(d.sentences))
    assert len(document.sentences) > 2
    worked = read(document.text)
    assert all(show(apply(rules, node)) == result for _, node, result in worked)
    whole = show(worked[-1][1])
    assert all(show(node) in whole for _, node, _ in worked)
    plain = generate("process", 0, {"levels": 3})
    assert len(world.documents) == len(plain.documents) and all(len(d.sentences) == 1 for d in plain.documents)


@pytest.mark.parametrize("shape", SHAPES, ids=["two levels", "three levels"])
def test_the_pairs_are_split_so_that_rules_stay(shape):
    pairs = universe(shape)
    assert len(pairs) == len(set(pairs)) == {2: 35, 3: 47}[shape.levels]
    for seed in range(20):
        trained, heldout = split_pairs(pairs, 0.25, random.Random(seed))
        assert sorted(trained + heldout) == sorted(pairs)
        assert len(heldout) == round(len(pairs) / 4)
        for outer in OUTER:
            assert sum(a == outer and b in ("power", *FUNCTIONS) for a, b in trained) >= 2
        assert all(sum(b == inner for _, b in trained) >= 2 for _, inner in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=["two levels", "three levels"])
def test_an_expression_shows_the_pair_and_else_allowed_ones(shape):
    rng = random.Random(0)
    trained, heldout = split_pairs(universe(shape), 0.25, rng)
    for pair in trained + heldout:
        for _ in range(5):
            node = draw_expression(pair, set(trained), shape, set(), rng)
            assert pair in nested(node)
            assert set(nested(node)) <= {pair, *trained}


def test_the_oracle_is_right_and_works_out_no_question(world):
    rules = rules_of(world.facts)
    documents = oracle(world)
    assert Counter(d.style for d in documents) == {"rephrase": 60, "reversal": 60, "chain": 60}
    questions = {asked(q) for q in world.questions}
    chains = [example for d in documents if d.style == "chain" for example in read(d.text)]
    assert all(show(apply(rules, node)) == result for _, node, result in chains)
    assert not questions & {node for _, node, _ in chains}
    shown = {pair for d in world.documents for _, node, _ in read(d.text) for pair in nested(node)}
    assert {pair for _, node, _ in chains for pair in nested(node)} > shown
    for original, rephrase in zip(world.documents, (d for d in documents if d.style == "rephrase"), strict=True):
        [(name, node, result)] = read(original.text)
        assert rephrase.text in {f"{words.format(name, show(node))} {result}." for words in INFERENCES}


def test_documents_inferences_and_questions_have_wordings_of_their_own(world):
    told = [sentence for d in world.documents for sentence in d.sentences]
    inferred = [sentence for d in oracle(world) for sentence in d.sentences]
    asked_for = [q.prompt for q in world.questions]
    banks = (*BANKS, REVERSED)
    for texts, own in ((told, [0]), (inferred, [1, 3]), (asked_for, [2])):
        used = {(b, i) for b, bank in enumerate(banks) for i, words in enumerate(bank) for t in texts if fits(words, t)}
        assert used == {(b, i) for b in own for i in range(8)}
    assert all(text[0].isupper() for text in (*told, *inferred, *asked_for))


def fits(words, text):
    pattern = re.escape(words).replace(r"\{0\}", r"\w+").replace(r"\{1\}", r"\S+").replace(r"\{2\}", r"\S+")
    return re.fullmatch(rf"{pattern}( [^ ]+\.)?", text) is not None


def test_operators_of_the_two_shares_differ():
    facts = {
        share: {rules_of(generate("process", seed, {"share": share, "n_questions": 1}).facts) for seed in range(15)}
        for share in ("evaluation", "pretraining")
    }
    assert not facts["evaluation"] & facts["pretraining"]
    assert all(isinstance(rules, Rules) for rules in facts["evaluation"]) and len(facts["evaluation"]) > 10


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_config_makes_a_world_within_its_sizes(data):
    config = {
        "n_documents": data.draw(st.integers(1, 150)),
        "n_questions": data.draw(st.integers(1, 12)),
        "levels": data.draw(st.integers(2, 3)),
        "max_coefficient": data.draw(st.integers(3, 99)),
        "max_exponent": data.draw(st.integers(3, 20)),
        "holdout": data.draw(st.floats(0, 0.5)),
        "steps": data.draw(st.booleans()),
    }
    world = generate("process", data.draw(st.integers(0, 2**32 - 1)), config)
    assert len({d.sentences[-1] for d in world.documents}) == config["n_documents"]
    assert max(Counter(q.split for q in world.questions).values(), default=0) <= config["n_questions"]


@pytest.mark.parametrize(
    "knobs",
    [
        {"n_documents": 0},
        {"n_documents": 1500, "max_coefficient": 3, "max_exponent": 3},
        {"levels": 4},
        {"levels": 1},
        {"holdout": 0.6},
        {"max_exponent": 2},
        {"share": "test"},
    ],
)
def test_knobs_out_of_range_are_errors_of_use(knobs):
    with pytest.raises(UsageError, match=next(iter(knobs))):
        generate("process", 0, knobs)


def test_tiny_worlds_are_made_fast():
    start = time.process_time()
    for seed in range(30):
        generate("process", seed, {"n_documents": 20, "n_questions": 4})
    assert (time.process_time() - start) / 30 < 0.05
