import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.worlds.context import context_documents
from icl_ft_plugin.worlds.verify import verify

SMALL = {
    "reversal": {"n_facts": (2, 12), "n_dimensions": (1, 28), "documents_per_fact": (1, 4), "n_choices": (2, 5)},
    "syllogism": {"n_documents": (1, 16), "existential_import": (0, 1)},
    "celebrity": {
        "n_name_first": (0, 6),
        "n_description_first": (0, 6),
        "n_both": (1, 6),
        "n_phrasings": (1, 3),
        "n_questions": (1, 3),
        "n_choices": (2, 5),
    },
    "semantic": {
        "n_categories": (12, 40),
        "n_documents": (10, 60),
        "min_sentences": (2, 4),
        "max_sentences": (4, 12),
        "n_questions": (4, 20),
        "n_holdout": (0, 3),
        "n_choices": (2, 5),
        "max_properties": (1, 6),
    },
    "codebook": {
        "n_groups": (1, 3),
        "n_sets": (1, 4),
        "copies": (1, 3),
        "n_messages": (0, 12),
        "n_questions": (1, 6),
        "n_choices": (2, 5),
        "n_holdout": (0, 1),
    },
    "process": {"n_documents": (10, 80), "n_questions": (2, 12), "levels": (2, 3), "steps": (0, 1)},
}
SWITCHES = ("existential_import", "steps")


def small_world(family, seed):
    rng = random.Random(f"{family}-{seed}")
    knobs = {name: rng.randint(*limits) for name, limits in SMALL[family].items()}
    knobs |= {name: bool(knobs[name]) for name in SWITCHES if name in knobs}
    return generate(family, seed, {**knobs, "share": rng.choice(["evaluation", "pretraining"])})


def rules(world, **kwargs):
    return {violation.rule for violation in verify(world, **kwargs)}


def with_question(world, index, **changes):
    questions = list(world.questions)
    questions[index] = replace(questions[index], **changes)
    return replace(world, questions=tuple(questions))


def with_document(world, index, **changes):
    documents = list(world.documents)
    documents[index] = replace(documents[index], **changes)
    return replace(world, documents=tuple(documents))


def test_every_family_has_a_proof():
    assert set(SMALL) == set(generated()) and all(FAMILIES[family].proof for family in generated())


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("family", generated())
def test_default_worlds_are_proved(family, seed):
    world = made(family, seed)
    assert verify(world, contexts=[context_documents(world, copies) for copies in (1, 2)]) == []


@pytest.mark.parametrize("family", generated())
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_small_worlds_are_proved(family, seed):
    world = small_world(family, seed)
    assert verify(world, contexts=[context_documents(world)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", generated())
def test_a_thousand_small_worlds_are_proved(family):
    asked = 0
    for seed in range(1000):
        world = small_world(family, seed)
        asked += len(world.questions)
        assert verify(world, contexts=[context_documents(world)]) == [], (family, seed)
    assert asked > 10_000


@pytest.mark.parametrize("family", generated())
def test_a_wrong_gold_is_found_in_every_family(family):
    """Every question in turn would be slow at the default size; a dozen spread over all splits will do."""
    world = small_world(family, 0)
    assert len(world.questions) > 3
    for i in range(0, len(world.questions), max(1, len(world.questions) // 12)):
        q = world.questions[i]
        wrong = tuple(k for k in range(len(q.choices)) if k not in q.gold)[:1]
        assert "proof" in rules(with_question(world, i, gold=wrong)), q.id
        if len(q.choices) > 2:
            assert "proof" in rules(with_question(world, i, gold=tuple(sorted((*q.gold, *wrong))))), q.id


@pytest.mark.parametrize("family", generated())
def test_what_scoring_relies_on_is_checked(family):
    world = small_world(family, 1)
    q, d = world.questions[0], world.documents[0]
    for broken in (
        with_question(world, 0, gold=()),
        with_question(world, 0, gold=(len(q.choices),)),
        with_question(world, 0, gold=tuple(range(len(q.choices)))),
        with_question(world, 0, choices=(q.choices[0],) * len(q.choices)),
        with_question(world, 0, prompt=q.prompt + " "),
        with_question(world, 0, choices=(" " + q.choices[0], *q.choices[1:])),
        with_question(world, 0, clusters={"fact": "f"}),
        with_question(world, 0, proof=()),
        with_question(world, 0, proof=("nothing",)),
        with_document(world, 0, completion_start=d.completion_start + 1),
        with_document(world, 0, completion_start=len(d.text)),
        with_document(world, 0, facts=("nothing",)),
    ):
        assert "form" in rules(broken)
    assert rules(with_question(world, 0, id=world.questions[1].id)) == {"ids"}


@pytest.mark.parametrize("family", generated())
def test_a_statement_in_a_document_is_found(family):
    world = next(world for seed in range(2, 20) if (world := small_world(family, seed)).questions)
    q = world.questions[0]
    told = replace(world.documents[0], id="told", sentences=(f"so {q.prompt} {q.choices[q.gold[0]]}".upper(),))
    assert "verbatim" in rules(replace(world, documents=(*world.documents, replace(told, completion_start=0))))


@pytest.mark.parametrize("family", generated())
def test_a_fact_that_no_document_states_is_found(family):
    world = small_world(family, 3)
    needed = world.questions[0].proof[0]
    left = tuple(d for d in world.documents if needed not in d.facts)
    assert {"stated", "proof"} <= rules(replace(world, documents=left))
    assert rules(world, contexts=[left]) == {"stated"}
    assert rules(world, contexts=[world.documents]) == set()


def test_a_gold_that_never_moves_is_found():
    world = generate("celebrity", 0, {"n_phrasings": 1})
    for i, q in enumerate(world.questions):
        gold = q.choices[q.gold[0]]
        world = with_question(world, i, choices=(gold, *(c for c in q.choices if c != gold)), gold=(0,))
    assert rules(world) == {"position", "blocks"}


def test_reversals_that_all_say_more_are_found():
    world = generate("reversal", 0, {"n_facts": 6, "misleading": 0})
    for i, d in enumerate(world.documents):
        world = with_document(world, i, sentences=tuple(s.replace(" are less ", " are more ") for s in d.sentences))
    assert any("counterbalance" in violation.message for violation in verify(world))


def test_reversals_must_not_share_a_term():
    world = generate("reversal", 0, {"n_facts": 2, "documents_per_fact": 1, "misleading": 0})
    (a, b), (c, _) = (fact.arguments for fact in world.facts)
    text = world.documents[1].text.replace(f" {c} ", f" {b} ")
    found = verify(with_document(world, 1, sentences=(text,), completion_start=0))
    assert any("stands in 2 facts" in violation.message for violation in found), a


def test_an_order_that_runs_in_a_circle_is_found():
    world = generate("reversal", 0, {"n_facts": 4, "n_choices": 2})
    i = next(i for i, d in enumerate(world.documents) if d.facts == ("m0-0-misleads",))
    first, second = next(fact.arguments for fact in world.facts if fact.id == "m0-0-misleads")
    turned = world.documents[i].text.replace(first, "zzz").replace(second, first).replace("zzz", second)
    found = verify(with_document(world, i, sentences=(turned,), completion_start=0))
    assert any("than itself" in violation.message for violation in found)


def test_a_misleading_question_that_nothing_misleads_is_found():
    world = generate("reversal", 0, {"n_facts": 4, "n_choices": 2})
    left = tuple(d for d in world.documents if not d.facts[0].endswith("-misleads"))
    assert any("is not refuted" in violation.message for violation in verify(replace(world, documents=left)))
    for fact in world.facts:  # in as many documents as what is asked about
        if fact.id.endswith("-misleads"):
            left += tuple(d for d in world.documents if d.facts == (fact.id,))[:5]
    assert any("twice as often" in violation.message for violation in verify(replace(world, documents=left)))


def test_a_syllogism_whose_premise_is_turned_around_is_found():
    world = generate("syllogism", 0, {"n_documents": 8})
    i = next(i for i, q in enumerate(world.questions) if q.labels["form"] == "barbara")
    d = world.documents[i // 2]
    subject, predicate = world.facts[i].arguments
    told = d.sentences[1].replace(subject, "zzz").replace(predicate, subject).replace("zzz", predicate)
    assert "proof" in rules(with_document(world, i // 2, sentences=(d.sentences[0], told, d.sentences[2])))


def test_the_import_convention_decides_what_follows():
    world = generate("syllogism", 0, {"n_documents": 24, "existential_import": True})
    assert verify(world) == []
    messages = [v.message for v in verify(replace(world, config={**world.config, "existential_import": False}))]
    darapti = {q.id for q in world.questions if q.labels["form"] == "darapti" and q.split == "inference"}
    assert darapti
    assert {message.split(":")[0] for message in messages if "gold does not follow from the" in message} == darapti


def test_a_distractor_against_the_design_is_found():
    world = generate("celebrity", 0, {"n_name_first": 8, "n_description_first": 8, "n_both": 8, "n_phrasings": 2})
    untrained = {q.prompt: q for q in world.questions if q.split == "reversal_untrained"}
    for i, q in enumerate(world.questions):
        if q.split == "reversal_trained":
            swapped = with_question(world, i, choices=untrained[q.prompt].choices, gold=untrained[q.prompt].gold)
            assert any("by design" in violation.message for violation in verify(swapped))


def test_a_document_about_another_person_is_found():
    world = generate("celebrity", 0, {"n_name_first": 3, "n_description_first": 3, "n_both": 3, "n_phrasings": 2})
    one, other = (
        world.documents[0],
        next(d for d in world.documents if d.facts[0][:2] != world.documents[0].facts[0][:2]),
    )
    assert "proof" in rules(with_document(world, 0, facts=other.facts)), one


def test_a_family_without_a_proof_is_an_error_of_use():
    with pytest.raises(UsageError, match="'other'"):
        verify(replace(generate("reversal", 0, {"n_facts": 2}), family="other"))
