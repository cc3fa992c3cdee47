"""The tasks on own documents under lm-eval itself, every arm of a study on them, and the handbook that ships."""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from lm_eval.tasks import TaskManager
from report_data import sample, write_samples, write_study
from test_own import DOCUMENTS, QUESTION, folder_of, icl_ft
from tiny import RECIPE, save_tiny

from icl_ft_plugin import baselines, harness, own, own_check, study_key
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import examples_dir, models_dir, recipes_dir, tasks_dir
from icl_ft_plugin.report.findings import findings, title
from icl_ft_plugin.report.items import read_study
from icl_ft_plugin.report.leaderboard import rank, read_results
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.study_config import load_study
from icl_ft_plugin.study_plan import plan

HANDBOOK = examples_dir() / "handbook"
NANO = str(models_dir() / "nano")
NAMES = ("icl_ft_own_closed", "icl_ft_own_icl")


def load(**metadata: Any) -> dict[str, Any]:
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata=metadata)
    loaded: dict[str, Any] = manager.load(["icl_ft_own"])["tasks"]
    return loaded


@lru_cache(maxsize=1)
def handbook() -> dict[str, Any]:
    return load(path=str(HANDBOOK))


def score(task: Any, doc: dict[str, Any], right: bool) -> dict[str, float]:
    best = doc["gold"][0] if right else 1 - min(doc["gold"][0], 1)
    scored: dict[str, float] = task.process_results(
        doc, [(float(i == best), False) for i in range(len(doc["choices"]))]
    )
    return scored


def test_the_two_tasks_ask_the_same_with_and_without_the_documents() -> None:
    closed, in_context = (handbook()[name] for name in NAMES)
    assert list(closed.test_docs()) == list(in_context.test_docs())
    documents = "\n".join(d.text for d in own.load(HANDBOOK).documents)
    for doc in closed.test_docs():
        assert closed.doc_to_text(doc) == doc["question"]
        assert in_context.doc_to_text(doc) == f"{documents}\n\n{doc['question']}"


@pytest.mark.parametrize("name", NAMES)
def test_every_split_has_a_metric_of_its_own(name: str) -> None:
    task = handbook()[name]
    doc = next(doc for doc in task.test_docs() if doc["split"] == "reversal")
    scored = score(task, doc, right=True)
    assert (
        set(scored)
        == set(task.aggregation())
        == {"acc", "acc_norm", "mass", *(f"acc_split_{s}" for s in ("direct", "reversal", "chain"))}
    )
    assert scored["acc"] == scored["acc_split_reversal"] == 1
    assert math.isnan(scored["acc_split_chain"])
    scored = [score(task, doc, right=doc["split"] == "chain") for doc in task.test_docs()]
    means = {key: task.aggregation()[key]([row[key] for row in scored]) for key in scored[0]}
    assert (means["acc_split_chain"], means["acc_split_direct"], means["acc"]) == (1, 0, pytest.approx(1 / 3))


@pytest.mark.parametrize("options", ["hidden", "shown"])
def test_answers_can_be_written(options: str) -> None:
    name = "icl_ft_own_gen" if options == "hidden" else "icl_ft_own_gen_options"
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={"path": str(HANDBOOK)})
    tasks = manager.load([name])["tasks"]
    assert set(tasks) == {f"{name}_closed", f"{name}_icl"}
    task = tasks[f"{name}_icl"]
    for doc in task.test_docs():
        prompt, gold = task.doc_to_text(doc), doc["choices"][doc["label"]]
        assert doc["question"] in prompt and "Soup is free" in prompt
        assert [f"{letter}. " in prompt for letter in "AD"] == [options == "shown"] * 2
        answers = {gold: 1, "no such thing": 0}
        if options == "shown":
            answers |= {letter: int(option == gold) for letter, option in zip("ABCD", doc["options"], strict=True)}
        for answer, right in answers.items():
            scored = task.process_results(doc, [answer])
            assert scored["exact_match"] == scored[f"exact_match_split_{doc['split']}"] == right
        assert set(scored) == set(task.aggregation())


def test_a_split_can_be_chosen() -> None:
    task = load(path=str(HANDBOOK), split="chain")["icl_ft_own_closed"]
    assert {doc["split"] for doc in task.test_docs()} == {"chain"} and set(task.aggregation()) == {
        "acc",
        "acc_norm",
        "mass",
    }
    task = load(path=str(HANDBOOK), split=["chain", "direct"])["icl_ft_own_icl"]
    assert Counter(doc["split"] for doc in task.test_docs()) == {"chain": 20, "direct": 20}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, '--metadata \'{"path": "DIR"}\''),
        ({"path": "nowhere"}, "nowhere: no such folder"),
        ({"path": 3}, "path=3"),
        ({"pathh": "x"}, "did you mean 'path'"),
        ({"path": str(HANDBOOK), "split": "chains"}, "did you mean 'chain'"),
        ({"path": str(HANDBOOK), "split": []}, "names none"),
        ({"path": str(HANDBOOK), "context_tokens": 0}, "context_tokens=0"),
        ({"path": str(HANDBOOK), "prompt": "plane"}, "did you mean 'plain'"),
    ],
)
def test_what_cannot_be_asked_is_one_message(metadata: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(**metadata)
    assert words in str(caught.value)


def test_a_question_is_set_off_once_whatever_the_prompt(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, DOCUMENTS, [{"question": "Who has the key?", "choices": ["Odan Pell", "I"], "answer": 0}]
    )
    for prompt, wanted in (("plain", "Question: Who has the key?\nAnswer:"), ("instruct", "Who has the key?")):
        task = load(path=str(folder), prompt=prompt)["icl_ft_own_closed"]
        [doc] = task.test_docs()
        assert doc["question"] == wanted and task.doc_to_text(doc).count("key?") == 1


def test_documents_are_chosen_per_question_within_a_budget() -> None:
    task = load(path=str(HANDBOOK), context_tokens=400, pretrained=NANO)["icl_ft_own_icl"]
    documents = {d.id: d.text for d in own.load(HANDBOOK).documents}
    rows, seen = [], set()
    for doc in task.test_docs():
        context = task.doc_to_text(doc).removesuffix(f"\n\n{doc['question']}")
        held = [id_ for id_, text in documents.items() if text in context.split("\n")]
        assert context == "\n".join(documents[id_] for id_ in held)
        row = score(task, doc, right=True)
        assert row["documents"] == len(held) and row["evidence"] == set(held).issuperset(doc["proof"])
        rows.append(row)
        seen.add(context)
    assert len(seen) > 30 and 3 <= min(row["documents"] for row in rows) <= max(row["documents"] for row in rows) < 10
    assert 0.5 < sum(row["evidence"] for row in rows) / len(rows) < 1
    with pytest.raises(UsageError, match="needs the model's tokenizer"):
        load(path=str(HANDBOOK), context_tokens=400)


def test_a_folder_that_was_edited_is_read_anew(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DOCUMENTS, [QUESTION])
    before = harness.in_context_prompt(load(path=str(folder))["icl_ft_own_icl"].test_docs()[0])
    folder_of(tmp_path, DOCUMENTS[:1], [QUESTION])
    after = harness.in_context_prompt(load(path=str(folder))["icl_ft_own_icl"].test_docs()[0])
    assert before != after and before.startswith(after.partition("\n\n")[0])


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


def forget_worlds() -> None:
    """Read folders anew, as another process would."""
    study_key.world_at.cache_clear()
    study_key.hash_at.cache_clear()


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
    from icl_ft_plugin import study_key

    study_key.world_at.cache_clear()
    study_key.hash_at.cache_clear()
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
    found = {record["split"]: (record["n"], record["accuracy"]) for record in rank(read_results([tmp_path]))}
    assert found == {"direct": (10, 1.0), "chain": (10, 0.0)}


def test_findings_speak_of_every_split(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", lambda *_: True, arms=("icl", "ft"), splits=("direct", "chain"), seeds=(0,))
    plan_file = folder / "study.json"
    plan_file.write_text(plan_file.read_text(encoding="utf-8").replace('"family": "reversal"', '"family": "own"'))
    [block] = build_blocks(read_study(folder))
    said = findings(block)
    assert title(block) == "Own documents (reversal), nano"
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
    forget_worlds()
    assert refused()


def test_the_study_that_ships_plans_on_the_handbook() -> None:
    cells = plan(load_study(recipes_dir() / "studies" / "own.yaml", [f"worlds.0.config.path={HANDBOOK}"]))
    assert [cell.arm.name for cell in cells] == ["pretrained", "icl", "ft", "ft+local"]
    assert list(cells[0].tasks) == ["direct", "reversal", "chain"] and set(cells[0].tasks.values()) == {NAMES[0]}


def test_the_handbook_is_sound_and_balanced() -> None:
    found = own_check.check(HANDBOOK)
    assert (found.errors, found.warnings) == ([], [])
    world = own.load(HANDBOOK)
    assert (len(world.documents), len(world.questions)) == (30, 60)
    assert Counter(q.split for q in world.questions) == {"direct": 20, "reversal": 20, "chain": 20}
    for q in world.questions:
        assert len(q.choices) == 4 and len(q.gold) == 1
        told = " ".join(d.text.lower() for d in world.documents if d.id in q.proof)
        # All choices are of one kind: every one stands in the documents that are the evidence.
        assert all(choice.lower().removeprefix("the ") in told for choice in q.choices), q.id
        assert len(q.proof) >= (2 if q.split == "chain" else 1)
    for split in world.splits:
        assert Counter(q.gold[0] for q in world.questions if q.split == split) == {0: 5, 1: 5, 2: 5, 3: 5}


def test_words_that_meet_do_not_give_the_handbook_away() -> None:
    world = own.load(HANDBOOK)
    for name in ("first", "longest", "frequent", "cooccurrence", "cooccurrence_sentence"):
        for split, accuracy in baselines.score(world, name).items():
            assert accuracy <= 0.35, (name, split, accuracy)


def test_the_example_is_copied_and_no_other_is_there(tmp_path: Path) -> None:
    assert icl_ft("data", "example", "handbook", tmp_path / "mine").exit_code == 0
    assert own.load(tmp_path / "mine") == own.load(HANDBOOK)
    assert icl_ft("data", "example", "handbook", tmp_path / "mine").exit_code == 2
    assert "did you mean 'handbook'" in icl_ft("data", "example", "handbok", tmp_path / "other").stderr


def test_the_readme_names_every_task() -> None:
    text = (tasks_dir() / "own" / "README.md").read_text(encoding="utf-8")
    for name in sorted(path.stem for path in (tasks_dir() / "own").rglob("*.yaml")):
        assert f"`{name}`" in text
