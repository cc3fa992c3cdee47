"""Lines of JSON as people write them: every complaint has its file, line and field.

For example ``Problem("questions.jsonl", 3, "answer", "2 is no index of 2 choices: they count from 0 to 1")``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, cut, suggest
from icl_ft_plugin.files import check_half, lines_of, read_text

DOCUMENTS, QUESTIONS = "documents.jsonl", "questions.jsonl"
DIRECT, REVERSAL, CHAIN = KINDS = ("direct", "reversal", "chain")  # splits that a model can write questions for
FIELDS = {
    DOCUMENTS: ("id", "text", "sentences"),
    QUESTIONS: ("id", "question", "choices", "answer", "split", "evidence", "labels", "block", "written_by"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or looks so.

    Attributes:
        file: Name of the file.
        line: Its line, from 1; 0 for the file as a whole.
        field: The field it is about; empty for the line as a whole.
        message: What is wrong and what would be right.
        error: Whether the folder cannot be used; else a warning.
    """

    file: str
    line: int
    field: str
    message: str
    error: bool = True

    def __str__(self) -> str:
        """One line, e.g. ``questions.jsonl, line 3, answer: ...``."""
        place = [self.file, *([f"line {self.line}"] if self.line else []), *([self.field] if self.field else [])]
        return f"{', '.join(place)}: {self.message}"


def rows(folder: Path, name: str, problems: list[Problem]) -> Iterator[Row]:
    """Yield every line that is a JSON object; empty lines are skipped."""

    def say(line: int, message: str) -> None:
        problems.append(Problem(name, line, "", message))

    try:
        lines = lines_of(read_text(folder / name).removeprefix("\ufeff"))  # the mark that some editors begin with
    except UsageError as error:
        return say(0, str(error).removeprefix(f"{folder / name}: "))
    found = False
    unread: dict[str, list[int]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = True
        try:
            check_half(line)
            pairs = json.loads(line, object_pairs_hook=_Pairs)
            plain = _plain(pairs)
        except (ValueError, RecursionError) as error:
            cause = error.__cause__ or error
            place = f", character {cause.colno}" if isinstance(cause, json.JSONDecodeError) else ""
            say(number, f"not JSON ({cut(getattr(cause, 'msg', str(cause)))}{place}); one object a line")
            continue
        if not isinstance(pairs, _Pairs):
            say(number, f"{kind(pairs)} where an object {{...}} is needed")
            continue
        row = Row(name, number, plain, problems)
        if len(plain) < len(pairs):
            for key, times in Counter(key for key, _ in pairs).items():
                if times > 1:
                    row.say(key, f"stands there {times} times; keep one")
        for key in (key for key in plain if key not in FIELDS[name]):
            if hint := suggest(key, FIELDS[name]):
                row.say(key, f"unknown field{hint}; fields are {', '.join(FIELDS[name])}")
            else:
                unread.setdefault(key, []).append(number)
        yield row
    for key, places in unread.items():
        also = f"here and on {len(places) - 1} further lines" if len(places) > 1 else "here"
        message = f"not read ({also}); fields are {', '.join(FIELDS[name])}"
        problems.append(Problem(name, places[0], key, message, error=False))
    if not found:
        say(0, "empty; one object a line is needed")
    return None


class _Pairs(list[tuple[str, object]]):
    """A JSON object as read, so that a key that stands twice is seen."""


def _plain(value: object) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(entry) for key, entry in value}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def kind(value: object) -> str:
    """Return what a JSON value is, in JSON's words."""
    names = {dict: "an object", _Pairs: "an object", list: "a list", str: "a string", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")


class Row:
    """One line with its complaints; a line that has one makes no document or question."""

    def __init__(self, file: str, line: int, row: Mapping[str, Any], problems: list[Problem]) -> None:
        self.file, self.line, self.row, self.problems = file, line, row, problems
        self.sound = True

    def say(self, key: str, message: str) -> None:
        self.problems.append(Problem(self.file, self.line, key, cut(message, 240)))
        self.sound = False

    def text(self, key: str, value: object, *, one_line: bool = True) -> str:
        """Return a text without surrounding white space; with a complaint where it is no text, or empty."""
        if not isinstance(value, str):
            self.say(key, f"{kind(value)} where a string is needed")
        elif not value.strip():
            self.say(key, "empty")
        else:
            return " ".join(value.split()) if one_line else value.strip()
        return ""

    def texts(self, key: str, least: int) -> list[str]:
        """Return a list of texts."""
        values = self.row[key]
        if not isinstance(values, list):
            self.say(key, f"{kind(values)} where a list of strings is needed")
            return []
        if len(values) < least:
            self.say(key, f"{len(values)} where at least {least} are needed")
        return [self.text(f"{key}[{i}]", value) for i, value in enumerate(values)]

    def id(self, default: str, taken: Mapping[str, int]) -> str:
        """Return the line's id."""
        if "id" not in self.row:
            if default in taken:
                self.say(
                    "id", f"missing, and {default!r}, which this line would get, is the id of line {taken[default]}"
                )
            return default
        value = self.text("id", self.row["id"])
        if value and value in taken:
            self.say("id", f"{value!r} is the id of line {taken[value]} too; ids are unique")
        return value
