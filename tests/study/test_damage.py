"""Damaged results are seen, named, moved aside and made again: nothing is silently counted with fewer questions."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_study import save_study
from typer.testing import CliRunner

from icl_ft_plugin.augment.folder import make_folder, read_folder
from icl_ft_plugin.augment.run import rule_based
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.files import MANIFEST, damage
from icl_ft_plugin.guard.locks import Timeout, locked
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.store import DAMAGED, REASON, Store
from icl_ft_plugin.training.rows import read_rows
from icl_ft_plugin.worlds.folder import save_world


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_study(tmp_path_factory.mktemp("study"), arms=["pretrained", "icl"])


@pytest.fixture(scope="module")
def whole(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    result = icl_ft("study", study_file, "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def done(whole: Path, tmp_path: Path) -> Path:
    """A copy of a complete study."""
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def first(folder: Path, pattern: str) -> Path:
    return sorted(folder.rglob(pattern))[0]


def cut_at_a_line(cell: Path) -> None:
    file = first(cell, "samples_*.jsonl")
    file.write_text("".join(line + "\n" for line in file.read_text().split("\n")[:2]))


def empty(pattern: str) -> Callable[[Path], None]:
    return lambda cell: first(cell, pattern).write_text("")


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda cell: first(cell, pattern).unlink()


def emptied(cell: Path) -> None:
    shutil.rmtree(cell)
    cell.mkdir()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (cut_at_a_line, "bytes in the place of"),
        *(
            pytest.param(harm, said, marks=pytest.mark.slow)
            for harm, said in (
                (empty("samples_*.jsonl"), "has 0 bytes in the place of"),
                (empty("ledger.json"), "ledger.json has 0 bytes in the place of"),
                (remove("results_*.json"), "is missing"),
                (empty(MANIFEST), "manifest.json cannot be read"),
            )
        ),
        (emptied, "it is empty"),
    ],
)
def test_a_damaged_cell_is_named_and_made_again(
    done: Path, study_file: Path, harm: Callable[[Path], None], said: str
) -> None:
    table = (done / "table.json").read_bytes()
    cell = first(done / "cells", "[!.]*")
    harm(cell)
    for command in (("study", "status"), ("study", "verify"), ("report",)):
        result = icl_ft(*command, done)
        assert result.exit_code == 2 and said in result.output, (command, result.output)
    assert (done / "table.json").read_bytes() != table  # of the other cell alone, and it says so
    assert "1 of 2 cells" in (done / "table.md").read_text()
    result = icl_ft("study", study_file, "--out", done)
    assert result.exit_code == 0, result.output
    assert (done / "table.json").read_bytes() == table
    aside = done / "cells" / f"{DAMAGED}{cell.name}-1"
    assert said in (aside / REASON).read_text()
    assert icl_ft("study", "status", done).exit_code == icl_ft("study", "verify", done).exit_code == 0


def test_other_bytes_of_the_same_size_are_seen_by_verify_and_made_again(done: Path, study_file: Path) -> None:
    table = (done / "table.json").read_bytes()
    cell = first(done / "cells", "[!.]*")
    samples = first(cell, "samples_*.jsonl")
    samples.write_bytes(samples.read_bytes().replace(b'"acc": 0.0', b'"acc": 1.0'))
    assert icl_ft("study", "status", done).exit_code == 0  # which compares sizes
    result = icl_ft("study", "verify", done)
    assert result.exit_code == 2 and "holds other bytes than were written" in result.output
    assert f"cells/{cell.name}: " in result.output and "1 damaged" in result.output
    assert icl_ft("study", study_file, "--out", done).exit_code == 0
    assert (done / "table.json").read_bytes() == table


def test_a_cell_of_before_there_were_manifests_counts_while_its_ledger_can_be_read(done: Path) -> None:
    for manifest in (done / "cells").rglob(MANIFEST):
        manifest.unlink()
    assert icl_ft("report", done).exit_code == icl_ft("study", "status", done).exit_code == 0
    assert "2 of an earlier version" in icl_ft("study", "verify", done).output
    first(done / "cells", "ledger.json").write_text("")
    assert "ledger.json cannot be read" in icl_ft("study", "status", done).output


def augmentation(folder: Path) -> Path:
    make_folder(folder, lambda journal: rule_based(generate("reversal", 0, {"n_facts": 4}), "oracle"))
    return folder


def test_a_cut_augmentation_is_not_trained_on_and_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    folder = augmentation(store.augmentation("a1"))
    assert read_folder(folder).statements
    with store.making(folder) as needed:
        assert not needed
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(line + "\n" for line in corpus.read_text().split("\n")[:2]))
    with pytest.raises(UsageError, match=r"a1: damaged: corpus.jsonl has \d+ bytes in the place of"):
        read_folder(folder)
    with store.making(folder) as needed:
        assert needed and not folder.exists()
    assert "corpus.jsonl" in (folder.with_name(f"{DAMAGED}a1-1") / REASON).read_text()


def test_rows_beside_a_manifest_are_compared_before_they_are_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = icl_ft("augment", "reversal", "--set", "n_facts=4", "--strategy", "oracle", "--out", out)
    assert result.exit_code == 0, result.output
    rows = read_rows(out / "train.jsonl")
    assert len(rows) > 10 and icl_ft("study", "verify", out).exit_code == 0
    (out / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    with pytest.raises(UsageError, match=r"train\.jsonl: damaged"):
        read_rows(out / "train.jsonl")
    assert icl_ft("study", "verify", out).exit_code == 2
    (out / MANIFEST).write_text("[]")
    with pytest.raises(UsageError, match="not a JSON object"):
        read_rows(out / "train.jsonl")


def test_world_folders_have_manifests(tmp_path: Path) -> None:
    save_world(generate("reversal", 0, {"n_facts": 4}), tmp_path / "one")
    assert (
        icl_ft("data", "build", "reversal", "--set", "n_facts=4", "--worlds", 2, "--out", tmp_path / "two").exit_code
        == 0
    )
    for folder in (tmp_path / "one", tmp_path / "two", tmp_path / "two" / "seed-1"):
        assert icl_ft("study", "verify", folder).exit_code == 0
        first(folder, "facts.jsonl").write_text("")
        assert icl_ft("study", "verify", folder).exit_code == 2
    assert icl_ft("study", "verify", tmp_path).exit_code == 2  # nothing there


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


def test_a_report_elsewhere_and_the_status_write_nothing_into_the_study(done: Path, tmp_path: Path) -> None:
    before = contents(done)
    (tmp_path / "elsewhere").mkdir()
    result = icl_ft("report", done, "--out", tmp_path / "elsewhere" / "page.html")
    assert result.exit_code == 0, result.output
    assert icl_ft("study", "status", done).exit_code == icl_ft("study", "verify", done).exit_code == 0
    assert contents(done) == before
    written = {path.name for path in (tmp_path / "elsewhere").iterdir()}
    assert {"page.html", "figures", "table.json", "table.md", "table.csv", "table.parquet", "items.parquet"} <= written
    assert (tmp_path / "elsewhere" / "table.json").read_bytes() == (done / "table.json").read_bytes()


@pytest.mark.slow
def test_kept_weights_that_were_cut_are_trained_again(tmp_path: Path) -> None:
    file = save_study(tmp_path, arms=["ft"], training_seeds=[0], steps=2, keep_checkpoints=True)
    out = tmp_path / "out"
    assert icl_ft("study", file, "--out", out).exit_code == 0
    table = (out / "table.json").read_bytes()
    weights = first(out / "checkpoints", "*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "checkpoints/" in icl_ft("study", "verify", out).output
    shutil.rmtree(first(out / "cells", "[!.]*"))
    result = icl_ft("study", file, "--out", out)
    assert result.exit_code == 0, result.output
    assert (out / "table.json").read_bytes() == table and icl_ft("study", "verify", out).exit_code == 0


@pytest.mark.slow
def test_two_processes_racing_for_one_cell_make_it_once(study_file: Path, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.executors.local import attempt
from icl_ft_plugin.study.plan import plan
study = load_study(Path(sys.argv[1]))
cell = plan(study)[0]
print("ready", flush=True)
sys.stdin.readline()
print(attempt(cell, study, Path(sys.argv[2])))
"""
    Store(tmp_path / "out").write_plan("t", plan(load_study(study_file)))
    command = [sys.executable, "-c", program, str(study_file), str(tmp_path / "out")]
    pipe = subprocess.PIPE
    racing = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    assert [process.stdout.readline() for process in racing] == ["ready\n"] * 2
    said = []
    for process in racing:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in racing:
        said.append(process.communicate(timeout=300)[0].strip().split("\n")[-1])
    assert said == ["None", "None"]  # neither failed
    (cell,) = (tmp_path / "out" / "cells").glob("[!.]*")
    assert len(list(cell.rglob("results_*.json"))) == 1 and damage(cell, hashes=True) is None


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_the_disk_has_no_locks_a_file_stands_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def without(*_: Any) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", without)
    lock = tmp_path / "lock"
    with locked(lock), pytest.raises(Timeout), locked(lock, wait=False):
        pass
    with locked(lock, wait=False):
        pass
    child = subprocess.Popen(["true"])
    child.wait()
    lock.with_name("lock.soft").write_text(f"{child.pid}\n{socket.gethostname()}\n")  # as a process that died leaves it
    os.utime(lock.with_name("lock.soft"), (1, 1))
    with locked(lock):
        pass
