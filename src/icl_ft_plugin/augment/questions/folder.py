"""The folder of written questions: own documents that can be used as they are, and what is needed to review them.

For example ``asked/questions.jsonl`` (``written_by`` on every line, in blocks), ``documents.jsonl`` (a copy), ``review.html`` (to be
read), ``candidates.jsonl`` (everything that was written and what became of it), ``asked.json`` (model, prompts, counts).
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from icl_ft_plugin import __version__
from icl_ft_plugin.augment.folder import resumed
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.questions.write import Writing
from icl_ft_plugin.families.own.lines import KINDS
from icl_ft_plugin.files import write_json, write_jsonl, write_text
from icl_ft_plugin.report.html.page import fill


def make_folder(
    folder: Path, documents: Path, make: Callable[[Journal], Writing], writer: str, about: Mapping[str, object]
) -> Writing:
    """Have questions written into a folder; a run that was killed or failed goes on with its journal.

    Args:
        folder: What appears.
        documents: The file that the questions are about.
        make: Has them written, with the journal.
        writer: What the questions are marked with.
        about: Of the run, for ``asked.json``.

    Raises:
        UsageError: The folder exists or cannot be written, or ``make`` says so; the journal is kept.
    """

    def lay(work: Path, writing: Writing) -> None:
        rows = rows_of(writing, writer)
        shutil.copy(documents, work / "documents.jsonl")
        write_jsonl(work / "questions.jsonl", rows)
        write_jsonl(work / "candidates.jsonl", _candidates(writing))
        found = {"version": __version__, **about, "prompts": writing.prompts, "counts": writing.counts}
        write_json(work / "asked.json", {**found, "closed_book_right": writing.closed})
        write_text(work / "review.html", _page(folder.name, writing, rows, writer))

    return resumed(folder, make, lay)


def rows_of(writing: Writing, writer: str) -> list[dict[str, Any]]:
    """Return the lines of ``questions.jsonl``; the questions of a block show its choices in one order."""
    rows = []
    for kind in KINDS:
        for number, block in enumerate(writing.blocks[kind], start=1):
            name = f"{kind}-{number}"
            choices = random.Random(name).sample([c.answer for c in block], len(block))
            rows += [
                {
                    "id": f"{name}-{place}",
                    "question": c.stem,
                    "choices": choices,
                    "answer": c.answer,
                    "split": kind,
                    # The one it is about first: that which holds the answer.
                    "evidence": [document.id for document in reversed(c.evidence)],
                    "block": name,
                    "written_by": writer,
                }
                for place, c in enumerate(block, start=1)
            ]
    return rows


def _candidates(writing: Writing) -> list[dict[str, object]]:
    return [
        {
            "kind": c.kind,
            "question": c.stem,
            "answer": c.answer,
            "evidence": [document.id for document in c.evidence],
            "sentences": c.sentences,
            "fate": fate,
        }
        for c, fate in writing.fates
    ]


def _page(name: str, writing: Writing, rows: list[dict[str, Any]], writer: str) -> str:
    told = [{"sentences": c.sentences} for kind in KINDS for block in writing.blocks[kind] for c in block]
    blocks: dict[str, list[dict[str, Any]]] = {}
    for row, more in zip(rows, told, strict=True):
        blocks.setdefault(row["block"], []).append(row | more)
    counts = [(kind, list(found.items())) for kind, found in writing.counts.items()]
    listed = [{"name": block, "rows": of} for block, of in blocks.items()]
    return fill("review.html.j2", name=name, writer=writer, counts=counts, blocks=listed)
