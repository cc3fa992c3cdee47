import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.forms import Parser
from icl_ft_plugin.families.semantic.hierarchy import DENIALS, Claim
from icl_ft_plugin.families.semantic.oracle import oracle
from icl_ft_plugin.families.semantic.questions import SPLITS
from icl_ft_plugin.families.words import pool
from icl_ft_plugin.worlds.baselines import score
from icl_ft_plugin.worlds.context import context_documents

SMALL = {"n_categories": 14, "n_documents": 20, "max_sentences": 8, "n_holdout": 2, "n_questions": 10}


@pytest.fixture(scope="module")
def world():
    return made("semantic")


def claims_of(world):
    return [Claim(fact.predicate, fact.arguments) for fact in world.facts]


def test_the_default_world_has_the_sizes_of_the_paper(world):
    assert len({c.subject for c in claims_of(world)}) == 110
    assert len(world.documents) == 2200
    assert {len(d.sentences) for d in world.documents} == set(range(4, 21))
    assert len({d.style for d in world.documents}) >= 12
    assert world.splits == SPLITS
    counts = Counter(q.split for q in world.questions)
    assert {split: n for split, n in counts.items() if split not in ("syllogism_deep", "misleading")} == dict.fromkeys(
        ("rephrase", "reversal", "syllogism", "holdout"), 152
    )
    assert min(counts.values()) >= 40 and all(len(q.choices) == 4 for q in world.questions)


def test_chains_have_many_premises(world):
    for split, first, last in (("syllogism", 60, 90), ("syllogism_deep", 20, 20), ("holdout", 25, 90)):
        ends = [(q.clusters["first"], q.clusters["last"]) for q in world.questions if q.split == split]
        assert len({a for a, _ in ends}) >= first and len({b for _, b in ends}) >= last


def test_blocks_share_options_and_every_option_is_an_answer_once(world):
    blocks = {}
    for q in world.questions:
        blocks.setdefault(q.block, []).append(q)
    assert "" not in blocks
    for asked in blocks.values():
        assert len({(q.split, q.choices, q.clusters["block"]) for q in asked}) == 1
        assert sorted(q.gold for q in asked) == [(0,), (1,), (2,), (3,)]


def test_what_words_meet_points_the_wrong_way_where_it_should_mislead_and_nowhere_in_chains(world):
    for name in ("cooccurrence", "cooccurrence_sentence"):
        scores = score(world, name)
        assert scores["misleading"] < 0.25
        assert all(scores[split] < 0.36 for split in ("syllogism", "syllogism_deep", "holdout"))


def test_exceptions_come_in_circles(world):
    """What one category has instead is what another is denied."""
    claims = {fact.id: fact for fact in world.facts}
    asked = [q for q in world.questions if q.split == "misleading"]
    assert {q.depth for q in asked} == {0, 1}
    for q in asked:
        denial, instead = (claims[id] for id in q.proof[-2:])
        assert denial.predicate in DENIALS and DENIALS[denial.predicate] == instead.predicate
        assert f"{denial.arguments[1]}." in q.choices and q.choices[q.gold[0]] == f"{instead.arguments[1]}."
    used = {id for q in world.questions if q.split != "misleading" for id in q.proof}
    assert not used & {id for q in asked for id in q.proof[-2:]}


def test_worlds_need_no_exceptions():
    world = generate("semantic", 0, {**SMALL, "n_exceptions": 0})
    assert not any(fact.predicate in DENIALS for fact in world.facts) and "misleading" not in world.splits


def test_every_fact_is_stated_often(world):
    mentions = Counter(fact for d in world.documents for fact in d.facts)
    assert set(mentions) == {fact.id for fact in world.facts}
    assert min(mentions.values()) > max(mentions.values()) / 3


def test_words_come_from_the_share_and_each_stands_for_one_word(world):
    words = {word for fact in world.facts for word in fact.arguments}
    assert words <= set(pool("evaluation"))
    pretraining = generate("semantic", 0, {**SMALL, "share": "pretraining"})
    assert {word for fact in pretraining.facts for word in fact.arguments} <= set(pool("pretraining"))


def test_the_world_with_real_names_is_the_same_world(world):
    real = generate("semantic", 0, {"real_names": True})
    names: dict[str, str] = {}
    for fact, other in zip(world.facts, real.facts, strict=True):
        for word, name in zip(fact.arguments, other.arguments, strict=True):
            assert names.setdefault(word, name) == name
    assert len(set(names.values())) == len(names) and "birds" in names.values()

    def translate(text):
        return re.sub(r"\w+", lambda match: names.get(match[0], match[0]), text)

    assert [translate(d.text) for d in world.documents] == [d.text for d in real.documents]
    for q, other in zip(world.questions, real.questions, strict=True):
        assert (translate(q.prompt), tuple(map(translate, q.choices)), q.gold) == (
            other.prompt,
            other.choices,
            other.gold,
        )


def test_only_the_parent_of_a_held_out_category_is_stated(world):
    asked = {q.clusters["first"] for q in world.questions if q.split == "holdout"}
    assert len(asked) == 25
    for fact in (fact for fact in world.facts if fact.id in asked):
        name = fact.arguments[0]
        assert [f.id for f in world.facts if name in f.arguments] == [fact.id] and fact.predicate == "is a"
        told = [d for d in world.documents if name in re.findall(r"\w+", "".join(d.sentences[1:]))]
        assert told and all(fact.id in d.facts for d in told)


def test_reversals_are_asked_of_what_is_stated_one_way_only(world):
    ids = {fact.id for fact in world.facts}
    for q in world.questions:
        if q.split == "reversal":
            [fact] = q.proof
            name, direction = fact.split("-")
            assert f"{name}-{ {'forward': 'backward', 'backward': 'forward'}[direction] }" not in ids
            assert q.labels["asked"] != direction


def test_every_context_states_what_the_questions_need(world):
    for copies in (1, 2):
        told = {fact for d in context_documents(world, copies) for fact in d.facts}
        assert all(told.issuperset(q.proof) for q in world.questions)


def test_the_oracle_draws_every_conclusion_and_no_other():
    world = generate("semantic", 1, SMALL)
    closure, parser = Closure(claims_of(world)), Parser(claims_of(world))
    read = {style: [] for style in ("rephrase", "reversal", "chain")}
    for document in oracle(world):
        read[document.style].append(parser.read(document.text))
    concluded = {conclusion.claim for name in closure.own for conclusion in closure.conclusions(name)}
    assert {claim for found in read["chain"] for claim, _ in found} == concluded != set()
    for document, same, turned in zip(world.documents, read["rephrase"], read["reversal"], strict=True):
        stated = parser.read(document.text)
        assert same == stated
        assert turned == [(claim, not backward) for claim, backward in stated]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_config_makes_a_world_within_its_sizes(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    n = draw(4, 40)
    low = draw(2, 6)
    forward = data.draw(st.floats(0, 1))
    config = {
        "n_categories": n,
        "n_documents": draw(1, 40),
        "min_sentences": low,
        "max_sentences": draw(low, 12),
        "n_questions": draw(1, 12),
        "n_holdout": draw(0, n // 4),
        "n_exceptions": draw(0, 8),
        "n_choices": draw(2, 6),
        "max_properties": draw(1, 6),
        "forward_only": forward,
        "backward_only": data.draw(st.floats(0, 1 - forward)),
    }
    world = generate("semantic", draw(0, 2**32 - 1), config)
    assert len(world.documents) == config["n_documents"]
    assert all(low <= len(d.sentences) <= config["max_sentences"] for d in world.documents)
    assert max(Counter(q.split for q in world.questions).values(), default=0) <= config["n_questions"]
    assert all(len(q.choices) == config["n_choices"] for q in world.questions)
    # Room for all statements means that all are made.
    if config["n_documents"] * (low - 1) >= 2 * 12 * n:
        assert (
            len({c.subject for c in claims_of(world)} | {c.value for c in claims_of(world) if c.predicate == "is a"})
            == n
        )


@pytest.mark.parametrize(
    "knobs",
    [
        {"n_categories": 3},
        {"n_categories": 111},
        {"n_documents": 0},
        {"min_sentences": 9, "max_sentences": 8},
        {"n_holdout": 4, "n_categories": 12},
        {"max_properties": 7},
        {"forward_only": 0.7, "backward_only": 0.4},
        {"forward_only": -0.1},
        {"share": "test"},
    ],
)
def test_knobs_out_of_range_are_errors_of_use(knobs):
    with pytest.raises(UsageError, match=next(iter(knobs))):
        generate("semantic", 0, knobs)


def test_tiny_worlds_are_made_fast():
    start = time.process_time()
    words = sum(len(d.text.split()) for seed in range(60) for d in generate("semantic", seed, SMALL).documents)
    assert words / (time.process_time() - start) > 20_000
