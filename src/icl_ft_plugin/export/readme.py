"""The README of an exported task folder, in the form of upstream's template, from the family's own.

Upstream's template asks for Paper, Citation, Groups, Tags and Tasks, a checklist and a changelog, which the READMEs under
``tasks/`` have in the same words; what they measure with this package's own commands is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container

from icl_ft_plugin.families import Family

_HEADING = re.compile(r"^(#{1,4}) (.+)$", re.MULTILINE)
_OWN_CHECK = re.compile(r"(We know of none: [^,]*), and every answer is proved \(.*?\)\.")
CHECK = (
    r"\1. In icl-ft-plugin, where this folder comes from, a program of its own derives the right answers of every question "
    "from the text of the documents and refutes all others."
)


def sections(text: str) -> dict[str, str]:
    """Return the body below each heading of a Markdown text, up to the next heading of any level.

    Args:
        text: The text; ``#`` within fenced blocks must not begin a line.
    """
    marks = list(_HEADING.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark[2]: text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def parts(text: str, tag: str, files: Container[str]) -> dict[str, str]:
    """Return what goes from a family's README into the exported one, by the name of its place in the template.

    Args:
        text: The README under ``tasks/<family>/``.
        tag: The tag of all tasks.
        files: Names of the exported task files; other tasks are not spoken of.

    Raises:
        KeyError: A section is missing.
    """
    found = sections(text)
    answerers, _, rest = found["Answerers that know nothing, or everything"].partition("\n\n`oracle` derives")
    answerers = re.sub(r"<!--.*?-->\n*", "", answerers).strip()
    _, _, properties = rest.partition("Properties of the splits")
    properties = properties.strip()
    return {
        "title": next(iter(found)),
        "paper": found["Paper"].partition("\n\nHomepage:")[0] + "\n\nHomepage: `https://arxiv.org/abs/2505.00661`",
        "citation": found["Citation"],
        "tag": tag,
        "tasks": "\n".join(line for line in found["Tasks"].split("\n") if _is_known(line, files)),
        "answerers": answerers,
        "properties": f"\nProperties of the splits{properties}" if properties else "",
        "checklist": _OWN_CHECK.sub(CHECK, found["Checklist"]),
    }


def _is_known(line: str, files: Container[str]) -> bool:
    """Tell whether a line is no item about tasks, or about tasks that have a file."""
    match = re.match(r"\* `(icl_ft_\w+)`", line)
    return match is None or f"{match[1]}.yaml" in files


def knobs(family: Family) -> list[tuple[str, str, str]]:
    """Return (name, default as JSON writes it, meaning) of each knob of a family; the meaning is the docstring's."""
    meanings = dict(re.findall(r"^ {8}(\w+): (.+)$", (family.config and family.config.__doc__) or "", re.MULTILINE))
    return [(name, json.dumps(value), meanings[name].replace("``", "`")) for name, value in family.knobs.items()]


def insert_row(table: str, name: str, description: str) -> str:
    """Return upstream's ``lm_eval/tasks/README.md`` with a row for a task folder, in its alphabetical place.

    Args:
        table: The file's text; its first table is ``Task Family | Description | Language``.
        name: Name of the folder.
        description: One line.

    Raises:
        ValueError: There is no such table.
    """
    lines = table.split("\n")
    head = next((i for i, line in enumerate(lines) if line.startswith("| Task Family ")), None)
    if head is None:
        raise ValueError("no table of task families")
    end = next(i for i in range(head, len(lines)) if not lines[i].startswith("|"))
    kept = [line for line in lines[head + 2 : end] if _first_cell(line) != name]
    # The table is not quite in order: the row goes behind the last one that comes before it.
    place = max((i + 1 for i, line in enumerate(kept) if _first_cell(line).lower() < name), default=0)
    kept.insert(place, row(name, description, [len(cell) - 2 for cell in lines[head].split("|")[1:-1]]))
    return "\n".join([*lines[: head + 2], *kept, *lines[end:]])


def row(name: str, description: str, widths: list[int] | None = None) -> str:
    """Return the row of a task folder for upstream's table, its cells padded to some widths."""
    cells = (f"[{name}]({name}/README.md)", description, "English")
    return "| " + " | ".join(cell.ljust(w) for cell, w in zip(cells, widths or (0, 0, 0), strict=True)) + " |"


def _first_cell(line: str) -> str:
    return line.split("|")[1].strip().removeprefix("[").partition("]")[0]
