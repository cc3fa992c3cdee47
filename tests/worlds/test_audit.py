"""The audit agrees with the generators: what they state, infer and ask is judged as they mean it."""

import random
import re
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import made
from worlds.test_verify import small_world

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.worlds.audit import audit, keep, summarize, to_markdown

SEEDS = st.integers(0, 2**32 - 1)
# What the oracle's documents state; in some of them a part is stated by the documents, too.
STYLES = {
    "rephrase": {"restated"},
    "reversal": {"reversed", "restated"},
    "chain": {"chained", "inherited", "applied", "restated"},
}


def labels(verdicts):
    return Counter(verdict.label for verdict in verdicts)


def filled(world, gold):
    return [
        (q, f"{q.prompt} {choice}")
        for q in world.questions
        for i, choice in enumerate(q.choices)
        if (i in q.gold) == gold
    ]


def check_documents(world):
    verdicts = audit(world, [document.text for document in world.documents])
    assert {(v.label, v.inference, v.depth, v.new_words, v.new_fact) for v in verdicts} == {
        ("entailed", "restated", 0, False, False)
    }
    assert {v.text for v in verdicts} == set(range(len(world.documents)))
    report = summarize(world, verdicts, 0)
    assert report.precision == report.coverage["restated"] == 1
    assert report.novelty == report.unparsed == 0


def check_oracle(world):
    documents = FAMILIES[world.family].oracle(world)
    verdicts = audit(world, [document.text for document in documents])
    assert labels(verdicts).keys() <= {"entailed"}
    for v in verdicts:
        assert v.inference in STYLES[documents[v.text].style], (v, documents[v.text])
        assert (v.inference == "restated") == (v.depth == 0)


def check_questions(world):
    """Golds follow as the question says, but for the conversions of a syllogism's premise, which it asks as a set."""
    asked = filled(world, gold=True)
    verdicts = audit(world, [text for _, text in asked])
    assert [v.text for v in verdicts] == list(range(len(asked)))
    for v, (q, _) in zip(verdicts, asked, strict=True):
        assert v.label == "entailed" and v.new_words, (q, v)
        converted = world.family == "syllogism" and q.split == "rephrase" and len(q.gold) > 1
        assert (v.inference, v.depth) == (q.inference, q.depth) or (converted and v.inference == "reversed"), (q, v)
    asked = filled(world, gold=False)
    verdicts = audit(world, [text for _, text in asked])
    assert [v.text for v in verdicts] == list(range(len(asked)))
    # Where every term has members, a distractor may be a statement weaker than the gold.
    weaker = {"entailed"} if world.config.get("existential_import") else set()
    assert labels(verdicts).keys() <= {"contradicted", "unsupported"} | weaker


def check_small_world(family, seed):
    world = small_world(family, seed)
    for check in (check_documents, check_oracle, check_questions):
        try:
            check(world)
        except AssertionError as error:
            error.add_note(f"{check.__name__}: {family}, seed {seed}")
            raise


def test_every_family_has_an_audit():
    assert all(FAMILIES[family].auditor for family in generated())
    with pytest.raises(UsageError, match="'other' is not one of"):
        audit(replace(generate("reversal", 0, {"n_facts": 2}), family="other"), [])


@pytest.mark.parametrize("family", generated())
@pytest.mark.parametrize("check", [check_documents, check_oracle, check_questions])
def test_default_worlds(family, check):
    check(made(family))


@pytest.mark.parametrize("family", generated())
@settings(max_examples=15, deadline=None)
@given(SEEDS)
# Processes whose documents show the rule of products and leave it open.
@example(212295642)
@example(2467131055)
@example(267352360)
@example(1566099205)
@example(3608764809)
@example(3062412897)
def test_small_worlds(family, seed):
    check_small_world(family, seed)


@pytest.mark.slow
@pytest.mark.parametrize("family", generated())
def test_five_thousand_small_worlds(family):
    for seed in range(5000):
        check_small_world(family, seed)


@pytest.mark.parametrize("family", generated())
@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_case_and_full_stops_and_line_ends_change_nothing_and_words_of_elsewhere_are_unread(family, seed):
    world = small_world(family, seed)
    rng = random.Random(seed)
    for document in rng.sample(world.documents, min(8, len(world.documents))):
        [*plain] = audit(world, [document.text])
        for messy in (document.text.upper(), document.text.rstrip(".?"), f"\n\n{document.text}\n\n\n"):
            assert audit(world, [messy]) == plain, (document.text, messy)
        assert audit(world, [f"{document.text}\n{document.text}"]) == plain * 2
        junk = audit(world, [f"{document.text} Zzz qqq\nthe xqxq of wwww."])
        assert junk[: len(plain)] == plain and labels(junk[len(plain) :]).keys() == {"unparsed"}
        unknown = audit(world, [re.sub(r"\b(?!the\b|of\b|is\b|are\b)[a-z]{4,}\b", "xqxq", document.text.lower())])
        assert labels(unknown).keys() == {"unparsed"}


@pytest.mark.parametrize("family", generated())
@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80), SEEDS)
def test_any_text_has_a_verdict_and_garbage_is_unparsed(family, garbage, seed):
    world = small_world(family, seed % 4)
    [first, *rest] = audit(world, [garbage])
    assert labels([first, *rest]).keys() == {"unparsed"}
    assert (first.inference, first.depth, first.covers) == (None, None, ())


@pytest.mark.parametrize("family", generated())
@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_no_cut_text_says_what_does_not_follow(family, seed):
    """A text cut at a character states what it stated, less; only a number cut short is another number."""
    world = small_world(family, seed)
    rng = random.Random(seed)
    for document in rng.sample(world.documents, min(8, len(world.documents))):
        found = labels(audit(world, [document.text[: rng.randrange(len(document.text))]]))
        assert found["contradicted"] <= (family == "process") and not found["unsupported"]


def test_the_texts_kept_are_those_in_which_all_that_was_read_is_entailed():
    world = generate("reversal", 0, {"n_facts": 4, "documents_per_fact": 1})
    stated = [fact.text for fact in world.facts]
    word, other = ("more", "less") if " more " in stated[0] else ("less", "more")
    refuted = stated[0].replace(f" {word} ", f" {other} ")
    invented = f"zzyzx are {word} {stated[0].split()[3]} than qwqw."
    texts = [stated[0], refuted, f"{stated[1]} {refuted}", f"{stated[1]} Well.", "Well.", f"{stated[2]} {stated[3]}"]
    assert keep(texts, audit(world, texts)) == [texts[0], texts[3], texts[5]]
    glon = stated[0].split()[0]
    half = (
        f"{stated[1]} {invented.replace('zzyzx', glon)}"  # a form of the world, in words that only in part are its own
    )
    assert keep([half], audit(world, [half])) == []


def test_a_report_counts_by_hand():
    world = generate("reversal", 0, {"n_facts": 2, "documents_per_fact": 1, "misleading": 0})
    (a, b), (c, _) = (fact.arguments for fact in world.facts)
    word, dimension = world.facts[0].predicate.split(" ")
    turned = "less" if word == "more" else "more"
    verdicts = audit(
        world,
        [
            f"{a} are {word} {dimension} than {b}. {b} are {turned} {dimension} than {a}.",
            f"{a} seem to be {word} {dimension} than {b}. {b} are {word} {dimension} than {a}.",
            f"{a} are {word} {dimension} than {c}. Oh well.",
            "Nothing.",
        ],
    )
    report = summarize(world, verdicts, tokens=77)
    assert report.labels == {"entailed": 3, "contradicted": 1, "unsupported": 1, "unparsed": 2}
    assert (report.texts, report.unread_texts, report.parsed, report.distinct, report.tokens) == (4, 1, 5, 5, 77)
    assert (report.new_words, report.new_facts) == (2, 1)
    assert (report.precision, report.novelty, report.unparsed) == (3 / 5, 1 / 3, 2 / 7)
    assert report.coverage == {"restated": 1 / 2, "reversed": 1 / 2}
    assert [(line.inference, line.depth, line.statements, line.follows, line.covered) for line in report.lines] == [
        ("restated", 0, 2, 2, 1),
        ("reversed", 1, 1, 2, 1),
    ]
    values = report.to_dict()
    assert values["precision"] == 3 / 5 and values["lines"][1]["covered"] == 1
    table = to_markdown(report)
    assert "| reversed | 1 | 1 | 2 | 1 | 0.500 |" in table and "| tokens spent | 77 |" in table
    assert len({row.count("|") for row in table.split("\n\n")[1].splitlines()}) == 1


def test_a_report_on_nothing_has_no_shares():
    report = summarize(generate("reversal", 0, {"n_facts": 2}), [], tokens=0)
    assert (report.precision, report.novelty, report.unparsed) == (None, None, None)
    assert "none" in to_markdown(report)


@pytest.mark.parametrize("family", generated())
def test_the_oracle_covers_what_it_should(family):
    world = made(family, 1)
    verdicts = audit(world, [document.text for document in FAMILIES[family].oracle(world)])
    coverage = summarize(world, verdicts, 0).coverage
    assert coverage["restated"] == coverage["reversed"] == 1
    if family == "semantic":  # its chains are stated forward only
        assert coverage["chained"] == coverage["inherited"] == 1 / 2
    if family == "process":
        assert coverage["applied"] > 0.9


@pytest.mark.slow
def test_five_thousand_texts_are_audited_in_seconds():
    world = made("semantic")
    texts = [document.text for document in FAMILIES["semantic"].oracle(world)][:5000]
    start = time.process_time()
    audit(world, texts)
    assert time.process_time() - start < 10
