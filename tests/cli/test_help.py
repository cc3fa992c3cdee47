"""What is shown at 80 columns: every ``--help`` with an example that parses, lists, and what to do about what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.cli.options import folded
from icl_ft_plugin.families import FAMILIES


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def assert_refused(result: Any, words: str) -> None:
    assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.output, result.output


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and group of the program."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        found.append(words)
        waiting += [((*words, name), inner) for name, inner in getattr(command, "commands", {}).items()]
    return sorted(found)


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_help_has_an_example_that_parses(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0 and max(map(len, result.stdout.splitlines())) <= 80
    told = " ".join(result.stdout.split()).partition("Example: icl-ft ")[2].partition(" Families and their knobs")[0]
    arguments = told.split()
    assert tuple(arguments[: len(words)]) == words or words == ("study", "run")
    command: Any = typer.main.get_command(app)
    context: Any = command.make_context("icl-ft", list(arguments))
    while hasattr(command, "commands"):
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(command.name, list(rest), parent=context)


def test_help_of_data_build_lists_families_and_knobs() -> None:
    told = " ".join(CliRunner().invoke(app, ["data", "build", "--help"], env={"COLUMNS": "80"}).stdout.split())
    for name, family in FAMILIES.items():
        assert all(f"{knob}={value}" in told for knob, value in family.knobs.items())
        assert (f" {name}: " in told) == bool(family.knobs)


def test_what_is_not_there_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(icl_ft("report", tmp_path / "nosuchdir"), f"{tmp_path / 'nosuchdir'}: no such folder")
    missing = f"worlds.0.config.path={tmp_path / 'mine'}"
    result = icl_ft("study", "own", "--set", missing, "--out", tmp_path / "out")
    assert_refused(result, f"icl-ft data example handbook {tmp_path / 'mine'}")
    monkeypatch.chdir(tmp_path)
    for command in (("study", "own"), ("data", "ask", "handbook", "--out", "asked")):
        result = icl_ft(*command)
        assert_refused(result, "handbook: no such folder")
        assert "handbook/handbook" not in result.stderr


def test_tasks_are_listed_in_80_columns() -> None:
    lines = icl_ft("tasks").stdout.splitlines()
    assert len(lines) > 100 and max(map(len, lines)) <= 80


def test_what_is_wider_than_a_terminal_folds_there_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["model      tokens\nnano        1,000", "", "counted as if no prefix were shared"]
    assert folded(lines) == "\n".join(lines), "whoever reads a pipe folds it as they like"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    assert folded(lines).split("\n") == [
        "model      tokens", "nano        1,000", "", "counted as if no", "    prefix were", "    shared",
    ]  # fmt: skip
