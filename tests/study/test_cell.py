"""A cell is frozen when it is planned: what is edited afterwards changes neither its key nor what is run."""

from __future__ import annotations

import gc
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_study import save_study

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.harness.prompts import as_planned, load_question_prompt, read_question_prompt
from icl_ft_plugin.paths import examples_dir, recipes_dir
from icl_ft_plugin.schema import World
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.workers import Workers
from icl_ft_plugin.study.plan import Cell, plan
from icl_ft_plugin.study.store import Store

TEMPLATE = "{{ documents }} {{ question }}{% for letter, option in options %} {{ option }}{% endfor %}"


def save_prompt(file: Path, words: str) -> None:
    prompt = {"name": "p", "version": 1, "template": f"{words} {TEMPLATE}"}
    file.write_text(yaml.safe_dump(prompt), encoding="utf-8")


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """A study with a recipe and prompts of its own, which ``edit`` changes."""
    save_prompt(tmp_path / "question.yaml", "first wording")
    shutil.copy(recipes_dir() / "prompts" / "base-local.yaml", tmp_path / "local.yaml")
    asked = {"prompt": str(tmp_path / "question.yaml")}
    arms = [{"name": "ft", "corpus": ["documents"], **asked}, {"name": "ft+local", "corpus": ["documents", "local"]}]
    worlds = [{"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 1}, "splits": ["reversal"]}]
    augmentation = {"prompts": {"local": str(tmp_path / "local.yaml")}}
    more: dict[str, Any] = {"worlds": worlds, "arms": arms, "augmentation": augmentation}
    return save_study(tmp_path, training_seeds=[0], steps=1, **more)


def edit(folder: Path) -> None:
    """Change the recipe and both prompts."""
    save_prompt(folder / "question.yaml", "second wording")
    local = folder / "local.yaml"
    local.write_text(local.read_text(encoding="utf-8").replace("version: 1", "version: 2"), encoding="utf-8")
    (folder / "recipe.yaml").write_text("no recipe: at all", encoding="utf-8")


def test_a_cell_that_travels_is_the_cell_that_was_planned(study_file: Path) -> None:
    cells = plan(load_study(study_file))
    edit(study_file.parent)
    for cell in cells:
        there: Cell = pickle.loads(pickle.dumps(cell))
        assert there == cell and str(there) == str(cell)
        assert there.training and there.training.recipe.values["learning_rate"] == 0.03
    assert "first wording" in cells[0].prompt.template
    assert cells[1].writings["local"].prompt.version == 1


def test_every_file_of_a_study_is_in_its_keys(study_file: Path, tmp_path: Path) -> None:
    before = {cell.arm.name: cell for cell in plan(load_study(study_file))}
    local = tmp_path / "local.yaml"
    local.write_text(local.read_text(encoding="utf-8").replace("version: 1", "version: 2"), encoding="utf-8")
    after = {cell.arm.name: cell for cell in plan(load_study(study_file))}
    assert [name for name in before if before[name].key != after[name].key] == ["ft+local"]
    shutil.copy(tmp_path / "question.yaml", tmp_path / "other.yaml")
    same = {cell.arm.name: cell for cell in plan(load_study(study_file, [f"arms.0.prompt={tmp_path}/other.yaml"]))}
    assert same["ft"].key == after["ft"].key  # its words count, not where they stand
    save_prompt(tmp_path / "other.yaml", "second wording")
    other = {cell.arm.name: cell for cell in plan(load_study(study_file, [f"arms.0.prompt={tmp_path}/other.yaml"]))}
    assert other["ft"].key != after["ft"].key and other["ft"].training_key == after["ft"].training_key


@pytest.mark.slow
def test_a_worker_runs_the_cell_that_was_planned(study_file: Path, tmp_path: Path) -> None:
    study = load_study(study_file)
    cell = plan(study)[0]
    store = Store(tmp_path / "out")
    edit(study_file.parent)
    worker = Workers(study, store.folder, 1)
    worker.start(cell)
    try:
        while not (ended := worker.wait()):
            pass
    finally:
        worker.close()
    assert ended[0].error is None
    assert [path.name for path in (store.folder / "cells").iterdir()] == [cell.key]
    assert [path.name for path in (store.folder / "checkpoints").iterdir()] == [cell.training_key]
    (samples,) = store.cell(cell).rglob("samples_*.jsonl")
    asked = [json.loads(line)["arguments"]["gen_args_0"]["arg_0"] for line in samples.open(encoding="utf-8")]
    assert len(asked) == 4 and all(prompt.startswith("first wording") for prompt in asked)
    ledger = json.loads((store.cell(cell) / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["training"]["losses"] and ledger["training"]["steps"] == 1


def test_a_folder_that_was_edited_after_the_plan_is_refused(tmp_path: Path) -> None:
    documents = tmp_path / "handbook"
    shutil.copytree(examples_dir() / "handbook", documents)
    world = {"family": "own", "config": {"path": str(documents)}}
    study = load_study(save_study(tmp_path, window=8192, worlds=[world], arms=["pretrained"]))
    cells = plan(study)
    assert cells[0].world.make().hash == cells[0].world.hash
    file = documents / "documents.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("Mirela", "Murela"), encoding="utf-8")
    with pytest.raises(UsageError, match="has changed since the study was planned"):
        cells[0].world.make()
    assert plan(study)[0].key != cells[0].key


def test_planning_keeps_no_world(tmp_path: Path) -> None:
    study = load_study(save_study(tmp_path), ["worlds.0.seeds=[0, 1, 2]"])

    def worlds() -> int:
        gc.collect()
        return sum(isinstance(thing, World) for thing in gc.get_objects())

    before = worlds()
    cells = plan(study)
    assert len(cells) == 18 and worlds() == before
    assert cells[0].world is cells[1].world and cells[2].training is not None
    assert cells[2].training.recipe is cells[3].training.recipe  # type: ignore[union-attr]


def test_what_was_planned_holds_only_while_it_is_run(tmp_path: Path) -> None:
    save_prompt(tmp_path / "a.yaml", "first wording")
    name = str(tmp_path / "a.yaml")
    first = read_question_prompt(name)
    save_prompt(tmp_path / "a.yaml", "second wording")
    with as_planned(name, first):
        assert load_question_prompt(name) is first and load_question_prompt("plain").name == "plain"
    assert load_question_prompt(name) is not first and "second wording" in read_question_prompt(name).template
