from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner, Result

from icl_ft_plugin.cli.app import app

SMALL = ("--set", "worlds.0.config={n_facts: 4, documents_per_fact: 2}", "--set", "worlds.0.seeds=[0, 1, 2]")


def study(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["study", "demo", *arguments, *SMALL])


def test_a_dry_run_says_what_the_study_can_tell() -> None:
    text = study("--dry-run").stdout
    (line,) = [line for line in text.splitlines() if "icl beats ft" in line]
    assert line.startswith("nano, reversal, reversal: icl beats ft") and re.search(
        r"3 worlds x \d runs x 4 facts", line
    )
    assert re.search(r"\d+% +\d+% +\d+% +\d+ points$", line) and "How much accuracies vary is from" in text
    one = study("--dry-run", "--set", "worlds.0.seeds=[5]", "--set", "arms=[icl, ft]").stdout
    assert "icl beats ft" in one


def test_power_says_what_it_takes_and_runs_nothing() -> None:
    result = study("--power", "0.8", "--effect", "30")
    assert result.exit_code == 0, result.output
    assert "To tell a true difference of 30 points with a probability of 80%" in result.stdout
    assert re.search(r"icl beats ft +\d+ +\d+ +4$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(("options", "words"), [
    (("--power", "80"), "--power 80: a probability between 0 and 1"),
    (("--power", "0.8", "--effect", "0"), "--effect 0: points"),
])  # fmt: skip
def test_what_is_no_power_is_refused(options: tuple[str, ...], words: str) -> None:
    result = study(*options)
    assert result.exit_code == 2 and words in str(result.exception or result.output) + result.output
