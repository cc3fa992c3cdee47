"""Pretraining text: the shapes of the tasks, fresh words, nothing of the evaluation worlds."""

import random
import re

import pytest

from icl_ft_plugin.families import FAMILIES, generated
from icl_ft_plugin.families.celebrity import generate as celebrity
from icl_ft_plugin.families.codebook.wordings import TESTS
from icl_ft_plugin.families.reversal.proof import subject
from icl_ft_plugin.families.words import coin, pool
from icl_ft_plugin.pretrain.episodes import INFERENCE_MARK, TEXT_MARK, augmentation_prompt, episode

WEIGHTS = {"document": 0.2, "question": 0.1, "answer": 1.0}


def texts(family: str, n: int, room: int = 512) -> list[str]:
    """Episodes of one family as plain text."""
    rng = random.Random(f"test-{family}")
    return ["".join(t for t, _ in episode(rng, {family: 1.0}, room, WEIGHTS)) for _ in range(n)]


def test_every_family_has_episodes() -> None:
    assert all(FAMILIES[family].episodes for family in generated())


@pytest.mark.parametrize("family", sorted(generated()))
def test_no_word_or_name_of_an_evaluation_world(family: str) -> None:
    held_out = {*pool("evaluation"), *celebrity.names("first", "evaluation"), *celebrity.names("last", "evaluation")}
    seen = {word for text in texts(family, 150) for word in re.findall("[A-Za-z]+", text)}
    assert len(seen) > 50
    assert not seen & held_out


def test_no_title_of_an_evaluation_world() -> None:
    held_out = set(celebrity.titles("evaluation"))
    text = "\n".join(texts("celebrity", 200))
    assert not [title for title in held_out if title in text]


def test_questions_stand_behind_the_documents_as_in_the_tasks() -> None:
    found = [text for text in texts("reversal", 40) if TEXT_MARK not in text]
    assert found
    for text in found:
        documents, *questions = text.split("\n\n")
        assert questions
        subjects = {subject(question) for question in questions}
        assert all(re.search(rf"\b{subject}\b", documents) for subject in subjects)


def test_only_answers_carry_the_full_weight() -> None:
    for segments in (episode(random.Random(i), {"syllogism": 1.0}, 512, WEIGHTS) for i in range(20)):
        assert {weight for _, weight in segments} <= set(WEIGHTS.values())
        assert any(weight == 1.0 and text.strip() for text, weight in segments)


def test_augmentation_format() -> None:
    assert augmentation_prompt("femp are red.") == f"{TEXT_MARK} femp are red.\n{INFERENCE_MARK}"
    assert any(text.count(INFERENCE_MARK) >= text.count(TEXT_MARK) > 0 for text in texts("reversal", 60))


def test_episodes_depend_on_the_generator_alone() -> None:
    assert texts("semantic", 3) == texts("semantic", 3)


def test_coined_words_are_many_and_never_banned() -> None:
    rng = random.Random(0)
    words = [coin(rng, frozenset({"rou", "vea"})) for _ in range(5000)]
    assert len(set(words)) > 3500
    assert not {"rou", "vea"} & set(words)


@pytest.mark.parametrize("family", sorted(generated()))
def test_half_of_a_reading_episode_is_questions(family: str) -> None:
    rng = random.Random(f"test-{family}")
    episodes = [episode(rng, {family: 1.0}, 2048, WEIGHTS) for _ in range(60)]
    reading = [segments for segments in episodes if TEXT_MARK not in "".join(text for text, _ in segments)]
    documents = sum(len(segments[0][0]) for segments in reading)
    questions = sum(len(text) for segments in reading for text, _ in segments[1:])
    assert 0.25 < questions / (documents + questions) < 0.75


def test_wordings_of_questions_stand_in_reading_episodes_only() -> None:
    wordings = [wording.split("{")[0] for bank in TESTS.values() for wording in bank]
    found = {True: 0, False: 0}
    for text in texts("codebook", 80, 1024):
        found[TEXT_MARK in text] += any(wording.strip() and wording in text for wording in wordings)
    assert found[False] > 20
    assert not found[True]


@pytest.mark.parametrize("family", ["reversal", "celebrity"])
def test_each_kind_of_inference_is_shown_once(family: str) -> None:
    """Once up to four wordings drawn at random, which of a celebrity alone were all of one direction."""
    shown = [text for text in texts(family, 60) if text.startswith(TEXT_MARK)]
    parts = [part for text in shown for part in text.split(TEXT_MARK)[1:]]
    assert len(parts) > 10 and {part.count(INFERENCE_MARK) for part in parts} == {2}
