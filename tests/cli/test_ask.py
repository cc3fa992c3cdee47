"""``icl-ft data ask``: questions that a model writes, sifted by a real model's likelihoods, marked as what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import augment_models  # noqa: F401 - registers the models
import pytest
from typer.testing import CliRunner

from icl_ft_plugin.augment.questions.write import KEPT, KNOWN
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.blocks import whole
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.own.lines import DIRECT
from icl_ft_plugin.paths import examples_dir, models_dir

NANO = models_dir() / "nano"


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_documents(folder: Path, documents: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / own.DOCUMENTS).write_text("".join(f"{json.dumps(row)}\n" for row in documents))
    return folder


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve comparisons in the embedded model's own words, as own documents."""
    world = generate("reversal", 0, {"n_facts": 12, "misleading": 0})
    texts = [{"id": fact.id, "text": f"Everyone agrees that {fact.text}"} for fact in world.facts]
    return write_documents(tmp_path_factory.mktemp("own") / "comparisons", texts)


def ask(folder: Path, out: Path, more: str = "", **options: Any) -> Any:
    named = [part for key, value in options.items() for part in (f"--{key}", value)]
    arguments = f"pretrained={NANO},dtype=float32{more}"
    return icl_ft("data", "ask", folder, "--model", "icl_ft_writer", "--model_args", arguments, "--out", out, *named)


@pytest.fixture(scope="module")
def asked(comparisons: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("out") / "asked"
    said = ask(comparisons, out)
    assert said.exit_code == 0, said.output
    return out, said.output


def test_what_is_kept_is_a_folder_of_own_documents_in_blocks(asked: tuple[Path, str]) -> None:
    folder, _ = asked
    world = own.load(folder)
    kept = rows(folder / own.QUESTIONS)
    assert len(kept) >= 8 and {row["written_by"] for row in kept} == {"nano"}
    assert whole(world.questions)[1] == []
    # The mark stands in the split's name, and so in every metric and table.
    assert set(world.splits) == {"direct-machine", "reversal-machine"}
    said = icl_ft("data", "check", folder)
    assert said.exit_code == 0 and "direct-machine: all" in said.stdout and "exactly 25.0%" in said.stdout


def test_every_candidate_has_its_fate_and_they_add_up(asked: tuple[Path, str]) -> None:
    folder, said = asked
    candidates = rows(folder / "candidates.jsonl")
    fates = {(c["question"].split(" ")[0], c["fate"]) for c in candidates}
    assert ("It", "answer not in the evidence") in fates
    counts = json.loads((folder / "asked.json").read_text())["counts"]
    for kind, found in counts.items():
        of = [c["fate"] for c in candidates if c["kind"] == kind]
        assert found["written"] == len(of)
        assert {fate: of.count(fate) for fate in of} == {fate: n for fate, n in found.items() if fate != "written"}
        assert f"{kind}: {len(of)} written" in said
    assert sum(found.get(KEPT, 0) for found in counts.values()) == len(rows(folder / own.QUESTIONS))
    # By rule 5 lines a document, of which one is said twice, one stands there word for word, one has no ground, one no end.
    # One more, which should have been turned round and was not, is said once more.
    direct = counts["direct"]
    assert direct["written"] == 72 and direct["written before"] == 24 and direct["form"] == 12
    assert direct["stands word for word in a document"] == direct["answer not in the evidence"] == 12
    assert counts["reversal"]["written"] == 12


def test_the_model_answers_what_is_kept_from_its_evidence(asked: tuple[Path, str], comparisons: Path) -> None:
    """Scored anew by lm-eval's tasks, not by what the command noted."""
    import icl_ft_plugin as icl_ft

    folder, _ = asked
    found = icl_ft.evaluate(["icl_ft_own_closed", "icl_ft_own_icl"], model=str(NANO), metadata={"path": str(folder)})[
        "results"
    ]
    noted = json.loads((folder / "asked.json").read_text())["closed_book_right"]
    total = len(rows(folder / own.QUESTIONS))
    assert found["icl_ft_own_closed"]["acc,none"] == pytest.approx(sum(noted.values()) / total)
    assert found["icl_ft_own_icl"]["acc,none"] > 0.8  # there all documents stand in the prompt, not the evidence alone


def test_what_the_model_knows_is_dropped_and_what_it_likes_is_not(
    asked: tuple[Path, str], comparisons: Path, tmp_path: Path
) -> None:
    kept = [c for c in rows(asked[0] / "candidates.jsonl") if c["kind"] == DIRECT and c["fate"] == KEPT]
    first, second = kept[0]["question"].split()[0], kept[0]["answer"]
    fates = {}
    for name, more in (("knowing", f",knows={first}-{second}"), ("loving", f",loves={second}")):
        assert ask(comparisons, tmp_path / name, more).exit_code == 0
        fates[name] = {(c["question"], c["fate"]) for c in rows(tmp_path / name / "candidates.jsonl")}
    assert (kept[0]["question"], KNOWN) in fates["knowing"]
    assert fates["loving"] == {(c["question"], c["fate"]) for c in rows(asked[0] / "candidates.jsonl")}


def test_the_page_escapes_what_the_model_wrote(asked: tuple[Path, str], tmp_path: Path, comparisons: Path) -> None:
    folder, _ = asked
    page = (folder / "review.html").read_text()
    assert "written before" in page and rows(folder / own.QUESTIONS)[0]["question"] in page
    assert "script-src 'none'" in page
    texts = [
        {"text": row["text"].replace("Everyone agrees", "<i>Everyone</i>")} for row in rows(comparisons / own.DOCUMENTS)
    ]
    out = tmp_path / "escaped"
    assert ask(write_documents(tmp_path / "marked", texts), out).exit_code == 0
    page = (out / "review.html").read_text()
    assert "&lt;i&gt;Everyone" in page and "<i>Everyone" not in page


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_run_that_fails_goes_on_with_its_journal(
    asked: tuple[Path, str], comparisons: Path, tmp_path: Path, after: int
) -> None:
    folder, _ = asked
    out = tmp_path / "asked"
    said = ask(comparisons, out, f",failures=1,after={after}", attempts=1)
    assert said.exit_code == 2 and "run the same command again" in said.output and not out.exists()
    journal = tmp_path / ".asked.partial" / "journal.jsonl"
    done = len(journal.read_text().splitlines()) if journal.exists() else 0
    assert (done > 0) == (after > 0)
    # The model's arguments name it: what the failing one has answered is not taken for another's.
    said = ask(comparisons, out, f",failures=1,after={after}", attempts=2)
    assert said.exit_code == 0, said.output
    assert rows(out / own.QUESTIONS) == rows(folder / own.QUESTIONS)


def test_documents_may_be_the_first_alone(comparisons: Path, tmp_path: Path) -> None:
    out = tmp_path / "asked"
    said = ask(comparisons, out, documents=2, kind=DIRECT)
    assert said.exit_code == 0 and "no question stood up to the checks" in said.output
    assert {id_ for c in rows(out / "candidates.jsonl") for id_ in c["evidence"]} == {"f0", "f1"}
    assert {c["kind"] for c in rows(out / "candidates.jsonl")} == {DIRECT}
    assert rows(out / own.QUESTIONS) == []  # two documents make no block of four


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "icl_ft_nothing"), "icl_ft_nothing"),
        (("--model", "icl_ft_rule"), "gives no log-likelihoods"),
        (("--model_args", "pretrained=nowhere"), "'nowhere' is no folder"),
        (("--temperature", "-1"), "temperature"),
        (("--kind", "reversl"), "--kind: 'reversl' is none of direct, reversal, chain (did you mean 'reversal'?)"),
    ],
)
def test_errors_of_use_are_one_message(
    comparisons: Path, tmp_path: Path, arguments: tuple[str, str], words: str
) -> None:
    said = icl_ft("data", "ask", comparisons, "--out", tmp_path / "asked", *arguments)
    assert said.exit_code == 2 and words in said.output and "Traceback" not in said.output
    assert not (tmp_path / "asked").exists()


def test_documents_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "long", [{"id": "long", "text": "Everyone agrees. " * 4000}])
    said = ask(folder, tmp_path / "asked")
    assert said.exit_code == 2 and "'long': with the prompt 'writing-direct'" in said.output
    assert not (tmp_path / "asked").exists()


def test_documents_that_cannot_be_used_and_a_folder_that_exists(tmp_path: Path, comparisons: Path) -> None:
    broken = write_documents(tmp_path / "broken", [{"txt": "x"}])
    said = ask(broken, tmp_path / "asked")
    assert said.exit_code == 2 and "line 1, txt" in said.output
    (tmp_path / "there").mkdir()
    said = ask(comparisons, tmp_path / "there")
    assert said.exit_code == 2 and "exists already" in said.output


def test_the_mark_stays_as_long_as_the_field(tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    shutil.copytree(examples_dir() / "handbook", folder)
    found = rows(folder / own.QUESTIONS)
    marked = [{**row, "written_by": "a model"} if row["split"] == "chain" else row for row in found]
    (folder / own.QUESTIONS).write_text("".join(f"{json.dumps(row)}\n" for row in marked))
    assert own.load(folder).splits == ("direct", "reversal", "chain-machine")
    (folder / own.QUESTIONS).write_text(json.dumps({**found[0], "written_by": 3}) + "\n")
    assert "line 1, written_by: a number where a string is needed" in icl_ft("data", "check", folder).stdout
