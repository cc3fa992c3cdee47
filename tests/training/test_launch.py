from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from tiny import RECIPE, ROWS
from tiny_study import save_study
from training.test_train import largest_difference

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.training.launch import launch_config, train
from icl_ft_plugin.training.recipes import recipe


@pytest.fixture
def given(tmp_path: Path) -> recipe.Recipe:
    (tmp_path / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return recipe.load(tmp_path / "tiny.yaml")


def test_every_configuration_that_ships_is_one_of_accelerate() -> None:
    names = [file.stem for file in sorted((recipes_dir() / "accelerate").glob("*.yaml"))]
    assert {"ddp", "ddp-cpu", "fsdp"} <= set(names)
    for name in names:
        assert launch_config(name)["num_processes"] == (8 if name.endswith("-8") else 2)
        assert launch_config(str(recipes_dir() / "accelerate" / f"{name}.yaml")) == launch_config(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_process": 2}, "refused by accelerate.*num_process"),
        ({"distributed_type": "MULTI"}, "refused by accelerate.*MULTI"),
        ({"num_processes": 0}, "num_processes: 0"),
        ({"num_machines": 2}, "num_machines: 2: a cell is trained on one machine"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({**launch_config("ddp"), **changes}), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        launch_config(str(file))


def test_a_misspelt_configuration_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'ddp'"):
        launch_config("dpp")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"per_device_train_batch_size": 5}, "5 cannot be divided among 2 processes"),
        ({"save_strategy": "steps", "save_steps": 2}, "does not save checkpoints"),
    ],
)
def test_a_recipe_that_cannot_be_launched_is_refused(
    model: str, given: recipe.Recipe, tmp_path: Path, overrides: dict[str, Any], message: str
) -> None:
    changed = recipe.load(given.path, overrides)
    with pytest.raises(UsageError, match=message):
        train(model=model, rows=ROWS, recipe=changed, launch=launch_config("ddp-cpu"), output=tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_launch_renames_trained_cells_and_only_if_it_trains_otherwise(tmp_path: Path) -> None:
    file = save_study(tmp_path)
    plain = plan(load_study(file))
    launched = plan(load_study(file, ["launch=ddp-cpu"]))
    assert [a.key == b.key for a, b in zip(plain, launched, strict=True)] == [not cell.training for cell in plain]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**launch_config("ddp-cpu"), "main_process_port": 1234}))
    elsewhere = plan(load_study(file, [f"launch={tmp_path / 'mine.yaml'}"]))
    assert [cell.key for cell in elsewhere] == [cell.key for cell in launched]


@pytest.mark.parametrize(
    ("settings", "message"),
    [(["curve_every=2"], "leave out curve_every"), (["arms=[sdft]"], "sdft trains in one process")],
)
def test_what_trains_in_one_process_alone(tmp_path: Path, settings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(load_study(save_study(tmp_path), [*settings, "launch=ddp-cpu"]))


@pytest.mark.slow
def test_two_processes_train_what_one_does(model: str, given: recipe.Recipe, tmp_path: Path) -> None:
    from icl_ft_plugin.training import train as finetune

    one = finetune.train(model=model, rows=ROWS, recipe=given, output=tmp_path / "one")
    given.path.write_text("edited: meanwhile", encoding="utf-8")
    two = train(model=model, rows=ROWS, recipe=given, launch=launch_config("ddp-cpu"), output=tmp_path / "two")
    # Sums in another order; the weights have moved by up to 0.06.
    assert largest_difference(tmp_path / "one", tmp_path / "two") < 1e-5
    assert largest_difference(tmp_path / "one", Path(model)) > 1e-2
    for name in ("steps", "batch_size", "tokens", "target_tokens", "epochs", "trained_parameters", "corpus_sha256"):
        assert getattr(two, name) == getattr(one, name), name
    assert [step for step, _ in two.losses] == [step for step, _ in one.losses]
    assert [loss for _, loss in two.losses] == pytest.approx([loss for _, loss in one.losses], rel=1e-4)
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert names[0] == names[1]
    assert not list(tmp_path.glob(".two*"))


@pytest.mark.slow
def test_a_study_trains_its_cells_by_launch(tmp_path: Path) -> None:
    study = load_study(save_study(tmp_path, arms=["ft"], training_seeds=[0]), ["launch=ddp-cpu", "steps=3"])
    run_study(study, tmp_path / "out", lambda text, done, total: None)
    ledger = json.loads((tmp_path / "out" / "cells" / plan(study)[0].key / "ledger.json").read_text())
    assert (ledger["training"]["steps"], ledger["training"]["batch_size"]) == (3, 4)
    assert ledger["training"]["overrides"]["per_device_train_batch_size"] == 2


@pytest.mark.slow
def test_an_error_of_use_in_a_process_comes_back_as_one(model: str, given: recipe.Recipe, tmp_path: Path) -> None:
    rows = [*ROWS, {"text": ROWS[0]["text"] * 9}]
    with pytest.raises(UsageError, match="max_length: 64 would cut row 12"):
        train(model=model, rows=rows, recipe=given, launch=launch_config("ddp-cpu"), output=tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.slow
def test_the_processes_end_with_the_one_that_started_them(model: str, given: recipe.Recipe, tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.launch import launch_config, train
given = recipe.load(Path({str(given.path)!r}), {{"max_steps": 10**6}})
train(model={model!r}, rows={ROWS!r}, recipe=given, launch=launch_config("ddp-cpu"), output=Path({str(tmp_path)!r}) / "out")
"""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        for _ in range(6000):
            below = psutil.Process(process.pid).children(recursive=True)
            if sum(trains(child) for child in below) == 2:
                break
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.1)
        assert len(below) >= 3  # the launcher and both processes
        process.kill()
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive


def trains(process: psutil.Process) -> bool:
    """Return whether this is one of the launched processes, past its imports."""
    words = process.cmdline()
    return "accelerate.commands.launch" not in words and "-m" in words and process.cpu_times().user > 6
