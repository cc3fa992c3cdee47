"""The commands of the documentation: whoever they are for, they parse, and what they name is there.

None is run here. The programs of others that no test runs (``OTHERS``) stand on pages that say what was not run.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grouped import each
from lm_eval._cli.harness import HarnessCLI
from typer import BadParameter
from typer.main import get_command

from icl_ft_plugin.arms.named import known_arms
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.paths import recipes_dir, tasks_dir

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(tasks_dir().glob("*/README.md"))]
PAGES += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = {"cat", "cd", "cp", "export", "git", "head", "mkdir", "sha256sum", "sleep"}
OTHERS = {"inspect", "llama_cpp.server", "ray", "scontrol", "srun", "trackio", "transformers", "vllm"}
# Typer has had a copy of click of its own since 0.29, so that the class must be taken from there.
UsageError: Any = BadParameter.__mro__[1]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every command in a page's shell blocks, of those inside $(...) and behind srun too."""
    for language, block in BLOCK.findall(text):
        if language not in ("sh", "bash", "console"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            if language == "console" and not line.startswith("$ "):
                continue
            inner = [part for found in re.findall(r"\$\(([^)]*)\)", line) for part in found.split(" | ")]
            outer = re.sub(r"\$\([^)]*\)", "X", line.removeprefix("$ "))
            for part in (*inner, *outer.split("&&")):
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"\w+=.*", words[0]):  # variables in front of a command
                    words.pop(0)
                if words[:1] == ["srun"]:
                    yield words[:1]
                    words = words[next(i for i in range(1, len(words)) if not words[i].startswith("-")) :]
                if words and not words[0].startswith("-"):
                    yield words


def parse(words: list[str]) -> list[Any]:
    """Parse a command as the program would, without running it; return the contexts, the outermost first."""
    command: Any = get_command(app)
    contexts: list[Any] = []
    while True:
        context = command.make_context(command.name or "icl-ft", list(words), *contexts[-1:])
        contexts.append(context)
        rest = [*context._protected_args, *context.args]
        if not hasattr(command, "commands"):
            return contexts
        _, command, words = command.resolve_command(context, rest)


def icl_ft(words: list[str], page: str) -> None:
    try:
        found = parse(words)[-1].params
    except UsageError as error:
        raise AssertionError(error.format_message()) from error
    for arm in found.get("arms") or []:
        assert arm in known_arms(), arm
    if words[0] == "study" and re.fullmatch(r"[a-z0-9-]+", str(found.get("file", "X"))):
        assert (recipes_dir() / "studies" / f"{found['file']}.yaml").is_file(), found["file"]
    if str(found.get("recipe")).startswith("recipes/"):
        assert (ROOT / found["recipe"]).is_file(), found["recipe"]


def lm_eval(words: list[str], page: str) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found = HarnessCLI()._parser.parse_args(["run", *words])
    except SystemExit as error:
        raise AssertionError(said.getvalue()) from error
    known = {path.stem for path in tasks_dir().rglob("*.yaml")}
    for task in re.findall(r"[\w+]+", str(found.tasks)):
        assert task in known, f"no task {task}"


def python(words: list[str], page: str) -> None:
    tests = words[:2] == ["-m", "pytest"]
    files = [ROOT / word for word in words if word.startswith("tests/")] if tests else [ROOT / words[0]]
    for file in files:
        assert file.is_file(), file
    for option in (word for word in words if word.startswith("--") and not tests):
        assert f'"{option}"' in files[0].read_text(encoding="utf-8"), f"no option {option}"


def make(words: list[str], page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_set, _ = word.partition("=")
        assert re.search(rf"^{name} \?=" if is_set else rf"^{name}:", makefile, re.MULTILINE), word


def pip(words: list[str], page: str) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert words[0] == "install"
    for word in words[1:]:
        if extra := re.fullmatch(r"icl-ft-plugin\[(\w+)\]", word):
            assert extra[1] in tomllib.loads(project)["project"]["optional-dependencies"], word
        else:
            assert word == "." or f'"{word}>=' in project, word


def trl(words: list[str], page: str) -> None:
    assert words[:2] == ["sft", "--config"] and len(words) == 3
    assert (ROOT / words[2]).is_file() or f"`{words[2]}`:\n\n```yaml" in page, words[2]


def bash(words: list[str], page: str) -> None:
    assert (ROOT / words[0]).is_file(), words[0]


CHECKS: dict[str, Callable[[list[str], str], None]] = {
    "icl-ft": icl_ft, "lm_eval": lm_eval, "python": python, "make": make, "pip": pip, "trl": trl, "bash": bash
}  # fmt: skip


def check(words: list[str], page: str) -> None:
    """Check one command of a page, whose text is given."""
    program = words[0].rpartition("/")[2]
    if words[1:2] == ["-m"] and words[2] in OTHERS:
        program = words[2]
    if program in OTHERS:
        assert re.search(r"\bnot run\b", page, re.IGNORECASE), f"{program}: say what was not run"
    elif program not in SHELL:
        assert program in CHECKS, f"{program}: of whom nothing is known"
        CHECKS[program](words[1:], page)


@pytest.mark.parametrize(
    "wrong",
    [
        "icl-ft data biuld",
        "icl-ft study demo --dry",
        "icl-ft study dem",
        "icl-ft data build reversal --out x --arm fr",
        "icl-ft augment reversal",
        "lm_eval --tasks icl_ft_reversl --model hf",
        "lm_eval --tasks icl_ft_reversal --modl hf --x 3",
        "python benchmarks/prefixes.py",
        "python benchmarks/prefix.py --modl X",
        "python -m pytest tests/nowhere.py",
        "make dmo",
        "pip install 'icl-ft-plugin[inspct]'",
        "trl sft --config nowhere.yaml",
        "bash nowhere",
        "somebody --else",
        "vllm serve MODEL",
    ],
)
def test_a_wrong_command_is_found(wrong: str) -> None:
    for before in ("", "X=3 ", "srun --nodes=1 " if wrong.startswith("icl") else "cd there && "):
        [*_, words] = commands(f"```sh\n{before}{wrong}  # as said\n```\n")
        with pytest.raises(AssertionError):
            check(words, "")


def test_a_right_command_is_none_of_them() -> None:
    assert parse(["data", "build", "reversal", "--out", "x"])[-1].params["family"] == "reversal"
    page = "```console\n$ lm_eval --tasks icl_ft --model hf --model_args pretrained=$(icl-ft model-dir nano)\nicl_ft 3\n```\n"
    found = list(commands(page))
    assert [words[0] for words in found] == ["icl-ft", "lm_eval"]
    for words in found:
        check(words, page)


@each("page", PAGES)
def test_every_command_of_a_page_is_checked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for words in commands(text):
        try:
            check(words, text)
        except Exception as error:
            raise AssertionError(f"{shlex.join(words)}: {type(error).__name__}: {error}") from error


@each("page", PAGES)
def test_a_block_of_commands_says_that_it_is_one(page: Path) -> None:
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "":
            assert not {*block.split()[:1]} & {*CHECKS, *SHELL, *OTHERS}, block


def test_commands_were_found() -> None:
    assert sum(len(list(commands(page.read_text(encoding="utf-8")))) for page in PAGES) > 150
