"""Files appear whole or not at all, and tell when they are damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from icl_ft_plugin import files
from icl_ft_plugin.errors import UsageError


def made(folder: Path) -> Path:
    """Make a folder of two files, one in a folder of its own."""
    with files.atomic_folder(folder, manifest=True) as draft:
        files.write_jsonl(draft / "rows.jsonl", [{"n": i} for i in range(20)])
        (draft / "inner").mkdir()
        (draft / "inner" / "note.txt").write_text("whole", encoding="utf-8")
    return folder


def test_a_whole_folder_has_no_damage(tmp_path: Path) -> None:
    assert files.damage(made(tmp_path / "a"), hashes=True) is None


def test_a_file_cut_at_a_line_end_is_seen_by_its_size(tmp_path: Path) -> None:
    file = made(tmp_path / "a") / "rows.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:5]))
    assert files.damage(tmp_path / "a") == "rows.jsonl has 45 bytes in the place of 190"


def test_other_bytes_of_the_same_size_are_seen_by_their_hash(tmp_path: Path) -> None:
    note = made(tmp_path / "a") / "inner" / "note.txt"
    note.write_text("WHOLE", encoding="utf-8")
    assert files.damage(tmp_path / "a") is None
    assert files.damage(tmp_path / "a", hashes=True) == "inner/note.txt holds other bytes than were written"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": 3}', '{"files": {"rows.jsonl": 3}}', '{"files": {"gone": {}}}']
)
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path: Path, text: str) -> None:
    (made(tmp_path / "a") / files.MANIFEST).write_text(text)
    assert files.damage(tmp_path / "a") == "manifest.json cannot be read"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (made(tmp_path / "a") / "rows.jsonl").unlink()
    assert files.damage(tmp_path / "a") == "rows.jsonl is missing"


def test_files_and_folders_reach_the_disk_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    true_sync, true_replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        true_sync(handle)

    def replace(self: Path, target: Path) -> Path:
        synced.append(f"rename {Path(target).name}")
        return true_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    made(tmp_path / "a")
    rename = synced.index("rename a")
    assert {"rows.jsonl", "note.txt", "inner", "manifest.json"} <= set(synced[:rename])
    assert synced[rename - 1].startswith(".a-") and synced[rename + 1 :] == [tmp_path.name]


def test_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b\u2029c\u0085d\x0ce\x1cf\rg"}, {"text": ""}]
    files.write_jsonl(tmp_path / "rows.jsonl", rows)
    assert files.read_jsonl(tmp_path / "rows.jsonl") == rows
    (tmp_path / "empty.jsonl").touch()
    assert files.read_jsonl(tmp_path / "empty.jsonl") == []


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"1" * 5000, "not JSON that can be read"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b"[]", "not a JSON object"),
    ],
)
def test_what_is_no_json_object_is_one_message(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "ledger.json").write_bytes(data)
    with pytest.raises(UsageError, match=word) as refusal:
        files.read_json(tmp_path / "ledger.json")
    assert "ledger.json" in str(refusal.value) and len(str(refusal.value)) < 500


def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(UsageError, match="not a file"):
            files.read_text(path)


def test_a_text_takes_the_place_of_another_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_text(tmp_path / "a.json", "first")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write_text(tmp_path / "a.json", "second")
    assert (tmp_path / "a.json").read_text() == "first" and len(list(tmp_path.iterdir())) == 1
