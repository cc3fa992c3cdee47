"""A large file is hashed once, and again when it has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import constants

from icl_ft_plugin.files import sha256
from icl_ft_plugin.models import hashes


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(hashes, "LEAST", 4)
    monkeypatch.setattr(hashes, "sha256", lambda file: read.append(file) or sha256(file))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(hashes, "_SETTLED", -1.0)
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"first")
    assert hashes.remembered(file) == hashes.remembered(file) == sha256(file)
    assert len(read) == 1
    times = file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy that keeps the times does
    assert hashes.remembered(file) == sha256(file)
    assert len(read) == 2
    (tmp_path / "home" / "icl_ft_hashes.json").write_text("damaged")
    assert hashes.remembered(file) == sha256(file)
    monkeypatch.setattr(hashes, "_SETTLED", 3600.0)  # changed a moment ago: not yet remembered
    file.write_bytes(b"third")
    read.clear()
    assert hashes.remembered(file) == hashes.remembered(file) == sha256(file)
    assert len(read) == 2
