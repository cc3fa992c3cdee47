from __future__ import annotations

import json
from pathlib import Path

import pytest
from families.test_own import icl_ft
from harness.test_own import HANDBOOK, NAMES, load
from report_data import sample, write_samples, write_study
from tiny import RECIPE, save_tiny
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.leaderboard.rank import rank
from icl_ft_plugin.report.leaderboard.read import read_results
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.words import title
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.estimate.counting import prompts_expected
from icl_ft_plugin.study.plan import plan

STUDY = """\
name: own
models: [MODEL]
worlds: [{family: own, config: {path: FOLDER}, splits: [chain, direct]}]
arms:
  - pretrained
  - icl
  - {name: icl-retrieved, condition: icl, context_tokens: 500}
  - ft
  - ft+local
recipe: RECIPE
steps: 1
augmentation: {max_tokens: 4, prompts: {local: nano-local}}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny", window=8192)


@pytest.fixture
def study(tmp_path: Path, tiny: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 1024"), encoding="utf-8")
    text = STUDY.replace("MODEL", str(tiny)).replace("FOLDER", str(tmp_path / "handbook"))
    (tmp_path / "study.yaml").write_text(text.replace("RECIPE", str(tmp_path / "recipe.yaml")), encoding="utf-8")
    assert icl_ft("data", "example", "handbook", tmp_path / "handbook").exit_code == 0
    for name in (own.DOCUMENTS, own.QUESTIONS):
        lines = (tmp_path / "handbook" / name).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = (
            lines[:9]
            if name == own.DOCUMENTS
            else [line for line in lines if set(json.loads(line)["evidence"]) <= NINE][::2]
        )
        (tmp_path / "handbook" / name).write_text("".join(kept), encoding="utf-8")
    return tmp_path / "study.yaml"


NINE = {d.id for d in own.load(HANDBOOK).documents[:9]}


@pytest.mark.slow
def test_every_arm_runs_and_the_report_says_that_documents_were_chosen(study: Path) -> None:
    out = study.parent / "runs"
    result = icl_ft("study", study, "--out", out)
    assert result.exit_code == 0, result.stderr
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "| arm | n (facts) | chain | direct |" in table
    for arm in ("pretrained", "icl", "icl-retrieved", "ft", "ft+local"):
        assert f"| {arm} |" in table
    asked = sum(q.split != "reversal" for q in own.load(study.parent / "handbook").questions)
    assert "icl-retrieved: not all documents stand in the prompt. BM25 chose " in table
    assert " of 9 for each question (mean " in table and f" of {asked} questions." in table
    compute = {record["arm"]: record for record in json.loads((out / "table.json").read_text())["compute"]}
    assert compute["icl-retrieved"]["prompt_tokens"] < compute["icl"]["prompt_tokens"]
    assert "retrieved" not in compute["icl"] and compute["icl-retrieved"]["retrieved"]["documents"] == 9


def test_the_ledger_counts_what_is_asked(study: Path) -> None:
    file = study.parent / "handbook" / own.QUESTIONS
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [
        {**row, "question": f"{row['question']} who?"} for row in rows
    ]  # a question, which the plain prompt sets off
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arms = "arms=[pretrained, {name: asked, condition: closed, prompt: quiz}]"
    for cell in plan(load_study(study, [arms])):
        task = "icl_ft_own_closed"
        metadata = {"path": str(study.parent / "handbook"), "prompt": cell.arm.prompt}
        asked = [q for q in load(**metadata)[task].test_docs() if q["split"] != "reversal"]
        prompts = [load(**metadata)[task].doc_to_text(doc) for doc in asked]
        tokenizer = AutoTokenizer.from_pretrained(cell.model.path)
        wanted = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in prompts)
        assert prompts_expected(cell) == wanted


def test_cells_depend_on_the_documents_the_splits_and_the_budget(study: Path) -> None:
    def keys(*settings: str) -> dict[str, str]:
        return {cell.arm.name: cell.key for cell in plan(load_study(study, list(settings)))}

    before = keys()
    other = keys("worlds.0.splits=[direct]")
    assert not set(other.values()) & set(before.values())
    budget = keys("arms.2.context_tokens=600")
    assert {arm for arm in before if before[arm] != budget[arm]} == {"icl-retrieved"}
    file = study.parent / "handbook" / own.DOCUMENTS
    file.write_text(file.read_text(encoding="utf-8").replace("Mirela", "Murela"), encoding="utf-8")
    assert not set(keys().values()) & set(before.values())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("arms=[ft+oracle]", "arm 'ft+oracle': corpus part 'oracle': what your own documents entail is not known"),
        ("arms=[ft+local+truth-audited]", "keep: entailed: what your own documents entail is not known"),
        ("arms=[ft+rephrase]", "corpus part 'rephrase'"),
        ("worlds.0.config={}", "name it by path=DIR"),
        ("worlds.0.config.n=3", "takes no other knob"),
        ("worlds.0.splits=[chian]", "did you mean 'chain'"),
        ("arms=[{name: a, corpus: [documents], context_tokens: 9}]", "context_tokens without condition: icl"),
    ],
)
def test_a_study_that_cannot_be_is_refused_before_it_runs(study: Path, setting: str, words: str) -> None:
    result = icl_ft("study", study, "--out", study.parent / "out", "--set", setting)
    assert result.exit_code == 2 and words in result.stderr, result.stderr
    assert not (study.parent / "out").exists()


def test_a_leaderboard_ranks_each_split_of_a_file(tmp_path: Path) -> None:
    spec = json.dumps({"family": "own", "seed": 0, "config": {"path": "handbook"}, "context_copies": 1, "hash": "x"})
    lines = [sample(spec, i, split == "direct", split) for split in ("direct", "chain") for i in range(10)]
    write_samples(tmp_path, "icl_ft_own_icl", lines)
    found = {of.split: (of.questions, of.ranks[0].accuracy) for of in rank(read_results([tmp_path]))}
    assert found == {"direct": (10, 1.0), "chain": (10, 0.0)}


def test_findings_speak_of_every_split(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", lambda *_: True, arms=("icl", "ft"), splits=("direct", "chain"), seeds=(0,))
    plan_file = folder / "study.json"
    plan_file.write_text(plan_file.read_text(encoding="utf-8").replace('"family": "reversal"', '"family": "own"'))
    [block] = build_blocks(read_study(folder))
    said = findings(block)
    assert title(block) == "Own documents (reversal), nano (this world only)"
    assert [split for split in ("direct", "chain") if any(f"of the {split} questions" in line for line in said)] == [
        "direct",
        "chain",
    ]


def test_an_arm_that_continues_names_needs_some(study: Path) -> None:
    def refused() -> bool:
        return icl_ft("study", study, "--dry-run", "--set", "arms=[sdft]").exit_code == 2

    assert not refused()
    file = study.parent / "handbook" / own.DOCUMENTS
    file.write_text(file.read_text(encoding="utf-8").lower(), encoding="utf-8")
    assert refused()


def test_the_study_that_ships_plans_on_the_handbook() -> None:
    cells = plan(load_study(recipes_dir() / "studies" / "own.yaml", [f"worlds.0.config.path={HANDBOOK}"]))
    assert [cell.arm.name for cell in cells] == ["pretrained", "icl", "ft", "ft+local"]
    assert list(cells[0].tasks) == ["direct", "reversal", "chain"] and set(cells[0].tasks.values()) == {NAMES[0]}


def test_a_corpus_far_too_large_is_refused_before_a_model_is_loaded(study: Path) -> None:
    text = "The Lantern Desk is led by Mirela Voss. " * 5000
    documents = study.parent / "handbook" / own.DOCUMENTS
    with documents.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": f"{number} {text}"}) + "\n" for number in range(20))
    message = r"arm 'icl': the documents of own have 4,0.* characters, at least .* the window of tiny is 8,192: .*context_tokens: 4096"
    with pytest.raises(UsageError, match=message):
        plan(load_study(study))
    assert len(plan(load_study(study, ["arms=[pretrained, {name: r, condition: icl, context_tokens: 500}]"]))) == 2


def test_the_dry_run_says_what_memory_trainings_take(study: Path, tiny: Path) -> None:
    file = study.parent / "handbook" / own.DOCUMENTS
    texts = [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]
    longest = 1 + max(map(len, AutoTokenizer.from_pretrained(tiny)(texts)["input_ids"]))
    done = icl_ft("study", study, "--dry-run")
    assert done.exit_code == 0, done.output
    [line] = [line for line in done.output.splitlines() if "no gradient checkpointing" in line]
    assert line.startswith("tiny, own, ") and longest < 1024  # "estimated": ft+local is not written yet
    assert f"4 rows of {longest} tokens (the longest row), no gradient checkpointing, estimated: fits: " in line
