"""A study's archive: its report is made from it as from the study, and what is wrong with it is one message."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from report_data import told, write_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.report.store.archive import write_archive
from icl_ft_plugin.report.store.read import ScoredCell, read_study
from icl_ft_plugin.report.table import write_table


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", told, worlds=(0, 1, 2), seeds=(0, 1), questions=6, by_split=True)


def test_the_tables_of_an_archive_are_those_of_the_study(study: Path, tmp_path: Path) -> None:
    audit = study / "augmentations/abc/audit.json"
    audit.parent.mkdir(parents=True)
    audit.write_text('{"entailed": 0.5}')
    read = read_study(study)
    write_archive(read, tmp_path / "archive")
    shutil.move(study, tmp_path / "elsewhere")
    again = read_study(tmp_path / "archive")
    assert [(cell.labels, cell.ledger, cell.items, cell.again, cell.inferred) for cell in again.cells] == [
        (cell.labels, cell.ledger, cell.items, cell.again, cell.inferred) for cell in read.cells
    ]
    tables = [
        [file.read_text() for file in write_table(folder)[2]]
        for folder in (tmp_path / "archive", tmp_path / "elsewhere")
    ]
    assert tables[0] == tables[1]
    assert sorted(str(file.relative_to(tmp_path / "archive")) for file in (tmp_path / "archive").rglob("*.json*")) == [
        "augmentations/abc/audit.json",
        "cells.jsonl",
        "study.json",
        "table.json",
    ]


def test_cells_that_are_not_complete_are_missing_in_the_archive_too(study: Path, tmp_path: Path) -> None:
    key = json.loads((study / "study.json").read_text())["cells"][0]["key"]
    shutil.rmtree(study / "cells" / key)
    write_archive(read_study(study), tmp_path / "archive")
    again = read_study(tmp_path / "archive")
    assert again.planned == len(again.cells) + 1


def test_an_archive_grows_part_by_part(study: Path, tmp_path: Path) -> None:
    whole = read_study(study)
    plan = json.loads((study / "study.json").read_text())
    for chosen in (plan["cells"][::2], plan["cells"][1::2], plan["cells"][:3]):
        (study / "study.json").write_text(json.dumps({**plan, "cells": chosen}))
        write_archive(read_study(study), tmp_path / "archive")
    again = read_study(tmp_path / "archive")
    assert again.planned == whole.planned

    def by_key(cells: tuple[ScoredCell, ...]) -> dict[str, object]:
        return {cell.folder.name: (cell.labels, cell.ledger, cell.items) for cell in cells}

    assert by_key(again.cells) == by_key(whole.cells)


def test_an_archive_takes_no_other_study_and_no_other_folder_is_written_into(study: Path, tmp_path: Path) -> None:
    write_archive(read_study(study), tmp_path / "archive")
    plan = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**plan, "name": "other"}))
    with pytest.raises(UsageError, match="an archive of the study"):
        write_archive(read_study(study), tmp_path / "archive")
    with pytest.raises(UsageError, match="exists"):
        write_archive(read_study(study), tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("items.parquet", "PAR1", "not the table of a study"),
        ("cells.jsonl", "[1]\n", "row 1: not a cell of the archive of a study"),
        ("cells.jsonl", '{"key": "unknown", "ledger": {}}\n', "row 1: not a cell of the archive of a study"),
    ],
)
def test_a_damaged_archive_is_one_message(study: Path, tmp_path: Path, name: str, text: str, said: str) -> None:
    write_archive(read_study(study), tmp_path / "archive")
    (tmp_path / "archive" / name).write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        read_study(tmp_path / "archive")
    assert name in str(caught.value) and len(str(caught.value)) < 500
