"""The documents in front of a question, chosen within a budget in tokens of the model's own tokenizer."""

from __future__ import annotations

import pytest
from harness.test_tasks import load
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.paths import models_dir

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
