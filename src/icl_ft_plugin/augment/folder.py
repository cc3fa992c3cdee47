"""An augmentation as a folder, which appears complete or not at all.

For example ``runs/local/corpus.jsonl`` (one statement a line, see ``statements``), ``augmentation.json`` (settings, model, hashes,
token counts) and ``journal.jsonl`` (every answer). While it is made, the journal is ``runs/.local.partial/journal.jsonl``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.statements import Augmentation, Row
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import atomic_folder, read_jsonl, write_jsonl

Extra = Mapping[str, list[Any] | dict[str, Any]]


def make_folder(
    folder: Path,
    make: Callable[[Journal], Augmentation],
    extra: Callable[[Augmentation], Extra] = lambda augmentation: {},
) -> Augmentation:
    """Make an augmentation and write it; a run that was killed or failed goes on with its journal.

    Args:
        folder: What appears.
        make: Makes the augmentation with the journal.
        extra: Further files by name: rows of JSON lines, or one JSON object.

    Raises:
        UsageError: The folder exists or cannot be written, or ``make`` says so; the journal is kept.
    """
    if folder.exists():
        raise UsageError(f"{folder}: exists already; name another folder or remove it")
    work = folder.parent / f".{folder.name}.partial"
    journal = Journal(work / "journal.jsonl")
    augmentation = make(journal)
    with atomic_folder(folder) as temporary:
        write_jsonl(temporary / "corpus.jsonl", augmentation.rows)
        for name, content in {**extra(augmentation), "augmentation.json": augmentation.info}.items():
            if isinstance(content, list):
                write_jsonl(temporary / name, content)
            else:
                text = json.dumps(content, indent=2, ensure_ascii=False)
                (temporary / name).write_text(text + "\n", encoding="utf-8")
        if journal.path.exists():
            shutil.copy(journal.path, temporary / "journal.jsonl")
    shutil.rmtree(work, ignore_errors=True)
    return augmentation


def read_folder(folder: Path) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows and the information that ``make_folder`` wrote.

    Raises:
        UsageError: A file is missing or damaged.
    """
    rows = read_jsonl(folder / "corpus.jsonl") if (folder / "corpus.jsonl").stat().st_size else []
    try:
        return rows, json.loads((folder / "augmentation.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder}: not an augmentation (augmentation.json: {error})") from error
