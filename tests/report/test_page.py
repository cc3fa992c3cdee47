from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_data import paper_like, write_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.harness.index import task_files
from icl_ft_plugin.report.evidence import audit_table, curve_rows, loss_rows
from icl_ft_plugin.report.findings import at_a_glance, findings, is_share
from icl_ft_plugin.report.orderings import is_augmented
from icl_ft_plugin.report.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import write_table

HOSTILE = '<script>document.title="ran"</script><img src=x onerror=\'document.title="ran"\'></style>&amp;'


def blocks_of(folder: Path) -> list[Any]:
    return build_blocks(read_study(folder))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"), paper_like, questions=40)


@pytest.fixture(scope="module")
def written(study: Path) -> str:
    for name in ("altair", "vl_convert", "jinja2", "pyarrow"):
        pytest.importorskip(name)
    result = CliRunner().invoke(app, ["report", str(study)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_writes_page_figures_and_tables(study: Path, written: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    names = ["table.md", "table.csv", "table.json", "report.html", "table.parquet", "items.parquet"]
    names += ["figures/reversal-nano.svg", "figures/reversal-nano.png"]
    for name in names:
        assert (study / name).stat().st_size > 100 and f"{study / name}" in written.replace("\n", "")
    assert (study / "figures/reversal-nano.png").read_bytes().startswith(b"\x89PNG")
    items = pq.read_table(study / "items.parquet")
    assert items.num_rows == 2 * 40 * (1 + 1 + 3 + 3)
    assert items["scores"][0].as_py() in ([-2, -5], [-5, -2]) and set(items["arm"].to_pylist()) > {"icl", "ft"}
    assert pq.read_table(study / "table.parquet").num_rows == 8


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
    assert re.search(r"difference of 50 points \(95% interval \d+ to \d+\) is significant \(p\W[<=]\W0\.\d+", said[1])
    assert any("ft+oracle closes 80% of the gap" in text for text in said)
    assert "nowhere above chance" in said[-2]
    page = (study / "report.html").read_text(encoding="utf-8")
    found = page[page.index('<section id="found"') : page.index('<section id="b0"')]
    assert all(text.replace("+", "&#43;").replace("'", "&#39;") in found or text in found for text in said[:1])


@pytest.mark.parametrize(
    ("p", "p_holm", "words"),
    [
        (0.0001, 0.004, r"is significant \(p = 0\.004 after Holm's correction\)"),
        (
            0.003,
            0.48,
            r"taken alone \(p = 0\.003\), and not after Holm's correction for all \d+ pairs .* \(p = 0\.48\)",
        ),
        (0.2, 1.0, r"is not significant \(p = 1\.00 after Holm's correction\)"),
    ],
)
def test_a_difference_is_judged_alone_and_among_all(tmp_path: Path, p: float, p_holm: float, words: str) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm == "icl" or (arm != "ft" and i % 5 > 0))
    (block,) = blocks_of(tmp_path)
    for record in block.comparisons:
        record.update(p=p, p_holm=p_holm)
    said = findings(block)[1].replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(words, said), said


def test_below_chance_is_called_below_chance(tmp_path: Path) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm == "icl" or (arm != "ft" and i % 2 == 0))
    (block,) = blocks_of(tmp_path)
    assert "0% (chance 50%: this is below chance)." in findings(block)[0]
    assert block.accuracy["ft", "reversal"]["against_chance"] == "below"


def test_no_gap_where_icl_does_not_beat_ft(tmp_path: Path) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm != "icl" and i % 5 > 0)
    (block,) = blocks_of(tmp_path)
    (gap, _) = block.gaps
    assert gap["closed"] is None and "icl does not beat ft" in gap["reason"]
    assert any("no gap to close" in text for text in findings(block))
    assert "| ft+oracle | undefined | undefined |" in write_and_read(tmp_path)


@pytest.mark.parametrize(
    ("low", "closed", "high", "words"),
    [
        (0.63, 0.8, 0.97, "ft+oracle closes 80% of the gap between the two (95% interval 63% to 97%)."),
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
    for gap in block.gaps:
        gap.update(low=low, closed=closed, high=high)
    assert any(words in text for text in findings(block))
    assert is_share(block.gaps[0]) == ("95% interval" in words)


def write_and_read(folder: Path) -> str:
    return write_table(folder)[2][0].read_text(encoding="utf-8")


def test_orderings_are_judged_by_what_was_put_in(study: Path, tmp_path: Path) -> None:
    verdicts = {record["claim"]: record for record in blocks_of(study)[0].orderings}
    assert verdicts["icl: beats ft"]["verdict"] == "reproduced" and verdicts["icl: beats ft"]["p"] < 0.001
    assert verdicts["ft+oracle: beats ft"]["verdict"] == "reproduced"
    assert verdicts["ft+oracle: beats icl"]["verdict"] == "not reproduced"
    assert verdicts["pretrained: at chance with a bare question"]["verdict"] == "cannot be told", "40 facts are too few"
    write_study(tmp_path, paper_like, questions=400, seeds=(0,), arms=("pretrained", "icl", "ft"))
    many = {record["claim"]: record["verdict"] for record in blocks_of(tmp_path)[0].orderings}
    assert many["pretrained: at chance with a bare question"] == many["ft: about chance"] == "reproduced"
    assert many["augmented ft: beats ft"] == "not run"


def test_a_model_that_turns_the_ordering_round_is_not_reproduced(tmp_path: Path) -> None:
    write_study(tmp_path, lambda arm, world, i, seed: arm != "icl" or i % 4 == 0, questions=40)
    verdicts = {record["claim"]: record["verdict"] for record in blocks_of(tmp_path)[0].orderings}
    assert verdicts["icl: beats ft"] == verdicts["ft: about chance"] == "not reproduced"


def test_orderings_name_splits_that_have_tasks_and_arms_that_are_augmentations() -> None:
    there = {(task.family, task.split) for task in task_files()}
    claimed = {
        (family.name, name) for family in FAMILIES.values() for name, split in family.splits.items() if split.claims
    }
    assert claimed and claimed <= there
    assert [a for a in ("ft+local", "ft+rephrase", "ft+oracle", "ft+reverse", "icl") if is_augmented(a)] == [
        "ft+local",
        "ft+oracle",
    ]


def test_worlds_are_pooled_and_their_variance_is_shown(tmp_path: Path) -> None:
    write_study(tmp_path, paper_like, worlds=(0, 1, 2))
    (block,) = blocks_of(tmp_path)
    record = block.accuracy["ft", "reversal"]
    assert record["n"] == 180 and record["facts"] == 60
    assert record["variance"]["world"] is not None and record["variance"]["seed"] is not None
    assert block.accuracy["icl", "reversal"]["variance"]["seed"] is None


def test_two_models_are_shown_side_by_side(tmp_path: Path) -> None:
    write_study(tmp_path / "a", paper_like)
    rows = at_a_glance(blocks_of(tmp_path / "a") * 2)
    assert rows[0] == ["", "chance", "pretrained", "icl", "ft", "ft+oracle"]
    assert rows[1][:4] == ["Simple reversals, nano: reversal", "50", "50", "100"] and len(rows) == 3


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
    assert {(row["arm"], row["step"], row["value"]) for row in loss_rows(found.cells)} == {
        ("ft", 10, 2.0), ("ft", 20, 1.0), ("ft+oracle", 10, 2.0), ("ft+oracle", 20, 1.0),
    }  # fmt: skip
    assert not curve_rows(found.cells) and not audit_table(found)
    curve = next(cell.folder for cell in found.cells if cell.labels["arm"] == "ft") / "curve.jsonl"
    curve.write_text('{"step": 10, "split": "reversal", "accuracy": 0.25}\n')
    for name, strategy in (("abc", "local"), ("def", "global")):
        place = folder / "augmentations" / name
        place.mkdir(parents=True)
        audit = {"precision": 2 / 3, "coverage": {"reversed": 0.5}, "examples": ["x"]}
        (place / "audit.json").write_text(json.dumps(audit))
        (place / "augmentation.json").write_text(json.dumps({"strategies": {strategy: {}}}))
    assert curve_rows(read_study(folder).cells)["reversal"][0]["value"] == 0.25
    assert audit_table(read_study(folder)) == [
        ["augmentation", "precision", "coverage, reversed"], ["local (abc)", "0.667", "0.5"], ["global (def)", "0.667", "0.5"],
    ]  # fmt: skip
    pytest.importorskip("altair")
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Audit of the augmentations" in page and "were not recorded" not in page and "accuracy: reversal" in page
    curve.write_text('{"step": 10}\n')
    with pytest.raises(UsageError, match=r"curve\.jsonl: not a line of a learning curve"):
        curve_rows(read_study(folder).cells)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{study}", "--out", "{tmp}/none/page.html"], "folder that exists"),
        (["{study}", "{study}"], "one study at a time"),
        (["{tmp}"], "no study there"),
        (["{tmp}", "{tmp}"], "no samples_icl_ft_"),
    ],
)
def test_wrong_uses_are_one_message(arguments: list[str], message: str, study: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", *(a.format(study=study, tmp=tmp_path) for a in arguments)])
    assert result.exit_code == 2 and message in result.output.replace("\n", " ")


def test_without_the_extra_the_table_is_still_written(study: Path, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", paper_like, seeds=(0,))
    program = f"""
import sys
from importlib import util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("altair", "vl_convert") else find(name, *rest)
from icl_ft_plugin.cli.app import main
sys.argv = ["icl-ft", "report", {str(folder)!r}, *sys.argv[1:]]
main()
"""
    run = [sys.executable, "-c", program]
    plain = subprocess.run(run, capture_output=True, text=True)
    assert plain.returncode == 0 and "no page: altair, vl_convert not installed" in plain.stdout, plain.stderr
    assert (folder / "table.md").is_file() and not (folder / "report.html").exists()
    asked = subprocess.run([*run, "--out", str(tmp_path / "page.html")], capture_output=True, text=True)
    assert asked.returncode == 2 and "pip install 'icl-ft-plugin[report]'" in asked.stderr
