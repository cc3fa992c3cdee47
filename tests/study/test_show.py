from __future__ import annotations

import pytest

from icl_ft_plugin.study.progress.show import aligned

ROWS = [("", "cells", "tokens trained on"), ("a model, its worlds, an arm", "3", "~136,512"), ("all", "18", "0")]


def test_columns_are_aligned() -> None:
    assert aligned(ROWS) == [
        "                             cells  tokens trained on",
        "a model, its worlds, an arm      3           ~136,512",
        "all                             18                  0",
    ]


@pytest.mark.parametrize("width", [80, 40, 30])
def test_cells_are_folded_where_lines_are_too_long(width: int) -> None:
    found = aligned(ROWS, width)
    assert len(found) == len(ROWS) and max(len(line) for row in found for line in row.split("\n")) <= width
    assert sorted(" ".join(found).split()) == sorted(" ".join(map(" ".join, ROWS)).split()), "no word is cut"


def test_a_folded_row_goes_on_in_its_columns() -> None:
    assert aligned(ROWS, 40)[1] == "a model, its worlds, an      3  ~136,512\n" + "arm".ljust(40)


def test_what_cannot_be_printed_is_escaped() -> None:
    assert aligned([("a\x1b[2J", "1")]) == ["a\\x1b[2J  1"]
