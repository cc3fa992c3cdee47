from __future__ import annotations

import logging
from pathlib import Path

import pytest

from icl_ft_plugin.files import write_manifest
from icl_ft_plugin.training.checkpoints import Progress, mark_complete, newest_complete


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights" * step)
    (path / "optimizer.pt").write_bytes(b"moments" * step)
    mark_complete(path, Progress(step, 100 * step, 90 * step, 0.5 * step, (2,)))
    return path


def damage_by_truncation(path: Path) -> None:
    with (path / "optimizer.pt").open("r+b") as file:
        file.truncate(3)


def rewrite_progress(path: Path) -> None:
    (path / "progress.json").write_text("{}")
    write_manifest(path)


DAMAGE = {
    "is missing": lambda path: (path / "optimizer.pt").unlink(),
    "bytes in the place of": damage_by_truncation,
    "holds other bytes": lambda path: (path / "optimizer.pt").write_bytes(b"momentS" * 20),
    "manifest.json is missing": lambda path: (path / "manifest.json").unlink(),
    "manifest.json cannot be read": lambda path: (path / "manifest.json").write_text("{}"),
    "progress.json is damaged": lambda path: rewrite_progress(path),
}


def test_none(tmp_path: Path) -> None:
    assert newest_complete(tmp_path) == (None, Progress())


def test_the_newest_by_number_not_by_name(tmp_path: Path) -> None:
    for step in (90, 100, 20):
        checkpoint(tmp_path, step)
    assert newest_complete(tmp_path) == (tmp_path / "checkpoint-100", Progress(100, 10000, 9000, 50.0, (2,)))


@pytest.mark.parametrize("message", DAMAGE)
def test_a_damaged_checkpoint_is_refused_for_an_older_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, message: str
) -> None:
    older, newer = checkpoint(tmp_path, 10), checkpoint(tmp_path, 20)
    DAMAGE[message](newer)
    with caplog.at_level(logging.WARNING):
        assert newest_complete(tmp_path)[0] == older
    assert message in caplog.text
    assert str(newer) in caplog.text
    assert not newer.exists()


def test_a_renamed_checkpoint_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint(tmp_path, 9).rename(tmp_path / "checkpoint-20")
    assert newest_complete(tmp_path)[0] is None
    assert "is of step 9" in caplog.text
