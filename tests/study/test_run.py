from __future__ import annotations

import csv
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tiny_study import save_study

from icl_ft_plugin.arms.foreign import FILE
from icl_ft_plugin.arms.named import arm, known_arms
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import examples_dir, recipes_dir
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.study.config import StudyConfig, load_study
from icl_ft_plugin.study.plan import Cell, plan
from icl_ft_plugin.study.run import Store, run_study


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def model(study_file: Path) -> Path:
    return study_file.parent / "tiny"


def load(file: Path, **changes: Any) -> StudyConfig:
    return load_study(file, [f"{key}={json.dumps(value)}" for key, value in changes.items()])


def run_quietly(study: StudyConfig, folder: Path) -> list[str]:
    """Run a study and return the cells that were run."""
    announced: list[str] = []
    run_study(study, folder, lambda text, done, total: announced.append(text))
    assert announced.pop() == "complete"
    return announced


def keys(cells: list[Cell]) -> set[str]:
    return {cell.key for cell in cells}


@pytest.fixture(scope="module")
def done(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study."""
    folder = tmp_path_factory.mktemp("done") / "out"
    assert len(run_quietly(load(study_file), folder)) == 6
    write_table(folder)
    return folder


def test_every_arm_that_ships_is_valid_and_every_study_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(examples_dir() / "handbook", tmp_path / "handbook")  # what own.yaml is tried with
    monkeypatch.chdir(tmp_path)
    assert len(known_arms()) >= 5
    for name in known_arms():
        assert arm(name).name == name
    studies = sorted((recipes_dir() / "studies").glob("*.yaml"))
    assert len(studies) >= 2
    for file in studies:
        assert load_study(file).name == file.stem
        assert load_study(Path(file.stem)) == load_study(Path(file.name)) == load_study(file)


def test_every_study_that_ships_has_worlds_enough_to_say_something_about_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(examples_dir() / "handbook", tmp_path / "handbook")
    monkeypatch.chdir(tmp_path)
    for file in sorted((recipes_dir() / "studies").glob("*.yaml")):
        study = load_study(file)
        for entry in study.worlds:
            # One's own documents are one world, and what another tool wrote is about one.
            told = any(part.startswith(FILE) for arm in study.arms_of(entry) for part in arm.corpus)
            assert len(entry.seeds) >= 3 or "path" in entry.config or told, file.name


def test_untrained_arms_have_one_cell_per_world(study_file: Path) -> None:
    cells = plan(load(study_file))
    assert [(cell.arm.name, cell.labels.training_seed) for cell in cells] == [
        ("pretrained", None), ("icl", None), ("ft", 0), ("ft", 1), ("ft+oracle", 0), ("ft+oracle", 1),
    ]  # fmt: skip
    assert len(keys(cells)) == 6
    assert [cell.training and cell.training.steps for cell in cells] == [None, None, 12, 12, 12, 12]
    assert cells[-1].arm.corpus == ["documents", "rephrase", "reversal"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"name": "other", "batch_size": 1, "keep_checkpoints": True}, 6),
        ({"worlds.0.name": "small"}, 6),
        ({"training_seeds": [1, 2]}, 4),
        ({"arms": ["icl", {"name": "plain", "corpus": ["documents"]}]}, 3),
        ({"steps": 13}, 2),
        ({"recipe_overrides": {"learning_rate": 0.001}}, 2),
        ({"worlds.0.seeds": [1]}, 0),
        ({"worlds.0.splits": ["reversal"]}, 0),
    ],
)
def test_a_changed_knob_renames_only_what_depends_on_it(study_file: Path, changes: dict[str, Any], same: int) -> None:
    assert len(keys(plan(load(study_file))) & keys(plan(load(study_file, **changes)))) == same


def test_the_key_follows_the_weights_and_not_the_name_of_the_model(
    study_file: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "copy")
    copied = plan(load(study_file, models=[str(tmp_path / "copy")]))
    assert keys(copied) == keys(plan(load(study_file))) and copied[0].model.name == "copy"
    weights = tmp_path / "copy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert not keys(plan(load(study_file, models=[str(tmp_path / "copy")]))) & keys(copied)


def test_checkpoints_are_shared_between_cells_that_only_ask_differently(study_file: Path) -> None:
    cell = plan(load(study_file))[2]
    other = plan(load(study_file, **{"worlds.0.splits": ["reversal"]}))[2]
    assert other.key != cell.key and other.training_key == cell.training_key


def test_a_cell_holds_config_ledger_results_and_samples(study_file: Path, done: Path) -> None:
    for cell in plan(load(study_file)):
        folder = done / "cells" / cell.key
        assert len(list(folder.rglob("results_*.json"))) == 1
        samples = [json.loads(line) for file in folder.rglob("samples_*.jsonl") for line in file.open()]
        assert len(samples) == len(cell.world.make().questions) == 20
        ledger = json.loads((folder / "ledger.json").read_text())
        assert (ledger["training"] or {}).get("steps") == (cell.training.steps if cell.training else None)
        assert ledger["evaluation"]["questions"] == 20
        config = json.loads((folder / "config.json").read_text())
        assert config["key"] == cell.key and config["labels"] == cell.labels.to_dict()
    assert not list((done / "checkpoints").iterdir())


def test_in_context_prompts_cost_their_context(study_file: Path, done: Path) -> None:
    closed, icl = (
        json.loads((done / "cells" / cell.key / "ledger.json").read_text())["evaluation"]["prompt_tokens"]
        for cell in plan(load(study_file))[:2]
    )
    assert icl > 24 * 6 * 5 > 0 and icl > 10 * closed > 0


def test_table_agrees_with_the_samples(study_file: Path, done: Path) -> None:
    table = json.loads((done / "table.json").read_text())
    assert table["cells"] == {"planned": 6, "complete": 6}
    records = {(record["arm"], record["split"]): record for record in table["accuracy"]}
    assert len(records) == 4 * 4
    by_hand = [
        json.loads(line)["acc"]
        for cell in plan(load(study_file))
        if cell.arm.name == "ft"
        for file in (done / "cells" / cell.key).rglob("samples_icl_ft_reversal_closed_*.jsonl")
        for line in file.open()
    ]
    record = records["ft", "reversal"]
    assert len(by_hand) == record["n"] == 12 and record["facts"] == 6
    assert record["accuracy"] == pytest.approx(sum(by_hand) / 12)
    assert (record["chance"], records["ft", "reversal_entity"]["chance"]) == (0.5, 0.25)
    words = record["labels"]["gold_word"]
    assert {word: entry["n"] for word, entry in words.items()} == {"less": 6, "more": 6}
    assert sum(entry["accuracy"] for entry in words.values()) / 2 == pytest.approx(record["accuracy"])
    assert set(record["training_seeds"]) == {"0", "1"} and not records["icl", "reversal"]["training_seeds"]
    compute = {entry["arm"]: entry for entry in table["compute"]}
    assert [compute[arm]["steps"] for arm in ("pretrained", "icl", "ft", "ft+oracle")] == [0, 0, 12, 12]
    assert compute["icl"]["prompt_tokens"] > compute["ft"]["prompt_tokens"]
    rows = list(csv.DictReader((done / "table.csv").open()))
    assert len(rows) == 16 and float(rows[0]["accuracy"]) == table["accuracy"][0]["accuracy"]
    markdown = (done / "table.md").read_text()
    assert "| chance |  | 50.0 | 25.0 | 50.0 | 25.0 |" in markdown
    assert all(f"| {arm} |" in markdown for arm in compute)


def test_arms_and_seeds_differ_so_that_equal_numbers_mean_something(done: Path) -> None:
    scores = {
        tuple(json.loads(line)["filtered_resps"][0][0] for line in file.open())
        for file in (done / "cells").rglob("samples_icl_ft_reversal_*.jsonl")
        if "_reversal_closed_" in file.name or "_reversal_icl_" in file.name
    }
    assert len(scores) == 6


def test_a_second_run_does_nothing_and_a_lost_cell_is_made_again(study_file: Path, done: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(done, folder)
    assert run_quietly(load(study_file), folder) == []
    lost = plan(load(study_file))[3]
    shutil.rmtree(folder / "cells" / lost.key)
    _, _, files = write_table(folder)
    assert "1 of 6 cells are missing" in files[0].read_text()
    (folder / "cells" / f".{lost.key}-left").mkdir()  # as a kill leaves it
    assert run_quietly(load(study_file), folder) == [str(lost)]
    assert not list((folder / "cells").glob(".*"))
    for file in write_table(folder)[2]:
        assert file.read_bytes() == (done / file.name).read_bytes()


def test_kept_checkpoints_serve_another_question(study_file: Path, tmp_path: Path) -> None:
    changes = {"arms": ["ft"], "training_seeds": [0], "keep_checkpoints": True, "worlds.0.splits": ["reversal"]}
    run_quietly(load(study_file, **changes), tmp_path)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    made = (checkpoint / "ledger.json").stat().st_mtime_ns
    changes |= {"worlds.0.splits": ["rephrase"], "keep_checkpoints": False}
    run_quietly(load(study_file, **changes), tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 2 and not list((tmp_path / "checkpoints").iterdir())
    ledgers = [json.loads((cell / "ledger.json").read_text())["training"] for cell in (tmp_path / "cells").iterdir()]
    assert ledgers[0] == ledgers[1] and made  # one training: even its seconds are the same


def test_two_runs_in_one_folder(study_file: Path, tmp_path: Path) -> None:
    Store(tmp_path)
    with FileLock(tmp_path / ".lock"), pytest.raises(UsageError, match="another run is at work"):
        run_quietly(load(study_file), tmp_path)


def test_a_full_disk_is_one_message_and_leaves_no_half_cell(study_file: Path, tmp_path: Path) -> None:
    run_quietly(load(study_file, arms=["pretrained"], **{"worlds.0.splits": ["reversal"]}), tmp_path)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))  # a results file is longer
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            run_quietly(load(study_file, arms=["pretrained"]), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(list((tmp_path / "cells").iterdir())) == 1


@pytest.mark.slow
def test_killed_at_five_random_moments_it_ends_with_the_same_numbers(
    study_file: Path, done: Path, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"random.Random({seed})")  # shown when the test fails
    rng = random.Random(seed)
    folder = tmp_path / "out"
    program = "from icl_ft_plugin.cli.app import main; main()"
    command = [sys.executable, "-c", program, "study", str(study_file), "--out", str(folder)]
    kills = complete = 0
    while kills < 5:
        before = complete
        planned = mtime(folder / "study.json")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda: mtime(folder / "study.json") != planned, process)  # noqa: B023
            time.sleep(rng.uniform(0, 12))  # loading the libraries, training or scoring
            killed = process.poll() is None
            process.send_signal(signal.SIGKILL)
        complete = len([path for path in (folder / "cells").glob("*") if not path.name.startswith(".")])
        assert complete >= before
        kills += killed
        if complete == 6:
            # All done before the fifth kill: lose a cell, so that there is something to kill.
            lost = rng.choice(sorted((folder / "cells").iterdir()))
            shutil.rmtree(lost)
            complete -= 1
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for name in ("table.json", "table.csv", "table.md"):
        assert (folder / name).read_bytes() == (done / name).read_bytes()
    assert {path.name for path in (folder / "cells").iterdir()} == {path.name for path in (done / "cells").iterdir()}


def mtime(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def wait_for(condition: Any, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None, "the study ended by itself"
        time.sleep(0.05)
    raise AssertionError("the study did not begin within a minute")
