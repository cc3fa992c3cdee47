"""Text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from icl_ft_plugin.errors import printable


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line per row, the first column to the left and the others to the right."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
