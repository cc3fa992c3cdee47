import re
from dataclasses import replace

import pytest

from icl_ft_plugin.families import generate
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.hierarchy import DENIALS, Claim
from icl_ft_plugin.families.semantic.proof import check, closures
from icl_ft_plugin.families.semantic.questions import SPLITS
from icl_ft_plugin.families.semantic.wordings import DOCUMENTS
from icl_ft_plugin.schema import Document

DENIED = re.compile(r"\b(?:not|never|no|cannot|unable|fail|far from being|anything but|lack|without|short of)\b")
DOGS = (
    Claim("is a", ("dogs", "canines")),
    Claim("is a", ("canines", "mammals")),
    Claim("is a", ("cats", "mammals")),
    Claim("have", ("mammals", "hair")),
    Claim("can", ("dogs", "bark")),
    Claim("do", ("dogs", "chase", "cats")),
)


@pytest.fixture(scope="module")
def world():
    return generate("semantic", 4, {"n_categories": 60, "n_documents": 200, "n_holdout": 8, "n_questions": 12})


def changed(world, question, **changes):
    return replace(world, questions=tuple(replace(q, **changes) if q is question else q for q in world.questions))


def subject_of(world, q):
    return next(fact for fact in world.facts if fact.id == q.proof[0]).arguments[0]


def first(world, split, **labels):
    return next(q for q in world.questions if q.split == split and labels.items() <= q.labels.items())


def test_the_closure_of_a_few_claims():
    found = closures({"all": DOGS})
    assert found.holds["all", Claim("have", ("dogs", "hair"))] == 2
    assert found.holds["all", Claim("is a", ("dogs", "mammals"))] == 1
    assert found.holds["all", Claim("can", ("dogs", "bark"))] == 0
    assert ("all", Claim("can", ("canines", "bark"))) not in found.holds
    assert Claim("can", ("canines", "bark")) in found.arguable
    assert Claim("do", ("dogs", "chase", "mammals")) in found.arguable
    assert Claim("can", ("cats", "bark")) not in found.arguable


def test_a_denial_holds_for_what_is_below_and_for_nothing_else():
    found = closures({"all": [*DOGS, Claim("have no", ("canines", "hair"))]})
    assert ("all", Claim("have", ("dogs", "hair"))) not in found.holds
    assert found.holds["all", Claim("have no", ("dogs", "hair"))] == 1
    assert found.holds["all", Claim("have", ("cats", "hair"))] == 1
    assert Claim("have", ("dogs", "hair")) in found.arguable


def test_scopes_do_not_mix():
    found = closures({"one": DOGS[:1], "two": DOGS[1:]})
    assert ("one", Claim("is a", ("dogs", "mammals"))) not in found.holds
    assert ("two", Claim("have", ("canines", "hair"))) in found.holds


def test_a_circle_of_categories_ends():
    found = closures({"all": [Claim("is a", ("a", "b")), Claim("is a", ("b", "a"))]})
    assert ("all", Claim("is a", ("a", "a"))) in found.holds


def test_the_generator_and_the_solver_agree(world):
    claims = [Claim(fact.predicate, fact.arguments) for fact in world.facts]
    closure, found = Closure(claims), closures({"all": claims})
    concluded = {c.claim: len(c.proof) - 1 for name in closure.own for c in closure.conclusions(name)}
    assert {claim: depth for (_, claim), depth in found.holds.items() if depth} == concluded
    words = sorted({word for claim in claims for word in claim.arguments})
    names = sorted(closure.own)
    for kind in ("is a", "are", "have", "can"):
        for name in names:
            for word in words:
                claim = Claim(kind, (name, word))
                granted = claim in found.arguable or (kind == "is a" and name == word)
                if kind != "is a" or word in closure.own:
                    assert closure.arguable(claim) == granted, claim


def test_the_world_is_proved(world):
    assert {q.split for q in world.questions} == set(SPLITS)
    assert check(world) == []


def with_distractor(world, q, word):
    choices = list(q.choices)
    choices[(q.gold[0] + 1) % 4] = f"{word}."
    return changed(world, q, choices=tuple(choices))


def test_a_true_distractor_is_found(world):
    """Another property of what a category inherits from is as true as the one that is asked about."""
    facts = {fact.id: fact for fact in world.facts}
    for q in (q for q in world.questions if q.split.startswith("syllogism")):
        last = facts[q.proof[-1]]
        for fact in world.facts:
            if (fact.predicate, fact.arguments[0]) == (last.predicate, last.arguments[0]) and fact.id != last.id:
                found = check(with_distractor(world, q, fact.arguments[1]))
                assert any("the distractor follows" in message for message in found)
                return
    raise AssertionError("no category has two properties of a kind")


def test_an_arguable_distractor_is_found(world):
    """What holds of a category below might be granted of the one asked about."""
    child = {f.arguments[1]: f.arguments[0] for f in world.facts if f.predicate == "is a"}
    facts = {fact.id: fact for fact in world.facts}
    q, fact = next(
        (q, fact)
        for q in world.questions
        if (q.split, q.labels["kind"], q.labels["asked"]) == ("rephrase", "property", "forward")
        and (fact := facts[q.proof[0]]).arguments[0] in child
    )
    word = q.choices[(q.gold[0] + 1) % 4].rstrip(".")
    claim = Claim(fact.predicate, (child[fact.arguments[0]], word))
    more = Document("more", (DOCUMENTS.statement(claim, False, 0) + ".",), ())
    found = check(replace(world, documents=(*world.documents, more)))
    assert any(message.startswith(f"{q.id}: ") and "can be argued for" in message for message in found)


def test_without_its_denial_a_misleading_question_has_two_answers(world):
    q = first(world, "misleading")
    denials = {fact.id for fact in world.facts if fact.predicate in DENIALS}
    told = tuple(replace(d, sentences=tuple(s for s in d.sentences if not DENIED.search(s))) for d in world.documents)
    messages = check(replace(world, documents=tuple(d for d in told if d.sentences)))
    assert denials and any(q.id in message and "the distractor follows" in message for message in messages)


def test_an_answer_that_depends_on_an_exception_is_found_in_other_splits(world):
    q = first(world, "misleading", premises="2")
    assert any("its answer depends on an exception" in m for m in check(changed(world, q, split="rephrase")))


def test_wrong_clusters_are_found(world):
    q = first(world, "syllogism")
    wrong = {**q.clusters, "first": q.clusters["last"]}
    assert any("its clusters name other premises" in m for m in check(changed(world, q, clusters=wrong)))


def test_a_distractor_from_nowhere_is_found(world):
    q = first(world, "rephrase")
    choices = list(q.choices)
    choices[(q.gold[0] + 1) % 4] = "qqqq."
    assert any("cannot be read" in message for message in check(changed(world, q, choices=tuple(choices))))


def test_a_document_that_says_more_than_it_lists_is_found(world):
    document = world.documents[0]
    fewer = replace(document, facts=document.facts[1:])
    assert any("but lists" in m for m in check(replace(world, documents=(fewer, *world.documents[1:]))))


def test_more_about_a_held_out_category_is_found(world):
    q = first(world, "holdout")
    subject = subject_of(world, q)
    fact = next(fact for fact in world.facts if fact.predicate == "can")
    told = f"{subject} can {fact.arguments[1]}."
    more = Document("more", (told,), ())
    messages = check(replace(world, documents=(*world.documents, more)))
    assert any("more of the held-out" in message for message in messages)


def test_a_wrong_proof_depth_inference_or_split_is_found(world):
    q = first(world, "syllogism_deep")
    other = first(world, "rephrase")
    for changes, expected in (
        ({"proof": other.proof}, "does not follow from its proof"),
        ({"proof": q.proof[:-1]}, "does not follow from its proof"),
        ({"depth": 7}, "is not how the gold follows"),
        ({"inference": "restated"}, "is not how the gold follows"),
        ({"split": "syllogism"}, "it belongs to the split"),
        ({"split": "holdout"}, "more of the held-out"),
    ):
        assert any(expected in message for message in check(changed(world, q, **changes))), changes


def test_a_reversal_that_is_also_stated_is_found(world):
    q = first(world, "reversal")
    told = Document("told", (f"{q.prompt} {q.choices[q.gold[0]]}",), ())
    messages = check(replace(world, documents=(*world.documents, told)))
    assert any(q.id in message and "restated" in message for message in messages)
