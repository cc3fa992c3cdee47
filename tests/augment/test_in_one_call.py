"""What ``augment`` and ``rows`` do in one call."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import icl_ft_plugin as icl_ft
from icl_ft_plugin.augment.folder import read_folder
from icl_ft_plugin.augment.statements import Statement
from icl_ft_plugin.paths import models_dir

WORLD = icl_ft.generate("reversal", n_facts=2)
NANO = models_dir() / "nano"


def statement(text: str, strategy: str) -> Statement:
    return Statement(text, "f0-d0", None, strategy, *[None] * 4)


def texts(arm: str | icl_ft.Arm, *statements: Statement) -> list[str]:
    return [row["text"] for row in icl_ft.rows(arm, WORLD, statements)][len(WORLD.documents) :]


def test_a_model_in_memory_writes_what_its_folder_does(tmp_path: Path) -> None:
    few = {"copies": 1, "max_tokens": 24}
    model, tokenizer = AutoModelForCausalLM.from_pretrained(NANO), AutoTokenizer.from_pretrained(NANO)
    ours = icl_ft.augment(WORLD, "local", model, tokenizer=tokenizer, prompt="nano-local", **few)
    written = icl_ft.augment(WORLD, "local", "nano", output=tmp_path / "local", **few)
    assert ours.statements and ours == written == read_folder(tmp_path / "local")
    with pytest.raises(icl_ft.UsageError, match="exists already"):
        icl_ft.augment(WORLD, "local", "nano", output=tmp_path / "local", **few)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(icl_ft.UsageError, match="did you mean 'temperature'"):
        icl_ft.augment(WORLD, "local", "nano", temprature=1.0)


def test_rows_are_of_the_parts_that_the_arm_has_and_said_once() -> None:
    here, there = statement("one", "local"), statement("two", "global")
    again = statement("one", "global")
    assert texts("ft+local", here, there) == ["one"]
    assert texts("ft+local+global", there, again, here) == ["one", "two"]


def test_an_arm_that_keeps_what_follows_drops_the_rest() -> None:
    true = WORLD.facts[0].text
    arm = icl_ft.Arm(name="audited", corpus=["documents", "local"], keep="entailed")
    assert texts(arm, statement("something else.", "local"), statement(true, "local")) == [true]


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("icl", "arm 'icl' is not trained"),
        ("sdft", "arm 'sdft' learns from a teacher"),
        ("ft+local", "'local' is written by a model"),
        ("ft+locl", "did you mean 'ft\\+local'"),
    ],
)
def test_an_arm_without_rows_is_refused(arm: str, said: str) -> None:
    with pytest.raises(icl_ft.UsageError, match=said):
        icl_ft.rows(arm, WORLD)
