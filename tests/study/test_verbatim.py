"""The share of a trained arm's questions that stand with their answer in its rows, from the cell to every table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_data import told, write_study
from tiny_study import save_study

from icl_ft_plugin.arms.named import arm
from icl_ft_plugin.arms.rows import ROWS, readings
from icl_ft_plugin.families import generate
from icl_ft_plugin.files import read_json, write_jsonl
from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.html.page import render
from icl_ft_plugin.report.measures.verbatim import verbatim_rows
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import csv_records, to_csv, to_latex, to_markdown, to_rich
from icl_ft_plugin.report.table_rows import VERBATIM, compute_rows
from icl_ft_plugin.schema import Document
from icl_ft_plugin.study.cells.verbatim import verbatim_of
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.study.store import Store

FILE = "foreign.jsonl"
TITLE = "questions that stand with their answer in the rows, %"


def study(folder: Path, **changes: Any) -> Path:
    """A study with an arm that is trained on another tool's texts, which answer two facts' reversed questions in their own words."""
    entry = {"family": "reversal", "config": {"n_facts": 6, "documents_per_fact": 2, "misleading": 0}, "seeds": [0]}
    asked = [q for q in generate("reversal", 0, entry["config"]).questions if q.split == "reversal"]
    texts = [f"{q.prompt.upper()}\n{q.choices[q.gold[0]].removesuffix('.')}!" for q in asked[:2]]
    wrong = [f"{q.prompt} {q.choices[1 - q.gold[0]]}" for q in asked[2:]]
    write_jsonl(folder / FILE, [{"text": text} for text in [*texts, *wrong]])
    foreign = {"name": "ft+foreign", "corpus": ["documents", {"path": str(folder / FILE)}]}
    arms = ["pretrained", "ft", "ft+oracle", foreign]
    return save_study(folder, worlds=[entry], arms=arms, training_seeds=[0], steps=1, **changes)


def test_a_cell_says_by_split_what_stands_in_its_rows(tmp_path: Path) -> None:
    file = study(tmp_path)
    cells = {cell.labels.arm: cell for cell in plan(load_study(file))}
    world, store = cells["ft"].world.make(), Store(tmp_path / "out")
    (tmp_path / "out" / ".locks").mkdir()
    counts = {arm: verbatim_of(cell, world, store) for arm, cell in cells.items()}
    assert counts["pretrained"] is None
    for name in ("ft", "ft+oracle", "ft+foreign"):
        found = counts[name]
        assert found is not None and found.keys() == cells[name].tasks.keys()
        standing = {split: of.standing for split, of in found.items()}
        # "glon are less dangerous than femp" is what both kinds of reversed questions ask for.
        turned = {"reversal", "reversal_entity"} if name == "ft+foreign" else set()
        assert standing == {split: 2 if split in turned else 0 for split in found}
        assert sum(of.questions for of in found.values()) == len(world.questions)
    # An arm of chat rows is counted alike, and one that learns without rows is not.
    talk = replace(cells["ft+foreign"], arm=cells["ft+foreign"].arm.model_copy(update={"rows": "messages"}))
    assert verbatim_of(talk, world, store) == counts["ft+foreign"]
    assert verbatim_of(replace(cells["ft"], arm=arm("sdft")), world, store) is None


def test_a_study_that_is_run_has_it_in_its_ledgers_and_tables(tmp_path: Path) -> None:
    file = study(tmp_path)
    run_study(file, tmp_path / "out", overrides=["arms=[pretrained, ft]", "worlds.0.splits=[reversal]"])
    cells = plan(load_study(file, ["arms=[pretrained, ft]", "worlds.0.splits=[reversal]"]))
    ledgers = {cell.labels.arm: read_json(tmp_path / "out" / "cells" / cell.key / "ledger.json") for cell in cells}
    assert ledgers["ft"]["verbatim"] == {"reversal": {"questions": 6, "standing": 0}}
    assert ledgers["pretrained"]["verbatim"] is None
    (block,) = build_blocks(read_study(tmp_path / "out"))
    assert block.compute["ft"].verbatim == block.accuracy["ft", "reversal"].verbatim == 0
    assert block.compute["pretrained"].verbatim is None and len(verbatim_rows(block)) == 1


WORDINGS = st.lists(st.sampled_from([str.upper, str.lower, str.title]), min_size=1, max_size=4)


@settings(max_examples=25)
@given(st.sampled_from(sorted(ROWS.keys() - {"reverse", "masked"})), WORDINGS, st.integers(0, 5), st.booleans())
def test_a_statement_is_found_in_rows_of_every_form(rows: str, wordings: list[Any], place: int, closed: bool) -> None:
    from icl_ft_plugin.families.told import verbatim

    world = generate("reversal", 0, {"n_facts": 6, "documents_per_fact": 1, "misleading": 0})
    asked = [q for q in world.questions if q.split == "reversal"]
    right = f"{asked[place].prompt} {asked[place].choices[asked[place].gold[0]]}"
    said = " ".join(wordings[i % len(wordings)](word) for i, word in enumerate(right.split()))
    texts = (said if closed else said.removesuffix("."),)
    told = ROWS[rows](world, [*world.documents, Document("told", texts, (), style="local")])
    assert {q.id for q, *_ in verbatim(asked, (("", said) for row in told for said in readings(row)))} == {
        asked[place].id
    }
    plain = ROWS[rows](world, world.documents)
    assert not list(verbatim(world.questions, (("", said) for row in plain for said in readings(row))))


def counted(folder: Path, standing: dict[str, dict[str, int]]) -> Path:
    """A study of three worlds whose cells say how many of ten questions a split stand in their rows; arms left out do not say."""
    write_study(folder, told, by_split=True, worlds=(1, 2, 3), seeds=(0,), questions=10)
    for entry in json.loads((folder / "study.json").read_text(encoding="utf-8"))["cells"]:
        file = folder / "cells" / entry["key"] / "ledger.json"
        if entry["arm"] in standing:
            found = {split: {"questions": 10, "standing": n} for split, n in standing[entry["arm"]].items()}
            file.write_text(json.dumps({**read_json(file), "verbatim": found}), encoding="utf-8")
    return folder


def test_every_table_has_it_beside_the_tokens_and_the_findings_name_it(tmp_path: Path) -> None:
    given = {"ft": {"reversal": 0, "rephrase_entity": 0}, "ft+oracle": {"reversal": 3, "rephrase_entity": 0}}
    found = read_study(counted(tmp_path, given))
    (block,) = blocks = build_blocks(found)
    header, *rows = compute_rows(block)
    cells = {row[0]: row[header.index(VERBATIM)] for row in rows}
    assert cells == {"pretrained": "", "icl": "", "ft": "0.0", "ft+oracle": "15.0"}
    assert header.index(VERBATIM) == header.index("training tokens") + 1
    assert verbatim_rows(block) == [["arm", "reversal", "rephrase_entity"], ["ft", "0.0", "0.0"], ["ft+oracle", "30.0", "0.0"]]  # fmt: skip
    records = {(row["arm"], row["split"]): row["verbatim"] for row in csv.DictReader(io.StringIO(to_csv(csv_records(blocks))))}  # fmt: skip
    assert records["ft+oracle", "reversal"] == "0.3" and records["ft+oracle", "rephrase_entity"] == "0.0"
    assert records["icl", "reversal"] == ""
    for text in (to_markdown(found, blocks), render(found, blocks)):
        assert VERBATIM in text and TITLE in text.lower()
    assert TITLE.replace("%", "\\%") in to_latex(blocks)
    (terminal,) = [table for table in to_rich(block) if str(table.title).endswith("compute")]
    assert VERBATIM in [column.header for column in terminal.columns]
    sentences = [line for line in findings(block) if "in the rows of" in line]
    assert sentences == ["30% of the reversal questions stand with their answer in the rows of ft+oracle: memory answers them."]  # fmt: skip


def test_several_splits_are_one_sentence_and_a_few_questions_none(tmp_path: Path) -> None:
    given = {"ft": {"reversal": 0, "rephrase_entity": 0}, "ft+oracle": {"reversal": 5, "rephrase_entity": 10}}
    (block,) = build_blocks(read_study(counted(tmp_path, given)))
    (said,) = [line for line in findings(block) if "in the rows of" in line]
    assert said.startswith("50% of the reversal questions and 100% of the rephrase entity questions stand with")


def test_cells_of_older_versions_show_an_empty_cell(tmp_path: Path) -> None:
    found = read_study(counted(tmp_path, {"ft": {"reversal": 1, "rephrase_entity": 0}}))
    (block,) = blocks = build_blocks(found)
    header, *rows = compute_rows(block)
    cells = {row[0]: row[header.index(VERBATIM)] for row in rows}
    assert cells == {"pretrained": "", "icl": "", "ft": "5.0", "ft+oracle": ""}
    assert [row[0] for row in verbatim_rows(block)] == ["arm", "ft"]
    (old,) = build_blocks(read_study(counted(tmp_path / "old", {})))
    assert VERBATIM in compute_rows(old)[0] and not [line for line in findings(old) if "in the rows" in line]
    assert TITLE not in to_markdown(found, [old]) and "verbatim" in csv_records(blocks)[0]


@pytest.mark.parametrize("arms", [("pretrained", "icl")])
def test_where_nothing_is_trained_there_is_no_column(tmp_path: Path, arms: tuple[str, ...]) -> None:
    (block,) = build_blocks(read_study(write_study(tmp_path, told, by_split=True, arms=arms)))
    assert VERBATIM not in compute_rows(block)[0]
