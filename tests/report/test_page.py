from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_data import paper_like, told, write_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.harness.index import task_files
from icl_ft_plugin.report.evidence import audit_table, curves, losses
from icl_ft_plugin.report.findings import at_a_glance, findings, is_share
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.report.write import Report

HOSTILE = '<script>document.title="ran"</script><img src=x onerror=\'document.title="ran"\'></style>&amp;'


def blocks_of(folder: Path) -> list[Any]:
    return build_blocks(read_study(folder))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"), told, worlds=(0, 1, 2), seeds=(0, 1), by_split=True)


@pytest.fixture(scope="module")
def written(study: Path) -> str:
    for name in ("altair", "vl_convert", "jinja2", "pyarrow"):
        pytest.importorskip(name)
    result = CliRunner().invoke(app, ["report", str(study)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_writes_page_figures_and_tables(study: Path, written: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    names = ["table.md", "table.csv", "table.json", "report.html", "table.parquet", "table.tex", "items.parquet"]
    names += ["items.R", "items.py", *(f"figures/reversal-nano.{kind}" for kind in ("svg", "pdf", "png"))]
    for name in names:
        assert (study / name).stat().st_size > 100 and f"{study / name}" in written.replace("\n", "")
    assert (study / "figures/reversal-nano.png").read_bytes().startswith(b"\x89PNG")
    assert (study / "figures/reversal-nano.pdf").read_bytes().startswith(b"%PDF")
    items = pq.read_table(study / "items.parquet")
    assert items.num_rows == 3 * 2 * 20 * (1 + 1 + 2 + 2)
    formula = (study / "items.R").read_text(encoding="utf-8")
    for column in re.findall(r"\(1 \| ([a-z:]+)\)", formula):
        assert set(column.split(":")) <= set(items.column_names), "the formula's columns are there"
    assert "(1 | world:first)" in formula and "lme4::glmer" in formula and "brms::brm" in formula
    assert items["scores"][0].as_py() in ([-2, -5], [-5, -2]) and set(items["arm"].to_pylist()) > {"icl", "ft"}
    assert pq.read_table(study / "table.parquet").num_rows == 8


def test_a_report_is_a_line_where_it_is_named_and_tables_where_it_is_shown(study: Path) -> None:
    read, blocks, files = write_table(study)
    made = Report(read, tuple(blocks), tuple(files))
    assert repr(made) == f"<Report {read.name!r}: 18 of 18 cells, 4 files in {str(study)!r}>"
    assert made._repr_markdown_() == str(made) == (study / "table.md").read_text(encoding="utf-8")


def test_the_page_needs_no_network_and_is_the_same_each_time(study: Path, written: str, tmp_path: Path) -> None:
    page = (study / "report.html").read_text(encoding="utf-8")
    links = set(re.findall(r"""(?:href|src)=["']([^"']*)""", page)) - {""}
    assert links and all(link.startswith("#") for link in links)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids)), "one drawing's clipping must not apply to another's"
    assert not re.search(r"@import|url\((?!#)", page)
    again = tmp_path / "again.html"
    assert CliRunner().invoke(app, ["report", str(study), "--out", str(again)]).exit_code == 0
    assert again.read_text(encoding="utf-8") == page and (tmp_path / "figures").is_dir()


def test_the_first_screen_says_what_was_found(study: Path, written: str) -> None:
    said = findings(blocks_of(study)[0])
    assert said[0] == (
        "In context, nano answers 100% of the reversal questions; finetuned on the same documents, 50% (chance 50%)."
    )
    assert re.search(
        r"difference of 50 points \(95% interval \d+ to \d+\) is significant \(p\W[<=]\W0\.\d+, one-sided, corrected for 1 "
        r"primary claim\)",
        said[1],
    )
    assert any("ft+oracle closes 80% of the gap" in text for text in said)
    page = (study / "report.html").read_text(encoding="utf-8")
    found = page[page.index('<section id="found"') : page.index('<section id="b0"')]
    assert all(text.replace("+", "&#43;").replace("'", "&#39;") in found or text in found for text in said[:1])
    assert "3 worlds. 95% intervals are for new worlds" in page and "this world only" not in page


def test_with_one_world_the_page_and_its_figures_say_this_world_only(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    folder = write_study(tmp_path, paper_like, seeds=(0,))
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    titles = re.findall(r">((?:reversal|rephrase entity)[^<]*)</text>", page)
    assert len(titles) >= 5 and all("(this world only)" in title for title in titles)
    assert "Simple reversals, nano (this world only)" in page and "not tested" in page
    assert "this world only" in (folder / "figures" / "reversal-nano.svg").read_text(encoding="utf-8")
    assert '"verdict reproduced"' not in page and "↓" not in page.partition('<section id="method">')[0]


def test_below_chance_is_called_below_chance(tmp_path: Path) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm == "icl" or (arm != "ft" and i % 2 == 0), worlds=(0, 1, 2))
    (block,) = blocks_of(tmp_path)
    assert "0% (chance 50%: this is below chance)." in findings(block)[0]
    assert block.accuracy["ft", "reversal"].against_chance == "below"


def test_no_gap_where_icl_does_not_beat_ft(tmp_path: Path) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm != "icl" and i % 5 > 0, worlds=(0, 1, 2))
    (block,) = blocks_of(tmp_path)
    (gap, _) = block.gaps
    assert gap.closed is None and "icl does not beat ft" in gap.reason
    assert any("no gap to close" in text for text in findings(block))
    assert "| ft+oracle | undefined | undefined |" in write_and_read(tmp_path)


@pytest.mark.parametrize(
    ("low", "closed", "high", "words"),
    [
        (0.63, 0.8, 0.97, "ft+oracle closes 80% of the gap between the two (95% interval 63% to 97%)"),
        (1.95, 3.83, 61.0, "ft+oracle closes at least 195% of the gap between the two, which is too small to say more"),
        (0.4, 0.9, None, "ft+oracle closes at least 40% of the gap"),
        (-6.25, -0.93, -0.08, "ft+oracle: how much of the gap between the two it closes cannot be told"),
        (None, 0.9, None, "cannot be told"),
    ],
)
def test_a_share_of_next_to_nothing_is_no_headline(
    tmp_path: Path, low: float | None, closed: float, high: float | None, words: str
) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm == "icl" or (arm != "ft" and i % 5 > 0))
    (block,) = blocks_of(tmp_path)
    block = replace(block, gaps=[replace(gap, low=low, closed=closed, high=high) for gap in block.gaps])
    assert any(words in text for text in findings(block))
    assert is_share(block.gaps[0]) == ("95% interval" in words)


def write_and_read(folder: Path) -> str:
    return write_table(folder)[2][0].read_text(encoding="utf-8")


def test_claims_are_judged_by_what_was_put_in(study: Path) -> None:
    block = blocks_of(study)[0]
    said = {f"{each.arm}: {each.claim}": each for each in block.verdicts}
    assert said["icl: beats ft"].verdict == "reproduced" and said["icl: beats ft"].primary
    assert said["icl: beats ft"].p is not None and said["icl: beats ft"].p < 0.01
    assert said["ft+oracle: beats ft"].verdict == "reproduced" and not said["ft+oracle: beats ft"].primary
    assert said["ft+oracle: beats icl"].verdict == "not reproduced"


def test_a_model_that_turns_the_ordering_round_is_not_reproduced(tmp_path: Path) -> None:
    def right(arm: str, world: int, i: int, seed: int | None, split: str) -> bool:
        return split != "reversal" or arm != "icl" or (i + world) % 4 == 0

    write_study(tmp_path, right, questions=41, worlds=(0, 1, 2), by_split=True)
    said = {f"{each.arm}: {each.claim}": each.verdict for each in blocks_of(tmp_path)[0].verdicts}
    assert said["icl: beats ft"] == said["ft: about chance"] == "not reproduced"


def test_claims_name_splits_that_have_tasks() -> None:
    there = {(task.family, task.split) for task in task_files()}
    claimed = {(f.name, name) for f in FAMILIES.values() for name, split in f.splits.items() if split.claims}
    assert claimed and claimed <= there


def test_worlds_are_pooled_and_their_variance_is_shown(tmp_path: Path) -> None:
    write_study(tmp_path, paper_like, worlds=(0, 1, 2))
    (block,) = blocks_of(tmp_path)
    record = block.accuracy["ft", "reversal"]
    assert (record.n, record.facts, record.worlds) == (180, 60, 3)
    assert record.variance.world is not None and record.variance.run is not None
    assert block.accuracy["icl", "reversal"].variance.run is None
    assert record.facts_low is not None and set(record.world_seeds) == {"0", "1", "2"}


def test_two_models_are_shown_side_by_side(tmp_path: Path) -> None:
    write_study(tmp_path / "a", paper_like)
    rows = at_a_glance(blocks_of(tmp_path / "a") * 2)
    assert rows[0] == ["", "chance", "pretrained", "icl", "ft", "ft+oracle"]
    assert rows[1][:4] == ["Simple reversals, nano (this world only): reversal", "50", "50", "100"] and len(rows) == 3


def test_text_of_models_and_worlds_cannot_end_where_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    study = write_study(
        tmp_path / "s", paper_like, model=HOSTILE, label=HOSTILE, question=HOSTILE, choices=[HOSTILE, HOSTILE + "2"],
        labels={HOSTILE: "a", "gold_word": HOSTILE}, arms=("icl", "ft", f"ft+{HOSTILE}"), splits=("reversal", HOSTILE[:30].replace("/", "")),
    )  # fmt: skip
    result = CliRunner().invoke(app, ["report", str(study), "--out", str(tmp_path / "page.html")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<script\b", page)) == len(re.findall(r"</script>", page)) == 2
    assert not re.search(r"<img\b", page) and len(re.findall("</style>", page)) == 1
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert data["blocks"][0]["questions"][0]["question"] == HOSTILE


def test_losses_curves_and_audits(study: Path, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", paper_like, seeds=(0,))
    found = read_study(folder)
    assert {(point.arm, point.step, point.value) for point in losses(found.cells)} == {
        ("ft", 10, 2.0), ("ft", 20, 1.0), ("ft+oracle", 10, 2.0), ("ft+oracle", 20, 1.0),
    }  # fmt: skip
    assert not curves(found.cells) and not audit_table(found)
    curve = next(cell.folder for cell in found.cells if cell.labels.arm == "ft") / "curve.jsonl"
    curve.write_text('{"step": 10, "split": "reversal", "accuracy": 0.25}\n')
    for name, strategy in (("abc", "local"), ("def", "global")):
        place = folder / "augmentations" / name
        place.mkdir(parents=True)
        audit = {"precision": 2 / 3, "coverage": {"reversed": 0.5}, "examples": ["x"]}
        (place / "audit.json").write_text(json.dumps(audit))
        (place / "augmentation.json").write_text(json.dumps({"strategies": {strategy: {}}}))
    assert curves(read_study(folder).cells)["reversal"][0].value == 0.25
    assert audit_table(read_study(folder)) == [
        ["augmentation", "precision", "coverage, reversed"], ["global (def)", "0.667", "0.5"], ["local (abc)", "0.667", "0.5"],
    ]  # fmt: skip
    pytest.importorskip("altair")
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Audit of the augmentations" in page and "were not recorded" not in page and "accuracy: reversal" in page
    curve.write_text('{"step": 10}\n')
    with pytest.raises(UsageError, match=r"curve\.jsonl: not a line of a learning curve"):
        curves(read_study(folder).cells)
