from dataclasses import replace

import pytest

from icl_ft_plugin.families import generate
from icl_ft_plugin.families.process.algebra import read
from icl_ft_plugin.families.process.proof import answers, asked, check
from icl_ft_plugin.families.process.rules import DERIVATIVE, apply, show
from icl_ft_plugin.schema import Document


@pytest.fixture(scope="module")
def world():
    return generate("process", 2, {"n_questions": 12})


def changed(world, index, **changes):
    questions = list(world.questions)
    questions[index] = replace(questions[index], **changes)
    return replace(world, questions=tuple(questions))


def name_of(world):
    return read(world.documents[0].text)[0][0]


def test_the_world_is_proved(world):
    assert check(world) == []


def test_an_equal_expression_in_other_words_is_a_true_distractor(world):
    q = world.questions[0]
    choices = list(q.choices)
    right = choices[q.gold[0]].rstrip(".")
    choices[(q.gold[0] + 1) % 4] = f"0+{right}."
    messages = check(changed(world, 0, choices=tuple(choices)))
    assert any("the distractor follows" in message for message in messages)
    assert any("are the same function" in message for message in messages)


def test_an_equal_function_that_the_canonical_form_takes_for_another_is_found(world):
    q = world.questions[0]
    choices = list(q.choices)
    choices[(q.gold[0] + 1) % 4] = f"log(exp(0-log(x)))+log(x)+{choices[q.gold[0]]}"
    assert any("are the same function" in message for message in check(changed(world, 0, choices=tuple(choices))))


def test_without_the_documents_of_a_rule_nothing_follows(world):
    kept = tuple(d for d in world.documents if "sum" not in d.facts)
    found = answers(replace(world, documents=kept))
    for q in world.questions:
        assert found[q.id] == (frozenset() if "sum" in q.proof else frozenset(q.gold))


def test_a_document_that_contradicts_the_others_is_found(world):
    wrong = Document("wrong", (f"the {name_of(world)} of x^7 is 9*x^9.",), ("power",))
    messages = check(replace(world, documents=(*world.documents, wrong)))
    assert any(message.startswith("wrong: the facts do not turn x^7") for message in messages)


def test_a_document_that_shows_more_than_it_lists_is_found(world):
    document = world.documents[0]
    fewer = replace(document, facts=document.facts[1:])
    assert any("but lists" in m for m in check(replace(world, documents=(fewer, *world.documents[1:]))))


def test_a_document_that_shows_a_held_out_pair_or_a_question_is_found(world):
    index = next(i for i, q in enumerate(world.questions) if q.split == "holdout")
    q = world.questions[index]
    told = f"{q.prompt} {q.choices[q.gold[0]]}"
    node = read(told)[0][1]
    pair = f"{q.labels['outer']}-{q.labels['inner']}"
    messages = check(replace(world, documents=(*world.documents, Document("told", (told,), (pair,)))))
    assert any(q.id in m and f"its expression {show(node)} stands in a document" in m for m in messages)
    assert any(q.id in m and "stand in no document" in m for m in messages)


def test_a_wrong_split_proof_depth_or_label_is_found(world):
    q = world.questions[0]
    for changes, expected in (
        ({"split": "holdout"}, "stand in no document (split holdout)"),
        ({"proof": q.proof[1:]}, "does not follow from its proof"),
        ({"depth": 0}, "rules are applied"),
        ({"inference": "chained"}, "rules are applied"),
    ):
        assert any(expected in message for message in check(changed(world, 0, **changes))), changes


def test_a_choice_that_is_the_true_derivative_is_found(world):
    q = world.questions[0]
    choices = list(q.choices)
    wrong = next(i for i in range(4) if i not in q.gold)
    choices[wrong] = f"{show(apply(DERIVATIVE, asked(q)))}."
    assert any("is the true derivative" in m for m in check(changed(world, 0, choices=tuple(choices))))
