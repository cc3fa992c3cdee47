"""An augmentation as a folder, which appears complete or not at all.

For example ``runs/local/corpus.jsonl`` (one statement a line, see ``statements``), ``augmentation.json`` (settings, model, hashes,
token counts) and ``journal.jsonl`` (every answer). While it is made, the journal is ``runs/.local.partial/journal.jsonl``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypeVar

from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.run import Augmentation, Record
from icl_ft_plugin.augment.statements import Statement
from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import atomic_folder, damage, read_json, read_jsonl, write_json, write_jsonl

Extra = Mapping[str, Sequence[object] | Mapping[str, object]]


class Written(Protocol):
    """Statements and what stands beside them: an augmentation, or several in one."""

    @property
    def statements(self) -> Sequence[Statement]:
        """The lines of ``corpus.jsonl``."""

    def to_dict(self) -> dict[str, object]:
        """Return what stands in ``augmentation.json``."""


T = TypeVar("T")
W = TypeVar("W", bound=Written)


def make_folder(folder: Path, make: Callable[[Journal], W], extra: Callable[[W], Extra] = lambda written: {}) -> W:
    """Make an augmentation and write it; a run that was killed or failed goes on with its journal.

    Args:
        folder: What appears.
        make: Makes the augmentation with the journal.
        extra: Further files by name: rows of JSON lines, or one JSON object.

    Raises:
        UsageError: The folder exists or cannot be written, or ``make`` says so; the journal is kept.
    """

    def lay(temporary: Path, written: W) -> None:
        write_jsonl(temporary / "corpus.jsonl", map(asdict, written.statements))
        for name, content in {**extra(written), "augmentation.json": written.to_dict()}.items():
            if isinstance(content, list):
                write_jsonl(temporary / name, content)
            else:
                write_json(temporary / name, content)

    return resumed(folder, make, lay)


def resumed(folder: Path, make: Callable[[Journal], T], lay: Callable[[Path, T], None]) -> T:
    """Make something with a journal and lay it into a folder, with the journal beside it.

    Args:
        folder: What appears.
        make: Makes it with the journal, which is kept until the folder is complete.
        lay: Writes it into an empty folder.

    Raises:
        UsageError: The folder exists or cannot be written, or ``make`` says so; the journal is kept.
    """
    if folder.exists():
        raise UsageError(f"{folder}: exists already; name another folder or remove it")
    work = folder.parent / f".{folder.name}.partial"
    journal = Journal(work / "journal.jsonl")
    made = make(journal)
    with atomic_folder(folder, manifest=True) as temporary:
        lay(temporary, made)
        if journal.path.exists():
            shutil.copy(journal.path, temporary / "journal.jsonl")
    shutil.rmtree(work, ignore_errors=True)
    return made


def read_folder(folder: Path) -> Augmentation:
    """Return the augmentation that ``make_folder`` wrote.

    Raises:
        UsageError: A file is missing or damaged.
    """
    if reason := damage(folder, hashes=True):  # it is going to be trained on
        raise UsageError(f"{folder}: damaged: {reason}")
    corpus, info = folder / "corpus.jsonl", folder / "augmentation.json"
    rows = [
        parsed(Statement, row, f"{corpus}, row {n}", strict=False) for n, row in enumerate(read_jsonl(corpus), start=1)
    ]
    return Augmentation(rows, parsed(Record, read_json(info), str(info), strict=False))
