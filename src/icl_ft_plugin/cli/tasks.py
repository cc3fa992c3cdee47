"""``icl-ft tasks``: every task that ships, what it asks and how many tokens of a window it needs.

For example::

    reversal              n chance tokens
    icl_ft_reversal_icl 100   50.0  2,396

The default worlds are built for it, which takes a few seconds; neither a model nor lm-eval is loaded.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from icl_ft_plugin.cli.completion import families, models
from icl_ft_plugin.errors import UsageError, suggest

if TYPE_CHECKING:
    from icl_ft_plugin.harness.index import TaskFile
    from icl_ft_plugin.harness.tokens import Tokens

LEGEND = """\
closed, icl: without and with the documents in front of the question
gen: the answer is written; gen_options: and options are shown
--json has fields for family, split, condition and how it is answered"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One task.

    Attributes:
        task: Its name.
        family: Its dataset family.
        split: The split of the questions; None where own documents decide.
        condition: ``"closed"`` or ``"icl"``.
        answers: ``"choice"``, or how they are written: ``"written"``, ``"written, options shown"``.
        n: Number of questions in the default world; None for own documents, as below.
        chance: Accuracy of a guesser in %; 0 where answers are written and no options shown.
        tokens: Tokens of the longest prompt with the longest answer.
    """

    task: str
    family: str
    split: str | None
    condition: str
    answers: str
    n: int | None
    chance: float | None
    tokens: int | None


def tasks(
    model: Annotated[
        str,
        typer.Option(
            help="Count with the tokenizer of this checkpoint, embedded model or Hub id.", autocompletion=models
        ),
    ] = "nano",
    family: Annotated[str | None, typer.Option(help="Only tasks of this family.", autocompletion=families)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every task: family, split, condition, number of questions, chance, tokens needed."""
    from icl_ft_plugin.harness.index import task_files
    from icl_ft_plugin.harness.tokens import tokens_in
    from icl_ft_plugin.models.find import find_model

    tokens = tokens_in(find_model(model, weights=False), model)
    known = list(dict.fromkeys(task.family for task in task_files()))
    if family is not None and family not in known:
        raise UsageError(f"--family {family!r} is not one of {', '.join(known)}{suggest(family, known)}")
    found = [_listed(task, tokens) for task in task_files() if family in (None, task.family)]
    if as_json:
        rows = [{**asdict(row), "window": tokens.window, "tokenizer": model} for row in found]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(found, model, tokens.window)


def _print(found: list[Listed], model: str, window: int | None) -> None:
    """Print a table for each family; a task's name says its split, its condition and how it is answered."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("task", overflow="fold")
    for name in ("n", "chance", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for last, row in zip([None, *found], found, strict=False):
        if last is None or last.family != row.family:
            table.add_row(row.family, style="bold")
        over = " !" if window and row.tokens and row.tokens > window else ""
        table.add_row(
            row.task,
            "" if row.n is None else f"{row.n:,}",
            "" if row.chance is None else f"{row.chance:.1f}",
            "" if row.tokens is None else f"{row.tokens:,}{over}",
        )
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table, highlight=False)
    console.print(f"\n{LEGEND}", highlight=False, markup=False)
    if window:
        console.print(f"tokens of {model}; ! is more than its window of {window:,}", highlight=False, markup=False)


def _listed(task: TaskFile, tokens: Tokens) -> Listed:
    from icl_ft_plugin.harness.context import in_context_prompt
    from icl_ft_plugin.harness.documents import SHOWN, task_documents
    from icl_ft_plugin.harness.prompts import closed_prompt
    from icl_ft_plugin.harness.tokens import most_needed

    shown = task.metadata.get("options") == SHOWN
    answers = ("written, options shown" if shown else "written") if task.written else "choice"
    if task.split is None:
        return Listed(task.name, task.family, None, task.condition, answers, None, None, None)
    docs = task_documents(**task.metadata)
    guessed = 100 * sum(doc["chance"] for doc in docs) / len(docs)
    prompt = in_context_prompt if task.condition == "icl" else closed_prompt
    return Listed(
        task.name,
        task.family,
        task.split,
        task.condition,
        answers,
        len(docs),
        round(guessed, 1) if shown or not task.written else 0.0,
        most_needed(docs, prompt, tokens, task.written),
    )
