"""The documents in front of a question, chosen within a budget in tokens of the model's own tokenizer."""

from __future__ import annotations

import pytest
from harness.test_tasks import load
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.own.read import load as load_own
from icl_ft_plugin.harness.context import Choice, context_of, evidence, retrieved
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.paths import examples_dir, models_dir

SMALL = {"n_categories": 20, "n_documents": 40, "n_holdout": 2, "min_sentences": 3, "max_sentences": 6, "n_choices": 2}


def test_a_budget_in_tokens_chooses_the_documents_and_leaves_the_task_documents_alone() -> None:
    name = "icl_ft_semantic_syllogism_icl"
    nano = {"pretrained": str(models_dir() / "nano"), **SMALL}
    plain = load([name], **nano, context_copies=0)["tasks"][name]
    chosen = load([name], **nano, context_copies=0, context_tokens=2500)["tasks"][name]
    assert list(plain.test_docs()) == list(chosen.test_docs())
    doc = next(iter(chosen.test_docs()))
    context = chosen.doc_to_text(doc).removesuffix(f"\n\n{doc['question']}")
    tokenizer = AutoTokenizer.from_pretrained(models_dir() / "nano")
    assert 2200 < len(tokenizer(context)["input_ids"]) <= 2500
    assert len(context) < len(plain.doc_to_text(doc)) - 200
    world = generate("semantic", 0, SMALL)
    stated = {fact for document in world.documents if document.text in context for fact in document.facts}
    assert stated.issuperset(fact for question in world.questions for fact in question.proof)


def test_a_budget_that_cannot_hold_the_needed_facts_or_has_no_tokenizer_is_refused() -> None:
    name = "icl_ft_semantic_syllogism_icl"
    with pytest.raises(UsageError, match=r"context_tokens=200: .* take \d+ tokens"):
        load([name], pretrained=str(models_dir() / "nano"), **SMALL, context_tokens=200)
    with pytest.raises(UsageError, match="needs the model's tokenizer"):
        load([name], **SMALL, context_tokens=2000)
    with pytest.raises(UsageError, match="context_tokens='many'"):
        load([name], **SMALL, context_tokens="many")


@pytest.mark.parametrize(
    ("family", "split", "knobs"),
    [("reversal", "reversal", {}), ("codebook", "encode", {})],
)
def test_documents_are_chosen_for_each_question(family: str, split: str, knobs: dict[str, int]) -> None:
    docs = task_documents(family, split, **knobs)
    everything = context_of(docs[0])
    for doc in docs:
        alone, more = (retrieved(doc, Choice(distractors=n)) for n in (0, 3))
        assert evidence(doc, alone) == evidence(doc, more) == 1
        assert all(evidence(doc, [d for d in alone if d is not one]) == 0 for one in alone), "each of them is needed"
        assert len(more) == len(alone) + 3 and set(alone) < set(more)
        near = retrieved(doc, Choice(nearest=4))
        for found, choice in ((more, Choice(distractors=3)), (near, Choice(nearest=4))):
            assert context_of(doc, choice) == "\n".join(document.text for document in found)
            places = [everything.index(document.text) for document in found]
            assert places == sorted(places), "in the order of the whole"
        assert len(near) == 4
    # BM25 reads the question, which names both what a fact is about and nothing of a chain's middle.
    share = sum(evidence(doc, retrieved(doc, Choice(nearest=4))) for doc in docs) / len(docs)
    assert share == 1 if family == "reversal" else share < 1


def test_the_task_says_what_its_prompt_held_and_asks_the_same_questions() -> None:
    name = "icl_ft_reversal_icl"
    plain, near = (load([name], n_facts=8, **more)["tasks"][name] for more in ({}, {"context_nearest": 2}))
    assert list(plain.test_docs()) == list(near.test_docs())
    doc = next(iter(near.test_docs()))
    scored = near.process_results(doc, [(-1.0, False), (-2.0, False)])
    assert (scored["documents"], scored["evidence"]) == (2, 1) and near.doc_to_text(doc).count("\n") == 3
    assert "documents" not in plain.process_results(doc, [(-1.0, False), (-2.0, False)])


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"context_nearest": 0}, "context_nearest=0 must be a whole number, 1 or more"),
        ({"context_distractors": True}, "context_distractors=True must be a whole number, 0 or more"),
        ({"context_nearest": 2, "context_distractors": 2}, "context_nearest and context_distractors both choose"),
        ({"context_distractors": 2, "context_distance": 3}, "give context_distractors=3 or more"),
        ({"context_distance": 0}, "give context_distractors=0 or more"),
        ({"context_neerest": 2}, "did you mean 'context_nearest'"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(knobs: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(["icl_ft_reversal_icl"], n_facts=5, **knobs)


def test_own_documents_are_chosen_by_their_evidence_where_it_is_named() -> None:
    handbook = examples_dir() / "handbook"
    docs = task_documents("own", path=str(handbook))
    order = [document.id for document in load_own(handbook).documents]
    for doc in docs:
        found = [document.id for document in retrieved(doc, Choice(distractors=2))]
        assert set(doc["proof"]) < set(found) and len(found) == len(doc["proof"]) + 2
        assert found == sorted(found, key=order.index)
    with pytest.raises(UsageError, match=r"context_distractors=2: question .* names no evidence"):
        retrieved({**docs[0], "proof": []}, Choice(distractors=2))
