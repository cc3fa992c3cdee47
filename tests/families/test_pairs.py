"""Questions with their answers: cut out of text, and read as what they state."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families import family_of, generate
from icl_ft_plugin.families.auditor import Auditor
from icl_ft_plugin.families.pairs import Pair, cut, pair_of, pairs_of, written

WORLDS: dict[str, dict[str, Any]] = {
    "reversal": {"n_facts": 6, "documents_per_fact": 2, "misleading": 0},
    "syllogism": {"n_documents": 8},
    "celebrity": {"n_name_first": 3, "n_description_first": 3, "n_both": 2},
    "semantic": {"n_categories": 16, "n_documents": 24, "n_holdout": 2, "min_sentences": 3, "max_sentences": 6},
    "codebook": {},
}


def auditor_of(family: str) -> Auditor:
    made = family_of(family)
    assert made.auditor
    return made.auditor(generate(family, 1, WORLDS[family]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Q1: What is a? A: b.", [("What is a?", "b.")]),
        ("**Q:** What is a?\n**A:** b\nmore\nQ: c? A: d", [("What is a?", "b"), "more", ("c?", "d")]),
        ("Is it a? A: yes.\nIs it b? answer: no.", [("Is it a?", "yes."), ("Is it b?", "no.")]),
        ("Before. Question: x what? Answer: y. Question: z?", ["Before.", ("x what?", "y."), "z?"]),
        ("Q: a? A:\n\nQ: b? A: c", ["a?", ("b?", "c")]),
        ("A: alone. Q: and none?", ["A: alone. Q: and none?"]),
        ("FAQ: nothing. Ann: what? Ben: that.", ["FAQ: nothing. Ann: what? Ben: that."]),
        ("", [""]),
    ],
)
def test_pairs_are_cut_out_of_a_text(text: str, parts: list[Pair | str]) -> None:
    assert cut(text) == parts


@given(st.text("ab ?.\n*:QA", max_size=60))
def test_any_text_can_be_cut_and_what_is_written_is_one_pair(text: str) -> None:
    for pair in pairs_of(cut(text)):
        made = written(*pair)
        again = pair_of(made)
        assert again is None or written(*again) == made
    assert pair_of(written("glon are what?", "femp")) == ("glon are what?", "femp.")


def first_fact() -> tuple[str, str, str, str]:
    world = generate("reversal", 1, WORLDS["reversal"])
    more, dimension = world.facts[0].predicate.split()
    return *world.facts[0].arguments, more, dimension


FIRST, SECOND, MORE, DIMENSION = first_fact()
LESS = {"more": "less", "less": "more"}[MORE]


@pytest.mark.parametrize(
    ("question", "answer", "label"),
    [
        (f"What are {MORE} {DIMENSION} than {SECOND}?", f"{FIRST}.", "entailed"),
        (f"What are {FIRST} {MORE} {DIMENSION} than?", SECOND.capitalize(), "entailed"),
        (f"Which things are {LESS} {DIMENSION} than {FIRST}?", f"{SECOND}.", "entailed"),
        (f"Are {SECOND} {LESS} {DIMENSION} than {FIRST}?", "Yes.", "entailed"),
        (f"Is it true that {FIRST} are {MORE} {DIMENSION} than {SECOND}?", "Yes!", "entailed"),
        (f"How do {FIRST} compare with {SECOND}?", f"{FIRST} are {MORE} {DIMENSION} than {SECOND}.", "entailed"),
        (f"{SECOND} are?", f"{LESS} {DIMENSION} than {FIRST}", "entailed"),
        (f"Are {FIRST} {LESS} {DIMENSION} than {SECOND}?", "Yes.", "contradicted"),
        (f"Are {FIRST} {LESS} {DIMENSION} than {SECOND}?", f"No, {FIRST} are {MORE} {DIMENSION} than {SECOND}.", "entailed"),
        # What is asked is not stated: a bare denial, a doubt, and a question that its answer does not complete.
        (f"Are {FIRST} {LESS} {DIMENSION} than {SECOND}?", "No.", "unparsed"),
        (f"Are {FIRST} {MORE} {DIMENSION} than {SECOND}?", "Perhaps.", "unparsed"),
        (f"What are never {MORE} {DIMENSION} than {SECOND}?", FIRST, "unparsed"),
        (f"What are {MORE} {DIMENSION} than {SECOND}?", "Nobody knows.", "unparsed"),
    ],
)  # fmt: skip
def test_a_pair_is_judged_by_what_question_and_answer_state(question: str, answer: str, label: str) -> None:
    found = list(auditor_of("reversal").audit([written(question, answer)]))
    assert [verdict.label for verdict in found] == [label]


def test_what_stands_beside_pairs_is_read_as_well() -> None:
    text = f"{FIRST} are {MORE} {DIMENSION} than {SECOND}. Q: Are {FIRST} {LESS} {DIMENSION} than {SECOND}? A: Yes."
    assert [verdict.label for verdict in auditor_of("reversal").audit([text])] == ["entailed", "contradicted"]
