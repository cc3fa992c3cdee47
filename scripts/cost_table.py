"""Writes what studies cost into a page: ``python scripts/cost_table.py docs/reproduce.md``.

Between ``<!-- costs STUDY ... -->`` and ``<!-- /costs -->`` comes the last line of ``icl-ft study STUDY --dry-run`` for each study named,
in the order of their minutes, all with one order of the documents in the prompt and with the rates that ship.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.report.table import markdown

PLACE = re.compile(r"(<!-- costs ([\w -]+) -->\n).*?(<!-- /costs -->)", re.DOTALL)
HEADER = ["study", "cells", "tokens trained on", "tokens written", "prompt tokens", "minutes"]


def cost(study: str) -> list[str]:
    """Return a row of the table."""
    done = CliRunner().invoke(app, ["study", study, "--dry-run", "--set", "context_seeds=[0]"])
    if done.exit_code:
        raise SystemExit(done.output)
    total = next(line for line in done.stdout.splitlines() if line.startswith("all "))
    cells, _, *rest = total.removeprefix("all").split()
    return [f"`{study}`", cells, *rest]


def table(place: re.Match[str]) -> str:
    """Return the table in its place."""
    rows = sorted(map(cost, place[2].split()), key=lambda row: float(row[-1].strip("~").replace(",", "")))
    return f"{place[1]}\n{markdown([HEADER, *rows])}\n\n{place[3]}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    page = Path(sys.argv[1])
    page.write_text(PLACE.sub(table, page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
