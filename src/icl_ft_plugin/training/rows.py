"""Training rows as TRL reads them: JSON lines of ``text``, of ``prompt`` and ``completion``, or of ``messages``.

For example, the same document under the three loss masks::

    {"text": "Did you know that femp are more dangerous than glon?"}
    {"prompt": "Did you know that femp are", "completion": " more dangerous than glon?"}
    {"messages": [{"role": "user", "content": "Did you know that femp are"},
                  {"role": "assistant", "content": "more dangerous than glon?"}]}

The first trains on every token (mask ``"full"``), the second on the completion alone (mask ``"completion"``), the third on
the last turn alone (mask ``"assistant"``), whatever the template: the turns before it are TRL's ``prompt``, laid out as a
question is, so that no template needs marks of what the assistant says. TRL
turns an empty text into a row that holds the end token alone, and fails late on a stray column: rows are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.files import check_listed, read_jsonl

COLUMNS = {"full": ("text",), "completion": ("prompt", "completion"), "assistant": ("messages",)}


def read_rows(path: Path) -> list[dict[str, Any]]:
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


def check_rows(rows: Sequence[Mapping[str, Any]], place: str = "rows") -> str:
    """Check training rows.

    Args:
        rows: The rows; all of one form. A prompt may be empty, a text or completion may not.
        place: What messages call the rows.

    Returns:
        The loss mask that their form asks for, ``"full"``, ``"completion"`` or ``"assistant"``.

    Raises:
        UsageError: There is no row; or a row has other columns, a value that is no string, or no text.
    """
    if not rows:
        raise UsageError(f"{place}: no training rows")
    first = rows[0] if isinstance(rows[0], Mapping) else {}
    mask = next((mask for mask, columns in COLUMNS.items() if columns[-1] in first), "full")
    columns = COLUMNS[mask]
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != set(columns):
            found = sorted(row) if isinstance(row, Mapping) else type(row).__name__
            raise UsageError(f"{place}: row {i}: columns {found} are not {list(columns)}; all rows must have one form")
        if mask == "assistant":
            _check_turns(row["messages"], f"{place}: row {i}: messages")
            continue
        for column in columns:
            if not isinstance(row[column], str):
                raise UsageError(f"{place}: row {i}: {column}: {row[column]!r} is not a string")
        if not row[columns[-1]].strip():
            raise UsageError(f"{place}: row {i}: {columns[-1]}: empty; remove the row")
    return mask


def _check_turns(turns: object, place: str) -> None:
    if not isinstance(turns, list) or len(turns) < 2:
        raise UsageError(f"{place}: {shown(turns)} is no list of turns, at least the user's and the assistant's")
    for number, turn in enumerate(turns):
        if not isinstance(turn, Mapping) or set(turn) != {"role", "content"}:
            raise UsageError(f"{place}[{number}]: {shown(turn)} is not of the form {{role: ..., content: ...}}")
        if not isinstance(turn["content"], str) or not turn["content"].strip():
            raise UsageError(f"{place}[{number}].content: {shown(turn['content'])} is no text")
    if turns[-1]["role"] != "assistant":
        raise UsageError(
            f"{place}: the last turn is {shown(turns[-1]['role'])}'s: the loss is on the assistant's, the last"
        )


def as_trl(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as a trainer of TRL takes them: of a chat, the last turn is what its prompt is completed by."""
    return [
        {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} if "messages" in row else dict(row)
        for row in rows
    ]
