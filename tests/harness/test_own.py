"""The tasks on own documents under lm-eval itself, every arm of a study on them, and the handbook that ships."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from families.test_own import DOCUMENTS, QUESTION, folder_of, icl_ft
from lm_eval.tasks import TaskManager

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.own import check as own_check
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.harness.context import in_context_prompt
from icl_ft_plugin.paths import examples_dir, models_dir, tasks_dir
from icl_ft_plugin.worlds import baselines

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
    before = in_context_prompt(load(path=str(folder))["icl_ft_own_icl"].test_docs()[0])
    folder_of(tmp_path, DOCUMENTS[:1], [QUESTION])
    after = in_context_prompt(load(path=str(folder))["icl_ft_own_icl"].test_docs()[0])
    assert before != after and before.startswith(after.partition("\n\n")[0])


def test_the_handbook_is_sound_and_balanced() -> None:
    found = own_check.check(HANDBOOK)
    # Its choices are drawn for each question: who knew which names are right could prefer them.
    assert (found.errors, {warning.field for warning in found.warnings}) == ([], {"choices"})
    assert all("who prefers some choices to others" in warning.message for warning in found.warnings)
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
