from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.celebrity import phrases as data
from icl_ft_plugin.families.celebrity.generate import SPLITS, CelebrityConfig, names, oracle, people_of, titles

sizes = st.integers(0, 8)
small = st.fixed_dictionaries(
    {
        "n_name_first": sizes,
        "n_description_first": sizes,
        "n_both": sizes,
        "n_phrasings": st.integers(1, 4),
        "n_questions": st.integers(1, 3),
        "n_choices": st.integers(2, 5),
        "share": st.sampled_from(["evaluation", "pretraining"]),
    }
).filter(lambda k: k["n_name_first"] + k["n_description_first"] + k["n_both"])


def targets(world):
    return {d.text[d.completion_start + 1 : -1] for d in world.documents}


def test_the_default_world_has_the_sizes_of_the_paper():
    world = made("celebrity")
    assert len(world.documents) == 3840
    assert Counter(p.group for p in people_of(world)) == {"name_first": 32, "description_first": 32, "both": 32}
    assert Counter(fact.predicate for fact in world.facts) == {"name_first": 64, "description_first": 64}
    assert set(Counter(d.facts for d in world.documents).values()) == {30}
    assert len({d.text for d in world.documents}) == 3840
    assert Counter(q.split for q in world.questions) == dict.fromkeys(SPLITS, 96)
    assert {len(q.choices) for q in world.questions} == {4}


def test_the_banks_share_no_phrasing():
    for documents, inferences, tests in (
        (data.DOCUMENTS_NAME_FIRST, data.INFERENCES_NAME_FIRST, data.TESTS_NAME_FIRST),
        (data.DOCUMENTS_DESCRIPTION_FIRST, data.INFERENCES_DESCRIPTION_FIRST, data.TESTS_DESCRIPTION_FIRST),
    ):
        assert [len(set(bank)) for bank in (documents, inferences, tests)] == [30, 12, 10]
        assert not {*documents} & {*inferences, *tests} and not {*inferences} & {*tests}
        told = [phrasing.lower() for phrasing in (*documents, *inferences)]
        assert not [test for test in tests if any(phrasing.endswith(test.lower()) for phrasing in told)]


def test_the_completion_is_what_the_order_leaves_to_say():
    world = made("celebrity", 1)
    facts = {fact.id: fact for fact in world.facts}
    for d in world.documents:
        given, asked = facts[d.facts[0]].arguments
        assert d.text[d.completion_start :] == f" {asked}."
        assert given.lower() in d.text[: d.completion_start].lower()


@pytest.mark.parametrize("seed", range(3))
def test_distractors_by_design(seed):
    world = made("celebrity", seed)
    trained = targets(world)
    mentions = Counter(p.name for p in people_of(world) for d in world.documents if d.facts[0].startswith(f"{p.id}-"))
    for q in world.questions:
        gold = q.choices[q.gold[0]][:-1]
        others = [choice[:-1] for choice in q.choices if choice[:-1] != gold]
        if q.split.startswith("reversal"):
            assert gold not in trained
            assert {other in trained for other in others} == {q.split == "reversal_trained"}
        else:
            assert gold in trained
            assert all(other in trained for other in others)
        if q.split == "reversal_trained":  # seen as often as the right name, so that frequency tells nothing
            assert {mentions[name] for name in (gold, *others)} == {30}


def test_both_designs_ask_the_same_questions():
    world = made("celebrity", 2)
    prompts = [
        {q.prompt for q in world.questions if q.split == f"reversal_{name}"} for name in ("trained", "untrained")
    ]
    assert prompts[0] == prompts[1] and len(prompts[0]) == 96


def test_every_split_is_blocked_but_the_measure_of_a_prior():
    world = made("celebrity", 2)
    assert {q.split for q in world.questions if not q.block} == {"reversal_trained"}
    blocks = Counter(q.block for q in world.questions if q.block)
    assert len(blocks) == 6 * 24 and set(blocks.values()) == {4}


def test_the_right_choice_takes_all_positions_in_turn():
    world = made("celebrity", 3)
    for split in world.splits:
        counts = Counter(q.gold for q in world.questions if q.split == split)
        assert set(counts.values()) == {24}


@settings(max_examples=80, deadline=None)
@given(small, st.integers(0, 2**32 - 1))
def test_small_worlds_of_any_size(knobs, seed):
    world = generate("celebrity", seed, knobs)
    assert world == generate("celebrity", seed, knobs)
    people = list(people_of(world))
    assert len(people) == knobs["n_name_first"] + knobs["n_description_first"] + knobs["n_both"]
    for i, kind in enumerate(("first", "last")):
        drawn = [p.name.split()[i] for p in people]
        assert len(set(drawn)) == len(drawn)
        assert set(drawn) <= set(names(kind, knobs["share"]))
    assert {" ".join(p.description.split()[-2:]) for p in people} <= set(titles(knobs["share"]))
    for q in world.questions:
        assert 2 <= len(q.choices) <= knobs["n_choices"]


def test_the_oracle_says_every_document_in_both_orders():
    world = generate("celebrity", 4, {"n_name_first": 3, "n_description_first": 3, "n_both": 3, "n_phrasings": 4})
    documents = oracle(world)
    assert Counter(d.style for d in documents) == {"rephrase": 48, "reversal": 48}
    people = {p.id: p for p in people_of(world)}
    stated = {fact.id for fact in world.facts}
    for d in documents:
        person_id, order = d.facts[0].split("-")
        p, completion = people[person_id], d.text[d.completion_start + 1 : -1]
        assert d.facts[0] in stated
        if p.group == "both":  # the text states the fact named, in its order
            assert completion == (p.description if order == "name_first" else p.name)
        else:
            assert completion == (p.description if (order == "name_first") == (d.style == "rephrase") else p.name)


def test_a_world_in_context_fits_a_small_window():
    """One phrasing per fact; words as the unit, since every tokenizer counts otherwise."""
    for seed in range(3):
        world = made("celebrity", seed)
        firsts = {d.facts: d.text for d in reversed(world.documents)}
        assert len(firsts) == 128
        assert sum(len(text.split()) for text in firsts.values()) < 128 * 14


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"n_phrasings": 31}, "n_phrasings=31"),
        ({"n_questions": 11}, "n_questions=11"),
        ({"n_both": 121}, "n_both=121"),
        ({"n_name_first": 0, "n_description_first": 0, "n_both": 0}, "all 0"),
    ],
)
def test_a_knob_out_of_range_is_an_error_of_use(knobs, message):
    with pytest.raises(UsageError, match=message):
        CelebrityConfig(**knobs)


def test_an_unknown_share_is_an_error_of_use():
    with pytest.raises(UsageError, match="share"):
        generate("celebrity", 0, {"share": "test"})


def test_the_largest_world_finds_enough_names():
    for share in ("evaluation", "pretraining"):
        knobs = {"n_name_first": 120, "n_description_first": 120, "n_both": 120, "n_phrasings": 1, "share": share}
        assert len({p.name for p in people_of(generate("celebrity", 0, knobs))}) == 360
