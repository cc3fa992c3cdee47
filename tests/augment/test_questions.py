"""What the words of a written question show, before any model is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icl_ft_plugin.augment.prompts import load_prompt
from icl_ft_plugin.augment.questions.candidates import Candidate, Words, cut, sources
from icl_ft_plugin.augment.questions.judge import alike
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.own.lines import CHAIN, DIRECT, REVERSAL
from icl_ft_plugin.paths import examples_dir
from icl_ft_plugin.schema import World

NAMED = [
    {"id": "desks", "text": "The Gull Desk is led by Odan Pell, the Bell Desk by Runa Fennick. There is tea at four."},
    {"id": "homes", "text": "Odan Pell lives in the Cork House, Runa Fennick in the Reed House."},
    {"id": "tea", "text": "Tea is brewed in the kitchen."},
]


def write_documents(folder: Path, documents: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / own.DOCUMENTS).write_text("".join(f"{json.dumps(row)}\n" for row in documents))
    return folder


def world_of(tmp_path: Path, documents: list[dict[str, Any]]) -> World:
    return own.world_of(own.read(write_documents(tmp_path / "documents", documents)))


@pytest.mark.parametrize(
    ("kind", "line", "fault"),
    [
        (DIRECT, "At the head of the Gull Desk is | Odan Pell.", ""),
        (REVERSAL, "Odan Pell is at the head of | the Gull Desk.", ""),
        (REVERSAL, "Runa Fennick is at the head of | the Bell Desk.", ""),
        (DIRECT, "The Gull Desk is led by | Odan Pell.", "stands word for word in a document"),
        (DIRECT, "The boss of them all is | Odan Pell.", "names nothing beside its answer"),
        (DIRECT, "At the head of the Gull Desk is | Mirela Voss.", "answer not in the evidence"),
        (DIRECT, "At the head of the Gull Desk is Odan Pell.", "form"),
        (DIRECT, "Who is at the head of the Gull Desk? | Odan Pell.", "form"),
        (DIRECT, "Odan Pell is | Odan Pell.", "form"),
        (CHAIN, "Who leads the Gull Desk lives in | the Cork House.", ""),
        (CHAIN, "Odan Pell, head of the Gull Desk, lives in | the Cork House.", "one document is enough"),
        (
            CHAIN,
            "Who leads the Gull Desk lives in | the Reed House.",
            "nothing leads from the one document to the other",
        ),
        (CHAIN, "Someone lives in | the Cork House.", "names nothing of the first document"),
        (CHAIN, "The boss is | Odan Pell.", "one document is enough"),
    ],
)
def test_what_the_words_of_a_question_show(tmp_path: Path, kind: str, line: str, fault: str) -> None:
    world = world_of(tmp_path, NAMED)
    evidence = world.documents[:2] if kind == CHAIN else world.documents[:1]
    (candidate,) = cut(kind, [line], evidence)
    words = Words(world, [candidate])
    assert words.fault(candidate) == fault
    assert fault or kind == CHAIN or words.side(candidate) == kind


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("The desk in the Salt Room is for | repairs.", "nothing leads from the one document to the other"),
        ("The desk in the Amber Room is for | complaints.", ""),
        ("The desk in the Tide Room is for | tickets.", ""),
        ("The desk in the Cork Room is for | freight.", "nothing leads from the one document to the other"),
        ("The desk in the Heron Room is for | booking.", "answer not in the evidence"),
    ],
)
def test_two_lists_that_a_model_paired_by_their_order(line: str, fault: str) -> None:
    """What Qwen2.5-Coder-1.5B wrote about two documents of the handbook; two of the five are true."""
    world = own.load(examples_dir() / "handbook")
    (candidate,) = cut(CHAIN, [line], tuple(d for d in world.documents if d.id in ("desk-rooms", "desk-work")))
    assert Words(world, [candidate]).fault(candidate) == fault


@pytest.mark.parametrize(
    ("line", "stem", "answer"),
    [
        ("Odan Pell is the head of the | Gull Desk.", "Odan Pell is the head of", "the Gull Desk"),
        ("Odan Pell is the head of | The Gull Desk.", "Odan Pell is the head of", "the Gull Desk"),
        ("The | Gull Desk!", "The", "Gull Desk"),
        ("Odan Pell is the head of the |", "Odan Pell is the head of the", ""),
        ("Plan A | works.", "Plan A", "works"),
    ],
)
def test_an_answer_has_its_article(line: str, stem: str, answer: str) -> None:
    (candidate,) = cut(DIRECT, [line], ())
    assert (candidate.stem, candidate.answer) == (stem, answer)


def test_the_bridge_of_a_chain_is_no_part_of_its_question() -> None:
    prompt = load_prompt("writing/chain", "local")
    assert prompt.statements(" Odan Pell: Who leads the desk lives in | the Cork House.\n- He reads | it.") == [
        "Who leads the desk lives in | the Cork House.",
        "He reads | it.",
    ]


def test_a_chain_is_written_about_two_documents_that_share_a_name(tmp_path: Path) -> None:
    world = world_of(tmp_path, NAMED)
    assert [[d.id for d in pair] for pair in sources(world, CHAIN)] == [["desks", "homes"]]
    assert [[d.id for d in one] for one in sources(world, DIRECT, 2)] == [["desks"], ["homes"]]


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("the Gull Desk", "the Bell Desk", True),
        ("the Gull Desk", "Odan Pell", False),
        ("4", "11", True),
        ("4", "four", False),
        ("Odan Pell", "Pell", False),
        ("red", "the colour that they liked", False),
    ],
)
def test_answers_of_one_form_stand_side_by_side(one: str, other: str, fits: bool) -> None:
    a, b = (Candidate(DIRECT, "It is", answer, ()) for answer in (one, other))
    assert alike(a, b) == alike(b, a) == fits
