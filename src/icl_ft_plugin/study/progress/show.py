"""Text for a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from icl_ft_plugin.errors import printable

GAP = "  "


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Return a text per row, the first column to the left and the others to the right.

    Args:
        rows: Cells, as many in each row.
        width: Most characters of a line; cells are folded where they take more. By default those of the terminal, if there is
            one; a file's lines are not folded.
    """
    rows = [tuple(map(printable, row)) for row in rows]
    columns = list(zip(*rows, strict=True))
    most = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    widths = _widths(columns, (most or sys.maxsize) - len(GAP) * (len(columns) - 1))
    return ["\n".join(_lines(row, widths)) for row in rows]


def _widths(columns: Sequence[Sequence[str]], most: int) -> list[int]:
    """Return the widths of columns: of their longest cells, as far as they fit; then of less, but no word is cut."""
    widths = [max(map(len, column)) for column in columns]
    least = [max((len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    while sum(widths) > most:
        # Headings give way first, where there is most to give; then what the rows are called.
        slack = max(range(len(widths)), key=lambda i: (widths[i] - least[i] > 0, i > 0, widths[i] - least[i]))
        if widths[slack] <= least[slack]:
            break
        widths[slack] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    folded = [
        textwrap.wrap(cell, width or 1, break_on_hyphens=False) or [""] for cell, width in zip(row, widths, strict=True)
    ]
    return [
        GAP.join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])])
        for first, *others in zip_longest(*folded, fillvalue="")
    ]
