"""Writes what kills have found into a page: ``python scripts/kills_table.py docs/reliability.md LOG``.

``LOG`` is what ``benchmarks/kills.py --log`` appends to. Between ``<!-- kills -->`` and ``<!-- /kills -->`` comes a line for each work: its
kills, by signal and by what they fell into, and how often it came through with the bytes of one that nobody disturbed.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

from icl_ft_plugin.report.table import markdown

PLACE = re.compile(r"(<!-- kills -->\n).*?(<!-- /kills -->)", re.DOTALL)
HEADER = ["work", "kills", "SIGKILL", "Ctrl-C", "they fell into", "came through"]


def table(lines: list[str]) -> str:
    """Return the table of a log's lines."""
    counts: dict[str, Counter[str]] = {}
    for line in lines:
        for work, counted in json.loads(line)["counts"].items():
            counts.setdefault(work, Counter()).update(counted)
    rows = [[name, *_row(counts[name])] for name in counts]
    return markdown([HEADER, *rows, ["all", *_row(sum(counts.values(), Counter()))]])


def _row(count: Counter[str]) -> list[str]:
    fell = {key.removeprefix("while "): n for key, n in count.most_common() if key.startswith("while ")}
    into = ", ".join(f"{key} {n}" for key, n in fell.items())
    return [f"{count['kills']}", f"{count['SIGKILL']}", f"{count['SIGINT']}", into, f"{count['came through']}"]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page, log = map(Path, sys.argv[1:])
    made = table(log.read_text(encoding="utf-8").splitlines())
    text = PLACE.sub(lambda place: f"{place[1]}\n{made}\n\n{place[2]}", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8", newline="\n")
