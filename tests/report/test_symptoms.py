"""What the report answers first, of studies in which it is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from report_data import told, write_study

from icl_ft_plugin.report.evidence import audit_table
from icl_ft_plugin.report.measures.kinds import Apart
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.symptoms import symptoms
from icl_ft_plugin.report.words import percent, signed

Told = Callable[[str, int, int, int | None, str], bool]


def guessed(number: int, world: int) -> bool:
    return (number + world) % 2 == 0


def learns_nothing(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
    return arm == "icl" or guessed(number, world)


def reads_nothing(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
    return guessed(number, world)


def uses_all(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
    return arm != "pretrained" or guessed(number, world)


def knew_it(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
    return True


def answers(folder: Path, right: Told, **study: object) -> list[tuple[str, str]]:
    write_study(folder, right, worlds=(0, 1, 2), seeds=(0,), by_split=True, **study)  # type: ignore[arg-type]
    (block,) = build_blocks(read_study(folder))
    return [(each.kind, each.short) for each in symptoms(block)]


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (told, [("yes", "Yes"), ("no", "No"), ("yes", "It helps"), ("next", "Train as ft+oracle")]),
        (learns_nothing, [("open", "Not shown"), ("no", "No"), ("open", "Nothing shown"), ("next", "Train more")]),
        (reads_nothing, [("open", "Not shown"), ("open", "Not shown"), ("open", "Nothing shown"), ("next", "Take another model")]),
        (uses_all, [("yes", "Yes"), ("yes", "Yes"), ("open", "Nothing shown"), ("next", "No gap to close here")]),
        (knew_it, [("yes", "Yes"), ("yes", "Yes"), ("open", "Nothing shown"), ("next", "Ask other questions")]),
    ],
)  # fmt: skip
def test_the_first_questions_are_answered_by_the_numbers(
    tmp_path: Path, right: Told, said: list[tuple[str, str]]
) -> None:
    assert answers(tmp_path, right) == said


def test_without_augmentation_it_is_what_to_try_next(tmp_path: Path) -> None:
    found = answers(tmp_path, told, arms=("pretrained", "icl", "ft"))
    assert found[2:] == [("open", "Not tried"), ("next", "Add the inferences")]
    assert answers(tmp_path / "other", told, arms=("pretrained", "icl")) == []


def test_own_documents_are_asked_split_by_split(tmp_path: Path) -> None:
    write_study(tmp_path, told, splits=("rephrase_entity", "reversal"), by_split=True)
    plan = (tmp_path / "study.json").read_text(encoding="utf-8").replace('"family": "reversal"', '"family": "own"')
    (tmp_path / "study.json").write_text(plan, encoding="utf-8")
    (block,) = build_blocks(read_study(tmp_path))
    learned, use, *_, advice = symptoms(block)
    assert (learned.kind, use.kind) == ("yes", "no")
    assert "rephrase entity" in learned.text and "of the reversal questions" in use.text
    assert "three worlds" not in advice.text, "there is one world of own documents"


def test_audits_are_called_by_what_they_audit(tmp_path: Path) -> None:
    write_study(tmp_path, told, worlds=(0, 1), seeds=(0,), by_split=True)
    for world in (0, 1):
        folder = tmp_path / "augmentations" / f"{world}abcdef0123456"
        folder.mkdir(parents=True)
        (folder / "audit.json").write_text('{"precision": 0.5}', encoding="utf-8")
        ledger = tmp_path / "cells" / f"{world}-3-0" / "ledger.json"
        written = '{"augmentation": {"local": {"hash": "' + folder.name + '789"}}, '
        ledger.write_text(written + ledger.read_text(encoding="utf-8")[1:], encoding="utf-8")
    assert [row[0] for row in audit_table(read_study(tmp_path))] == ["augmentation", "local, world 0", "local, world 1"]


def test_nothing_is_written_as_less_than_nothing() -> None:
    assert signed(Apart(0.0, -1e-9, -1e-9, 0.1, "")) == "+0.0 [+0.0, +10.0]" and percent(-1e-9) == "0%"
