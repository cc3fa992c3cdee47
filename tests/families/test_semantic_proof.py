from dataclasses import replace

import pytest

from icl_ft_plugin.families import generate
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.proof import check, closures
from icl_ft_plugin.schema import Document

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
    return generate("semantic", 4, {"n_categories": 30, "n_documents": 80, "n_holdout": 4, "n_questions": 12})


def changed(world, question, **changes):
    return replace(world, questions=tuple(replace(q, **changes) if q is question else q for q in world.questions))


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
    assert {q.split for q in world.questions} == {"rephrase", "reversal", "syllogism", "syllogism_deep", "holdout"}
    assert check(world) == []


def test_a_true_distractor_is_found(world):
    """The parent's parent is as true as the parent."""
    q = first(world, "syllogism_deep", kind="is-a")
    subject = q.prompt.split(" ")[0]
    facts = {fact.arguments[0]: fact.arguments[1] for fact in world.facts if fact.predicate == "is a"}
    choices = list(q.choices)
    choices[(q.gold[0] + 1) % 4] = f"{facts[subject]}."
    assert any("the distractor follows" in message for message in check(changed(world, q, choices=tuple(choices))))


def test_an_arguable_distractor_is_found(world):
    q = first(world, "syllogism", kind="is-a")
    subject = q.prompt.split(" ")[0]
    below = {fact.arguments[1]: fact.arguments[0] for fact in world.facts if fact.predicate == "is a"}
    if subject not in below:
        q = next(
            other
            for other in world.questions
            if other.labels["kind"] == "is-a"
            and other.labels["asked"] == "forward"
            and other.prompt.split(" ")[0] in below
        )
        subject = q.prompt.split(" ")[0]
    choices = list(q.choices)
    choices[(q.gold[0] + 1) % 4] = f"{below[subject]}."
    assert any("can be argued for" in message for message in check(changed(world, q, choices=tuple(choices))))


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
    subject = q.prompt.split(" ")[0]
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
