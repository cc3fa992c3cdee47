"""Questions that stand with their answer in a text, word for word: found however they are written, and only if whole."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families import generate
from icl_ft_plugin.families.told import plain, verbatim
from icl_ft_plugin.schema import Question

WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyzäß", min_size=1, max_size=6), min_size=1, max_size=5)
SPACES = st.text(" \n\t\u00a0", min_size=1, max_size=3)
MARKS = st.sampled_from(["", ".", "!", "?", "...", ",", ";", '."', ".”"])


def question(prompt: str, *choices: str, gold: tuple[int, ...] = (0,)) -> Question:
    (first, *_) = generate("reversal", 0, {"n_facts": 3}).questions
    return Question(**{**{name: getattr(first, name) for name in first.__slots__}, "prompt": prompt, "choices": choices, "gold": gold})  # fmt: skip


def found(asked: Question, *texts: str) -> list[tuple[int, str]]:
    return [(place, name) for _, place, name in verbatim([asked], [(text, text) for text in texts])]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[list[str], list[str], str]:
    """A question, its answer, and a text that holds both: other letters, spaces and marks, and words around them."""
    stem, answer, before, after = (draw(WORDS) for _ in range(4))
    said = [draw(st.sampled_from([word, word.upper(), word.title()])) for word in [*stem, *answer]]
    text = "".join(f"{draw(SPACES)}{word}" for word in said) + draw(MARKS)
    return stem, answer, f"{' '.join(before)}.{text} {' '.join(after)}"


@given(disguised(), MARKS)
def test_case_spaces_and_marks_hide_nothing(made: tuple[list[str], list[str], str], mark: str) -> None:
    stem, answer, text = made
    asked = question(" ".join(stem), "other", f"{' '.join(answer)}{mark}", gold=(1,))
    assert found(asked, "nothing", text) == [(1, text)]


@given(WORDS, WORDS, WORDS, st.integers(0, 9))
def test_what_is_cut_or_changed_anywhere_is_not_found(
    stem: list[str], answer: list[str], around: list[str], at: int
) -> None:
    asked = question(" ".join(stem), f"{' '.join(answer)}.")
    words = [*stem, *answer]
    at %= len(words)
    changed = [*words[:at], f"{words[at]}q", *words[at + 1 :]]
    text = " ".join([*around, *changed])
    # By hand: whether the words stand there one behind the other, as the changed ones may by chance.
    held = re.search(rf"(?<!\S){re.escape(' '.join(words).casefold())}(?!\S)", text.casefold())
    assert bool(found(asked, text)) == bool(held)


def test_a_statement_must_stand_in_one_text() -> None:
    asked = question("glon are", "less dangerous than femp.")
    assert not found(asked, "glon are", "less dangerous than femp.")
    assert not found(asked, "glon are less dangerous than femple.", "Aglon are less dangerous than femp.")
    assert found(asked, "Well: “GLON are\nless  dangerous than femp”, they say.")


def test_every_right_answer_counts_and_inner_marks_stay() -> None:
    asked = question("it weighs", "3.5 kg", "4 kg", "3 kg", gold=(0, 2))
    assert found(asked, "It weighs 3.5 kg.") == [(0, "It weighs 3.5 kg.")]
    assert not found(asked, "It weighs 3 5 kg.", "It weighs 4 kg")
    assert plain(" A\n well-known 3.5: (x+y)! ") == " a well-known 3.5 (x+y) "
