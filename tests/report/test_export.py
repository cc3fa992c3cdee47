"""What leaves the report for a paper: LaTeX tables, and the mixed model fitted in Python to the table of questions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_data import paper_like, told, write_study

from icl_ft_plugin.report.store import parquet
from icl_ft_plugin.report.store.export import write_items
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import latex, to_latex, to_markdown


def test_a_latex_table_has_booktabs_rules_and_nothing_that_latex_would_read() -> None:
    text = latex([["arm", "a_b"], ["50% & {x}", "12.0 [1.0, 2.0] ↓ °"], ["[x] \\~^#$", ""]], "1_2")
    assert text.splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{1\_2}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"arm & a\_b \\",
        r"\midrule",
        r"50\% \& \{x\} & 12.0 {[}1.0, 2.0] $\downarrow$ $^{\circ}$ \\",
        r"{[}x] \textbackslash{}\textasciitilde{}\textasciicircum{}\#\$ &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_every_table_of_the_report_is_there_in_latex_with_the_same_cells(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, told, worlds=(0, 1, 2), seeds=(0,), by_split=True))
    blocks = build_blocks(study)
    tex, markdown = to_latex(blocks), to_markdown(study, blocks)
    assert tex.count(r"\begin{tabular}") == tex.count(r"\bottomrule") == markdown.count("\n| --- |") > 3
    for part in re.findall(r"\\begin{tabular}{(l.*?)}\n\\toprule\n(.*?)\\bottomrule", tex, re.DOTALL):
        for line in part[1].splitlines():
            assert line == r"\midrule" or len(re.findall(r"(?<!\\)&", line)) == len(part[0]) - 1
    numbers = re.findall(r"\d+\.\d [\[{]", tex.replace("{[}", "["))
    assert numbers == re.findall(r"\d+\.\d [\[{]", markdown) and len(numbers) > 8


@pytest.mark.slow
def test_the_python_script_fits_the_model_to_the_table_beside_it(tmp_path: Path) -> None:
    study = write_study(tmp_path, told, worlds=(0, 1, 2, 3), seeds=(0, 1), questions=12, by_split=True)
    _, _, script = write_items(read_study(study), tmp_path)
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Mixed Linear Model Regression Results") == 2
    for row in ("C(arm)[T.icl]", "world Var", "first Var", "arm Var"):
        assert row in done.stdout
    means = {
        arm: float(m) for arm, m in re.findall(r"^C\(arm\)\[T\.([\w+]+)\]\s+(-?[\d.]+)", done.stdout, re.MULTILINE)
    }
    assert means["icl"] > 0.3 and abs(means["pretrained"]) < 0.3, "ft is the level that the others are compared with"


def test_columns_are_as_arrow_would_make_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [
        {"text": text, "whole": whole, "real": real, "yes": yes, "texts": texts, "reals": reals}
        for text, whole, real, yes, texts, reals in [
            ("", 2**60, 0.1, True, ["ä", ""], []),
            ("日本\x00", None, None, None, [], [1.5, float("-inf")]),
            (None, -1, -0.0, False, ["b"], [2.0]),
        ] * 3
    ]  # fmt: skip
    kinds = {"text": str, "whole": int, "real": float, "yes": bool, "texts": [str], "reals": [float]}
    monkeypatch.setattr(parquet, "AT_A_TIME", 4)
    parquet.write_rows(tmp_path / "rows.parquet", rows, kinds)
    read = pq.read_table(tmp_path / "rows.parquet")
    read.validate(full=True)
    assert read == pa.Table.from_pylist(rows) and read.to_pylist() == rows
    none = [{"reals": [], "texts": []}] * 3  # written answers have no choices
    parquet.write_rows(tmp_path / "none.parquet", none, {"reals": [float], "texts": [str]})
    assert pq.read_table(tmp_path / "none.parquet").to_pylist() == none
    plain = [{name: row[name] for name in ("text", "whole", "real", "yes")} | {"none": None} for row in rows]
    assert parquet.kinds_of(plain) == {"text": str, "whole": int, "real": float, "yes": bool, "none": str}
    assert parquet.kinds_of([{"a": 1}, {"a": 0.5}]) == {"a": float}


def test_a_question_of_many_cells_is_held_once(tmp_path: Path) -> None:
    first, second, *_ = read_study(write_study(tmp_path, paper_like)).cells
    for ours, theirs in zip(first.items, second.items, strict=True):
        for name in ("id", "question", "choices", "ways", "labels", "gold"):
            assert getattr(ours, name) is getattr(theirs, name)
