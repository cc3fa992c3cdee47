"""What a fixed ranking of the options can score, against every ranking tried; and own documents in blocks, whose answer is chance."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.blocks import whole
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.taste import by_frequency, taste
from icl_ft_plugin.schema import Question

DESKS = ["the Lantern Desk", "the Gull Desk", "the Rope Desk", "the Chart Desk"]
HEADS = ["Mirela Voss", "Odan Pell", "Ilse Quarn", "Teodo Brask"]


def question(options: str, gold: str, number: int = 0) -> Question:
    """Return ``question("abc", "a")``: each letter an option."""
    right = tuple(sorted(options.index(option) for option in gold))
    return Question(f"q{number}", "s", "It is", tuple(options), right, "own", 0, (), {})


def hits(questions: list[Question], liking: dict[str, float]) -> int:
    return sum(max(range(len(q.choices)), key=lambda i: liking[q.choices[i]]) in q.gold for q in questions)


def every_ranking(questions: list[Question]) -> set[int]:
    options = sorted({option for q in questions for option in q.choices})
    rankings = itertools.permutations(range(len(options)))
    return {hits(questions, dict(zip(options, map(float, ranking), strict=True))) for ranking in rankings}


@st.composite
def drawn(draw: st.DrawFn) -> list[Question]:
    pool = "abcdef"[: draw(st.integers(2, 6))]
    sets = draw(st.lists(st.sets(st.sampled_from(pool), min_size=2, max_size=4), min_size=1, max_size=14))
    found = []
    for number, options in enumerate(sets):
        order = "".join(draw(st.permutations(sorted(options))))
        right = draw(st.sets(st.sampled_from(order), min_size=1, max_size=len(order) - 1))
        found.append(question(order, "".join(right), number))
    return found


@given(drawn())
def test_the_range_is_that_of_all_rankings(questions: list[Question]) -> None:
    found, scores = taste(questions), every_ranking(questions)
    assert found.most == (max(scores), max(scores))
    assert found.fewest == (min(scores), min(scores))


def test_the_example_of_the_module() -> None:
    found = taste([question("ab", "a"), question("ab", "b"), question("ac", "a")])
    assert (found.questions, found.blocked, found.fewest, found.most) == (3, 2, (1, 1), (2, 2))


def test_what_cannot_be_proved_is_said_to_lie_between() -> None:
    """Three hundred questions over twenty options are too many for the solver."""
    rng, pool = random.Random(0), "abcdefghijklmnopqrst"
    questions = [question("".join(options := rng.sample(pool, 4)), rng.choice(options), n) for n in range(300)]
    found = taste(questions)
    assert found.fewest[0] <= found.fewest[1] < found.most[0] < found.most[1] < 300
    rankings = [{option: rng.random() for option in pool} for _ in range(500)]
    # What was found is better than any of many tried, and nothing is better than what is said to be the most.
    assert max(hits(questions, liking) for liking in rankings) <= found.most[0]
    assert min(hits(questions, liking) for liking in rankings) >= found.fewest[1]


def test_the_option_shown_most_often_and_least() -> None:
    questions = [question("ab", "a", 0), question("ac", "a", 1), question("ad", "d", 2), question("cd", "c", 3)]
    # a is shown 3 times, c and d twice, b once: the first two are right, and of the last, half.
    assert by_frequency(questions, 1) == 2.5
    assert by_frequency(questions, -1) == 1.5


def test_blocks_are_found_without_a_name() -> None:
    """Two blocks in another order, a question whose answer is asked for a third time, and one with two right answers."""
    pairs = [question("ab", "a", 0), question("ba", "b", 1), question("ba", "a", 2), question("ab", "b", 3)]
    rest = [question("ab", "a", 4), question("abc", "ab", 5), question("abc", "c", 6)]
    blocks, left = whole([*pairs, *rest])
    assert ({tuple(sorted(q.id for q in block)) for block in blocks}, left) == ({("q0", "q1"), ("q2", "q3")}, rest)


def test_what_is_generated_in_blocks_is_found_in_blocks() -> None:
    questions = [q for q in made("celebrity", 1).questions if q.block]
    assert taste(questions) == taste([*reversed(questions)])
    assert whole(questions)[1] == []


def blocked(tmp_path: Path, **change: Any) -> Path:
    """Write own documents whose questions stand in two splits of blocks; ``change`` the third question."""
    text = [f"{desk} is led by {head}." for desk, head in zip(DESKS, HEADS, strict=True)]
    rows = [
        {
            "question": f"{a} {verb}",
            "choices": random.Random(f"{a}{verb}").sample(of, 4),
            "answer": b,
            "split": split,
            "block": verb,
        }
        for verb, given, of, split in (
            ("leads", HEADS, DESKS, "reversal"),
            ("is the head of", HEADS, DESKS, "reversal"),
            ("is headed by", DESKS, HEADS, "direct"),
        )
        for a, b in zip(given, of, strict=True)
    ]
    rows[2] |= change
    (tmp_path / own.DOCUMENTS).write_text(json.dumps({"text": " ".join(text)}) + "\n")
    (tmp_path / own.QUESTIONS).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return tmp_path


def checked(folder: Path) -> Any:
    return CliRunner().invoke(app, ["data", "check", str(folder)])


def test_every_taste_is_chance_on_own_documents_in_blocks(tmp_path: Path) -> None:
    folder = blocked(tmp_path)
    questions = own.load(folder).questions
    assert {q.block for q in questions} == {"leads", "is the head of", "is headed by"}
    for split, n in (("reversal", 8), ("direct", 4)):
        of = [q for q in questions if q.split == split]
        for seed in range(200):
            rng = random.Random(seed)
            assert hits(of, {option: rng.random() for option in DESKS + HEADS}) == n / 4
    said = checked(folder)
    assert said.exit_code == 0 and "choices" not in said.stdout
    assert "reversal: all 8 questions in whole blocks; a fixed taste scores exactly 25.0%" in said.stdout
    assert "direct: all 4 questions in whole blocks; a fixed taste scores exactly 25.0%" in said.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer": DESKS[0]}, "line 3, block: 'leads': 'the Lantern Desk' is the answer of line 1 too"),
        ({"choices": [*DESKS[:3], "the Bell Desk"]}, "line 3, block: 'leads': its choices are not those of line 1"),
        ({"choices": DESKS[:3]}, "line 3, block: 'leads': its choices are not those of line 1"),
        ({"answer": [2, 3], "choices": DESKS}, "line 3, block: 'leads': 2 of its choices are right"),
        ({"split": "other"}, "line 3, block: 'leads': line 1 of it is of split 'reversal', this of 'other'"),
        ({"block": "alone"}, "line 1, block: 'leads': 'the Rope Desk' is the answer of none of its 3 questions"),
        ({"block": 3}, "line 3, block: a number where a string is needed"),
    ],
)
def test_a_block_that_is_none_is_an_error_with_its_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = blocked(tmp_path, **change)
    said = checked(folder)
    assert said.exit_code == 2 and f"error: questions.jsonl, {words}" in said.stdout
    with pytest.raises(UsageError, match="block"):
        own.load(folder)


def test_a_taste_that_could_answer_is_a_warning_with_its_numbers(tmp_path: Path) -> None:
    """Ten questions, each of its own two choices: a ranking gets all of them, and who takes the rarer choice gets ten of ten."""
    rows = [{"question": f"Number {i} is", "choices": ["even", f"odd {i}"], "answer": 1} for i in range(10)]
    (tmp_path / own.DOCUMENTS).write_text(json.dumps({"text": "Numbers."}) + "\n")
    (tmp_path / own.QUESTIONS).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    said = checked(tmp_path).stdout
    assert (
        "questions: 0 of 10 questions in whole blocks; a fixed taste scores at worst 0.0%, at best 100.0% (chance 50.0%), for the "
        "choice shown most often 0.0%, least often 100.0%"
    ) in said
    for who in (
        "who takes the choice that the split shows least often is",
        "who prefers some choices to others, whatever is asked, can be",
    ):
        assert f"line 1, choices: in split 'questions' {who} right in 10 of 10 questions, 5 would be chance" in said
    assert "most often is right" not in said
