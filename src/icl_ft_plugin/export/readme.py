"""The README of the exported task folder, in the form of upstream's template: what its template cannot say by itself.

Summaries, citations and what a split asks come from the families' own READMEs, knobs from their docstrings, sizes and levels
of chance from their worlds, and results from files of lm-eval.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from icl_ft_plugin.families import Family, generate
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds import baselines
from icl_ft_plugin.worlds.context import context_text

_HEADING = re.compile(r"^(#{1,4}) (.+)$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return the body below each heading of a Markdown text, up to the next heading of any level.

    Args:
        text: The text; ``#`` within fenced blocks must not begin a line.
    """
    marks = list(_HEADING.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark[2]: text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def parts(
    families: Sequence[Family],
    tasks: Sequence[Any],
    groups: Mapping[str, str],
    results: Sequence[Mapping[str, Any]],
) -> dict[str, object]:
    """Return what the template of the README asks for.

    Args:
        families: The families that go along.
        tasks: Their tasks, each with ``name``, ``group`` and ``metadata``.
        groups: What each group is.
        results: lm-eval's results on public models.
    """
    found = {family.name: _sections_of(family) for family in families}
    worlds = {family.name: generate(family.name, 0) for family in families}
    rows = [_task(task, worlds[task.metadata["family"]], found[task.metadata["family"]]) for task in tasks]
    copies = {task.metadata["family"]: task.metadata.get("context_copies", 1) for task in tasks}
    words = (f"{len(context_text(worlds[n], c).split()):,} words for `{n}`" for n, c in copies.items())
    entries = "\n\n".join(sections.get("Citation", "") for sections in found.values())
    bibtex = dict.fromkeys(re.findall(r"^@\w+\{.*?^\}", entries, re.MULTILINE | re.DOTALL))
    return {
        "families": [
            {
                "name": family.name,
                "title": family.title,
                "summary": _summary(found[family.name].get("Paper", family.description)),
                "documents": len(worlds[family.name].documents),
                "facts": len(worlds[family.name].facts),
                "knobs": [("context_copies", copies[family.name], COPIES), *knobs(family)],
            }
            for family in families
        ],
        "citation": "```text\n" + "\n\n".join(bibtex) + "\n```",
        "groups": [{"name": "icl_ft", "meaning": "the three below"}]
        + [{"name": name, "meaning": meaning} for name, meaning in groups.items()],
        "tasks": rows,
        "sizes": " and ".join(words),
        "results": measured([task.name for task in tasks], list(groups), results),
    }


COPIES = "Documents per fact in the prompt; 0 puts all of them there."


def _sections_of(family: Family) -> dict[str, str]:
    file = family.task_folder / "README.md"
    return sections(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _summary(paper: str) -> str:
    """Return the paragraph of a family's README that says what its documents and questions are."""
    found = [part for part in paper.split("\n\n") if not part.startswith(("Title:", "Abstract:", "Homepage:"))]
    return found[0].replace(" (`ft+oracle`)", "")


def _task(task: Any, world: World, found: Mapping[str, str]) -> dict[str, object]:
    """Return a row of the table of tasks."""
    split = task.metadata["split"]
    told = re.search(rf"^\* .*`{task.name}`.*?: (?:the main variant: )?(.*)$", found.get("Tasks", ""), re.MULTILINE)
    where = "in context" if task.name.endswith("_icl") else "closed book"
    return {
        "name": task.name,
        "asked": f"{told[1] if told else split}; {where}",
        "n": sum(question.split == split for question in world.questions),
        "chance": f"{100 * baselines.chance(world)[split]:.1f}",
        "association": f"{100 * baselines.score(world, 'cooccurrence')[split]:.1f}",
    }


def measured(tasks: Sequence[str], groups: Sequence[str], results: Sequence[Mapping[str, Any]]) -> str:
    """Return the section on results: accuracy in percent with its standard error, a column for each model.

    Args:
        tasks: The tasks, which are the rows with the groups.
        groups: The groups.
        results: lm-eval's results.
    """
    if not results:
        return "None yet: `lm_eval --model hf --model_args pretrained=MODEL --tasks icl_ft` writes them."
    models = [str(result.get("model_name") or "model").rstrip("/").rpartition("/")[2] for result in results]
    lines = [
        "| accuracy in % | " + " | ".join(f"`{model}`" for model in models) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for name in (*tasks, *groups):
        cells = [_cell(result["results"].get(name, {})) for result in results]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    versions = sorted({str(result.get("lm_eval_version", "unknown")) for result in results})
    return "\n".join(lines) + f"\n\nWith the defaults of all knobs, lm_eval {', '.join(versions)}."


def _cell(values: Mapping[str, object]) -> str:
    value, error = values.get("acc,none"), values.get("acc_stderr,none")
    if not isinstance(value, float):
        return "not run"
    return f"{100 * value:.1f}" + (f" ± {100 * error:.1f}" if isinstance(error, float) else "")


def knobs(family: Family) -> list[tuple[str, str, str]]:
    """Return (name, default as JSON writes it, meaning) of each knob of a family; the meaning is the docstring's."""
    found = re.findall(
        r"^ {8}(\w+): (.+(?:\n {12}.+)*)$", (family.config and family.config.__doc__) or "", re.MULTILINE
    )
    meanings = {name: " ".join(meaning.split()).replace("``", "`") for name, meaning in found}
    return [(name, json.dumps(value), meanings[name]) for name, value in family.knobs.items()]


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
