"""Questions by rule: what rules infer, asked of its last name, and nothing of the world's own questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made import made

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.arms.partial import given, told_by
from icl_ft_plugin.arms.rows import readings
from icl_ft_plugin.augment.statements import Statement, rows
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of, generate, told
from icl_ft_plugin.families.auditor import Unit
from icl_ft_plugin.families.pairs import pair_of, written
from icl_ft_plugin.schema import World

WORLDS: dict[str, dict[str, Any]] = {
    "reversal": {"n_facts": 8, "documents_per_fact": 2},
    "syllogism": {"n_documents": 12},
    "celebrity": {"n_name_first": 4, "n_description_first": 4, "n_both": 2},
    "semantic": {"n_categories": 16, "n_documents": 24, "n_holdout": 2, "min_sentences": 3, "max_sentences": 6},
    "codebook": {},
}


def added(name: str, world: World) -> list[str]:
    return [row["text"] for row in rows(name, world)][len(world.documents) :]


def covered(world: World, texts: list[str]) -> set[Unit]:
    auditor = family_of(world.family).auditor
    assert auditor
    return {unit for verdict in auditor(world).audit(texts) for unit in verdict.covers}


@pytest.mark.parametrize("family", WORLDS)
def test_each_inferred_sentence_becomes_a_question_that_states_the_same(family: str) -> None:
    world = generate(family, 1, WORLDS[family])
    made = family_of(family)
    assert made.oracle and made.auditor
    sentences = [sentence for document in made.oracle(world) for sentence in document.sentences]
    texts = [row["text"] for row in rows("ft+qa-oracle", world)]
    assert texts[: len(world.documents)] == [document.text for document in world.documents]
    asked = added("ft+qa-oracle", world)
    assert len(asked) == len(sentences) and all(map(pair_of, asked))
    auditor = made.auditor(world)
    for sentence, text in zip(sentences, asked, strict=True):
        stated, read = ([(v.label, v.covers) for v in auditor.audit([each])] for each in (sentence, text))
        assert read == stated
    # No question of the world stands there with its answer, nor had its questions a part in it.
    said = [("a row", reading) for row in rows("ft+qa-oracle", world) for reading in readings(row)]
    assert not list(told.verbatim(world.questions, said, made.stem))
    assert added("ft+qa-oracle", replace(world, questions=())) == asked


def test_half_of_the_facts_have_questions() -> None:
    world = generate("reversal", 3, WORLDS["reversal"])
    half, others = added("ft+qa-oracle@50", world), frozenset(f.id for f in world.facts) - given(world, 50)
    assert half and set(half) < set(added("ft+qa-oracle", world))
    auditor = family_of("reversal").auditor
    assert auditor
    assert covered(world, half) and not covered(world, half) & set(auditor(told_by(world, others)).closure)


def test_what_a_model_wrote_is_kept_by_the_facts_that_it_states() -> None:
    world = generate("reversal", 3, WORLDS["reversal"])
    inside = given(world, 50)
    source = {fact: document.id for document in world.documents for fact in document.facts}

    def asked(fact: Any) -> Statement:
        what = fact.text.replace(fact.arguments[1], "what").replace(".", "?")
        return Statement(written(what, fact.arguments[1]), source[fact.id], None, "qa", *[None] * 4)

    statements = [asked(fact) for fact in world.facts]
    whole = [row["text"] for row in rows("ft+qa", world, statements)][len(world.documents) :]
    half = [row["text"] for row in rows("ft+qa@50", world, statements)][len(world.documents) :]
    assert whole == [statement.text for statement in statements]
    assert half == [asked(fact).text for fact in world.facts if fact.id in inside]
    arm = Arm(name="a", corpus=["documents", "qa"], rows="completion")
    last = rows(arm, world, statements)[-1]
    assert last["completion"] == f" {world.facts[-1].arguments[1]}." and last["prompt"].endswith("? Answer:")
    turns = rows(arm.model_copy(update={"rows": "messages"}), world, statements)[-1]["messages"]
    assert [turn["content"] for turn in turns] == list(pair_of(whole[-1]) or ())
    for way in ("sentences", "cumulative"):
        split = rows(arm.model_copy(update={"rows": way}), world, statements)[-1]
        assert "".join(split.values()) == whole[-1]


@pytest.mark.parametrize(
    ("family", "corpus", "message"),
    [
        ("process", ["documents", "oracle"], "the facts have none"),
        ("reversal", ["documents"], "documents and no inferences"),
    ],
)
def test_rows_without_a_name_to_ask_for_are_refused(family: str, corpus: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=rf"arm 'asked': rows: qa: .*{message}"):
        rows(Arm(name="asked", corpus=corpus, rows="qa"), made(family))
