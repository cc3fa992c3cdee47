"""Writes what large inputs take into a page: ``python scripts/size_table.py docs/reliability.md LOG``.

``LOG`` holds the lines that ``benchmarks/report.py``, ``benchmarks/own.py`` and ``benchmarks/study.py --plan 5000`` print; of each the last counts.
They come between ``<!-- size -->`` and ``<!-- /size -->``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from icl_ft_plugin.report.table import markdown

PLACE = re.compile(r"(<!-- size -->\n).*?(<!-- /size -->)", re.DOTALL)
HEADER = ["what", "seconds", "CPU seconds", "MB", "also"]


def table(found: list[dict[str, Any]]) -> str:
    """Return the table of the last line of each kind."""
    rows = [HEADER]
    for key, of in {"items": _report, "documents": _own, "cells": _plan}.items():
        if lines := [line for line in found if key in line]:
            rows += of(lines[-1])
    return markdown(rows)


def _used(name: str, used: dict[str, Any], also: str) -> list[str]:
    return [name, *(f"{used[key]}" for key in ("seconds", "cpu_seconds", "megabytes")), also]


def _report(line: dict[str, Any]) -> list[list[str]]:
    least, most = min(line["filters"].values()), max(line["filters"].values())
    shown = f"the page: {line['page_megabytes']} MB, first paint after {line['first_paint']} ms, filters {least} to {most} ms"
    return [_used(f"`report` of {line['items']:,} items: tables, figures, page, Parquet", line, shown)]


def _own(line: dict[str, Any]) -> list[list[str]]:
    name = f"{line['documents']:,} own documents"
    chosen = f"then {line['cpu_milliseconds_a_question']} ms a question; all evidence for {line['with_all_evidence']} of {line['questions']}"
    first = f"{line['first_question_cpu_seconds']}"
    return [
        _used(f"`data check` of {name}", line["check"], f"{line['documents'] // 100:,} questions"),
        _used("the same, `--model nano`", line["check_with_tokens"], "tokens counted"),
        [f"`context_tokens: {line['context_tokens']}` over them, the first question", "", first, "", chosen],
    ]


def _plan(line: dict[str, Any]) -> list[list[str]]:
    used = {key: line[f"dry_run_{key}"] for key in ("seconds", "cpu_seconds", "megabytes")}
    also = f"{line['worlds']} worlds; its plan alone {line['plan_seconds']} s"
    return [_used(f"`study --dry-run` of {line['cells']:,} cells", used, also)]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page, log = map(Path, sys.argv[1:])
    made = table([json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")])
    text = PLACE.sub(lambda place: f"{place[1]}\n{made}\n\n{place[2]}", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8", newline="\n")
