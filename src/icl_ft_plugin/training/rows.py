"""Training rows as TRL reads them: JSON lines of ``{"text": ...}`` or of ``{"prompt": ..., "completion": ...}``.

For example, the same document under the two loss masks::

    {"text": "Did you know that femp are more dangerous than glon?"}
    {"prompt": "Did you know that femp are", "completion": " more dangerous than glon?"}

The first trains on every token (mask ``"full"``), the second on the completion alone (mask ``"completion"``). TRL
turns an empty text into a row that holds the end token alone, and fails late on a stray column: rows are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import check_listed, read_jsonl

COLUMNS = {"full": ("text",), "completion": ("prompt", "completion")}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read and check a JSON-lines corpus.

    Args:
        path: The file, UTF-8, one object a line; empty lines are skipped.

    Returns:
        Its rows.

    Raises:
        UsageError: The file is missing or unreadable, a line is not JSON, or the rows are not as ``check_rows`` asks.
    """
    check_listed(Path(path))
    rows = read_jsonl(Path(path))
    check_rows(rows, str(path))
    return rows


def check_rows(rows: Sequence[Mapping[str, str]], place: str = "rows") -> str:
    """Check training rows.

    Args:
        rows: The rows; all of one form. A prompt may be empty, a text or completion may not.
        place: What messages call the rows.

    Returns:
        The loss mask that their form asks for, ``"full"`` or ``"completion"``.

    Raises:
        UsageError: There is no row; or a row has other columns, a value that is no string, or no text.
    """
    if not rows:
        raise UsageError(f"{place}: no training rows")
    mask = "completion" if isinstance(rows[0], Mapping) and "completion" in rows[0] else "full"
    columns = COLUMNS[mask]
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != set(columns):
            found = sorted(row) if isinstance(row, Mapping) else type(row).__name__
            raise UsageError(f"{place}: row {i}: columns {found} are not {list(columns)}; all rows must have one form")
        for column in columns:
            if not isinstance(row[column], str):
                raise UsageError(f"{place}: row {i}: {column}: {row[column]!r} is not a string")
        if not row[columns[-1]].strip():
            raise UsageError(f"{place}: row {i}: {columns[-1]}: empty; remove the row")
    return mask
