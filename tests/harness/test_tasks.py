"""Every task that ships is loaded by lm-eval itself and checked against what all of them promise."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from grouped import each
from lm_eval.tasks import TaskManager
from made import made
from transformers import AutoTokenizer

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generated
from icl_ft_plugin.harness.context import context_of, in_context_prompt
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.index import find_tasks
from icl_ft_plugin.harness.scoring import by_subset, mean_of_subset
from icl_ft_plugin.paths import models_dir, tasks_dir
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds import baselines

# The tasks on own documents need a folder: tests/harness/test_own.py
CHOICES = sorted(
    path.stem
    for path in tasks_dir().glob("*/*.yaml")
    if path.stem != f"icl_ft_{path.parent.name}" and path.parent.name != "own"
)
WRITTEN = sorted(
    path.stem
    for path in tasks_dir().glob("*/gen/*.yaml")
    if path.stem.endswith(("_closed", "_icl")) and path.parents[1].name != "own"
)
NAMES = [*CHOICES, *WRITTEN]
CLOSED = [name for name in NAMES if name.endswith("_closed")]
IN_CONTEXT = (
    "class: !function icl_ft_plugin.harness.task.InContextTask",
    "doc_to_text: !function icl_ft_plugin.harness.context.in_context_prompt",
)
SECTIONS = ("Paper", "Citation", "Groups, Tags, and Tasks", "Evaluation report", "Checklist", "Changelog")


def load(names: list[str], **metadata: Any) -> dict[str, Any]:
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata=metadata)
    loaded: dict[str, Any] = manager.load(names)
    return loaded


@lru_cache(maxsize=1)
def loaded() -> dict[str, Any]:
    return load(["icl_ft", "icl_ft_gen"])


def task(name: str) -> Any:
    return loaded()["tasks"][name]


def file_of(name: str) -> Path:
    [path] = tasks_dir().rglob(f"{name}.yaml")
    return path


def docs(name: str) -> list[dict[str, Any]]:
    return list(task(name).test_docs())


@lru_cache(maxsize=8)
def world(family: str) -> World:
    return made(family)


@lru_cache(maxsize=8)
def oracle(family: str) -> dict[str, list[float]]:
    scorer = baselines.oracle(world(family))
    return {question.id: list(scorer(question)) for question in world(family).questions}


def metrics(name: str) -> set[str]:
    return {entry["metric"] for entry in task(name).config.metric_list}


def test_the_groups_of_all_run_every_task() -> None:
    assert (len(CHOICES), len(WRITTEN)) == (54, 108)
    assert sorted(loaded()["tasks"]) == sorted(NAMES)
    written = {f"icl_ft_{family}_{kind}" for family in generated() for kind in ("gen", "gen_options")}
    assert set(loaded()["groups"]) == {
        "icl_ft",
        "icl_ft_gen",
        *(f"icl_ft_{family}" for family in generated()),
        *written,
    }


def test_a_familys_group_generates_nothing() -> None:
    assert sorted(load(["icl_ft"])["tasks"]) == CHOICES
    assert {task(name).OUTPUT_TYPE for name in CHOICES} == {"multiple_choice"}
    assert {task(name).OUTPUT_TYPE for name in WRITTEN} == {"generate_until"}


def choice_twin(name: str) -> str:
    return name.replace("_gen_options_", "_").replace("_gen_", "_")


def test_every_choice_task_has_a_written_twin_without_options_and_one_with_them() -> None:
    assert Counter(map(choice_twin, WRITTEN)) == dict.fromkeys(CHOICES, 2)
    for name in WRITTEN:
        rows, twins = docs(name), docs(choice_twin(name))
        assert [{**row, "options": None, "world": None} for row in rows] == [
            {**row, "options": None, "world": None} for row in twins
        ]
        assert all(("options" in row) == ("_gen_options_" in name) for row in rows)


@each("name", NAMES)
def test_a_task_is_as_lm_eval_wants_it(name: str) -> None:
    rows = docs(name)
    assert len(rows) >= 10
    for row in rows:
        prompt = task(name).doc_to_text(row)
        assert prompt == prompt.strip()
        choices = row["choices"]
        assert all(isinstance(choice, str) and choice == choice.strip() and choice for choice in choices)
        assert len(set(choices)) == len(choices) >= 2
        assert 0 < len(set(row["gold"])) < len(choices)
        assert row["label"] in row["gold"]
        assert set(row["gold"]) <= set(range(len(choices)))
    assert len({row["id"] for row in rows}) == len(rows)
    metadata = task(name).config.metadata
    assert {row["split"] for row in rows} == {metadata["split"]}


@each("name", CLOSED)
def test_closed_and_in_context_differ_in_the_prompt_alone(name: str) -> None:
    twin = name.removesuffix("_closed") + "_icl"
    assert docs(name) == docs(twin)
    for row in docs(name):
        closed, in_context = task(name).doc_to_text(row), task(twin).doc_to_text(row)
        context = context_of(row)
        assert "\n\n" not in context
        if name in CHOICES:
            assert (closed, in_context) == (row["question"], f"{context}\n\n{row['question']}")
            assert not any(choice in closed for choice in row["choices"])
        else:
            assert row["question"] in closed and context not in closed
            assert row["question"] in in_context and in_context.count(context) == 1
            shown = [f"{option}\n" in closed and f"{option}\n" in in_context for option in row.get("options", ())]
            assert all(shown) and bool(shown) == ("_gen_options_" in name)
    lines = [(file_of(n).read_text(encoding="utf-8").replace(n, "NAME")).splitlines() for n in (name, twin)]
    assert [line for line in lines[1] if line not in IN_CONTEXT] == lines[0]
    assert len(lines[1]) == len(lines[0]) + len(IN_CONTEXT)


@pytest.mark.parametrize("family", generated())
def test_every_split_has_a_task_in_both_conditions(family: str) -> None:
    for condition in ("closed", "icl"):
        found = find_tasks(world(family), None, condition)
        assert list(found) == list(world(family).splits)
        # A split also has tasks of written answers; studies take the one with choices.
        assert all(task(name).OUTPUT_TYPE == "multiple_choice" for name in found.values())


@each("name", CHOICES)
def test_the_oracle_scores_one_and_its_opposite_zero(name: str) -> None:
    family = task(name).config.metadata["family"]
    for row in docs(name):
        scores = oracle(family)[row["id"]]
        right = task(name).process_results(row, [(score, False) for score in scores])
        assert right["acc"] == right["acc_norm"] == 1
        wrong = task(name).process_results(row, [(-score, False) for score in scores])
        assert wrong["acc"] == 0
        assert wrong["mass"] < row["chance"] < right["mass"]
        flat = task(name).process_results(row, [(-7.0, False)] * len(row["choices"]))
        assert flat["mass"] == pytest.approx(row["chance"])
        assert set(right) == metrics(name)


@each("name", WRITTEN)
def test_a_written_gold_is_right_and_every_other_choice_wrong(name: str) -> None:
    for row in docs(name):
        for i, choice in enumerate(row["choices"]):
            scored = task(name).process_results(row, [f" {choice}"])
            assert scored["exact_match"] == scored["exact_match_answered"] == (i in row["gold"]), (row, choice)
            assert scored["refused"] == scored["unparsable"] == 0
    assert set(scored) == metrics(name)


@each("name", [name for name in WRITTEN if "_gen_options_" in name])
def test_shown_options_give_nothing_away_by_their_place(name: str) -> None:
    places = Counter(row["options"].index(row["choices"][row["label"]].removesuffix(".")) for row in docs(name))
    assert len(places) == len(docs(name)[0]["choices"])
    assert max(places.values()) - min(places.values()) <= 1
    assert all(sorted(row["options"]) == sorted(c.removesuffix(".") for c in row["choices"]) for row in docs(name))


def test_syllogisms_are_broken_down_by_form_and_association() -> None:
    rows = docs("icl_ft_syllogism_closed")
    seen: dict[str, int] = {}
    for row in rows:
        scored = by_subset(row, [(score, False) for score in oracle("syllogism")[row["id"]]])
        counted = [key for key, value in scored.items() if key.count("_") > 1 and not math.isnan(value)]
        assert counted == [f"acc_form_{row['labels']['form']}", f"acc_association_{row['labels']['association']}"]
        for key in counted:
            seen[key] = seen.get(key, 0) + 1
    assert mean_of_subset([1.0, math.nan, 0.0]) == 0.5
    assert math.isnan(mean_of_subset([math.nan]))
    assert seen["acc_association_enough"] + seen["acc_association_half"] == len(rows)
    assert seen["acc_association_half"] == seen["acc_form_barbara"]


def test_knobs_come_by_metadata() -> None:
    small = load(["icl_ft_syllogism_closed"], n_documents=12, existential_import=True, seed=3)["tasks"]
    rows = list(small["icl_ft_syllogism_closed"].test_docs())
    assert len(rows) == 12
    assert "darapti" in {row["labels"]["form"] for row in rows}
    with pytest.raises(UsageError, match=r"n_document=.*n_documents"):
        load(["icl_ft_syllogism_closed"], n_document=12)


def test_the_window_must_also_hold_what_is_written() -> None:
    needed = {}
    tokenizer = AutoTokenizer.from_pretrained(models_dir() / "nano")
    for name in ("icl_ft_process_trained_icl", "icl_ft_process_gen_trained_icl"):
        plain = {"prompt": "plain", "pretrained": str(models_dir() / "nano")}
        found = load([name], **plain, max_length=100)["tasks"][name]
        with pytest.raises(UsageError, match=r"need \d+ tokens") as caught:
            found.build_all_requests(limit=1, rank=0, world_size=1)
        match = re.search(r"need (\d+) tokens", str(caught.value))
        assert match
        needed[name] = int(match[1])
        texts = [(found.doc_to_text(row), max(row["choices"], key=len)) for row in found.test_docs()]
        prompt, choice = max(texts, key=lambda text: len(text[0]) + len(text[1]))
        written = found.OUTPUT_TYPE == "generate_until"
        read = len(tokenizer(prompt if written else f"{prompt} {choice}")["input_ids"])
        assert needed[name] == read + (found.config.generation_kwargs["max_gen_toks"] if written else 0)
    assert len(set(needed.values())) == 2


@pytest.mark.parametrize("family", generated())
def test_the_readme_names_every_task_and_has_every_section(family: str) -> None:
    text = (tasks_dir() / family / "README.md").read_text(encoding="utf-8")
    for name in [f"icl_ft_{family}", *(n for n in NAMES if n.startswith(f"icl_ft_{family}_"))]:
        assert f"`{name}`" in text, name
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    for section in SECTIONS:
        assert section in headings
    for name in baselines.BASELINES:
        assert f"| {name} |" in text


@each("path", sorted(tasks_dir().rglob("*.yaml")))
def test_a_task_file_is_a_few_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines[0].startswith("include:"):
        assert 3 <= len(lines) <= 6
        assert lines[1] == f"task: {path.stem}"
    else:
        assert lines[0] == f"group: {path.stem}"


@pytest.mark.slow
def test_the_command_line_runs_every_task(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lm_eval", "--model", "dummy", "--output_path", str(tmp_path)]
    command += ["--tasks", "icl_ft,icl_ft_gen", "--include_path", str(tasks_dir())]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    [file] = tmp_path.rglob("results_*.json")
    results = json.loads(file.read_text(encoding="utf-8"))
    assert set(NAMES) <= set(results["results"])
    for name in NAMES:
        assert results["n-samples"][name]["effective"] == len(docs(name))


def test_another_context_seed_is_another_order_of_the_same_questions() -> None:
    plain, other = (
        task_documents("reversal", "reversal", n_facts=12, documents_per_fact=3, **knobs)
        for knobs in ({}, {"context_seed": 1})
    )
    for first, second in zip(plain, other, strict=True):
        assert {**first, "world": ""} == {**second, "world": ""}
    texts = [in_context_prompt(rows[0]).split("\n") for rows in (plain, other)]
    assert texts[0] != texts[1] and len(texts[0]) == len(texts[1])
    asked = {"context_seed": 0}
    assert task_documents("reversal", "reversal", n_facts=12, documents_per_fact=3, **asked) == plain
    with pytest.raises(UsageError, match="context_seed=-1"):
        task_documents("reversal", "reversal", context_seed=-1)
