"""Files and folders that appear whole or not at all, stay readable after a power loss, and tell when they are damaged.

For example::

    with atomic_folder(Path("runs/ft"), manifest=True) as folder:  # runs/.ft-x7k2/ until the block ends
        write_jsonl(folder / "corpus.jsonl", rows)
    damage(Path("runs/ft"))  # None; "corpus.jsonl has 120 bytes in the place of 3600" once it was cut

JSON lines end at a line feed and nowhere else: what models write holds U+2028, U+2029 and U+0085, at which
``str.splitlines`` cuts too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, shown

MANIFEST = "manifest.json"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_text(file: Path) -> str:
    """Read a text file.

    Raises:
        UsageError: It is missing, no ordinary file, or not UTF-8; the message names it.
    """
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for, for ever
            raise UsageError(f"{file}: not a file")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 ({error.reason} at byte {error.start})") from error


def json_of(text: str, place: str) -> Any:
    """Return a JSON value.

    Args:
        text: Its text.
        place: Where it stands, for the message.

    Raises:
        UsageError: It is not JSON, holds a lone surrogate, or is nested or numbered beyond what Python reads.
    """
    try:
        value = json.loads(text)
        check_half(text)
        return value
    except json.JSONDecodeError as error:
        raise UsageError(f"{place}: not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in brackets
        raise UsageError(f"{place}: not JSON that can be read ({str(error)[:80]})") from error


def check_half(text: str) -> None:
    """Refuse JSON that holds half a character, which could never be written again.

    Raises:
        ValueError: It does, or it is not JSON.
    """
    if _HALF.search(text):
        json.dumps(json.loads(text), ensure_ascii=False).encode()


def read_json(file: Path) -> dict[str, Any]:
    """Read a file of one JSON object.

    Raises:
        UsageError: It cannot be read, or is no object.
    """
    value = json_of(read_text(file), str(file))
    if not isinstance(value, dict):
        raise UsageError(f"{file}: not a JSON object")
    return value


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, which end at line feeds alone; an empty text has none."""
    return text.removesuffix("\n").split("\n") if text else []


def read_jsonl(file: Path) -> list[Any]:
    """Read a JSON-lines file; empty lines are skipped.

    Raises:
        UsageError: The file cannot be read or a line is not JSON; the message names file and line.
    """
    lines = enumerate(lines_of(read_text(file)), start=1)
    return [json_of(line, f"{file}, line {number}") for number, line in lines if line.strip()]


def write_jsonl(file: Path, rows: Iterable[object]) -> None:
    """Write one JSON value a line, UTF-8, newline-terminated."""
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_json(file: Path, value: object) -> None:
    """Write one JSON value, indented, in the place of what was there: whole, also after a power loss."""
    write_text(file, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text in the place of what was there: whole, also after a power loss."""
    with replacing(file) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield a draft that takes the place of a file when the block ends without an error: whole, also after a power loss."""
    draft = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        yield draft
        _sync(draft)
        draft.replace(file)
        _sync(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def check_free(target: Path) -> None:
    """Refuse a place where something is already.

    Raises:
        UsageError: A file or folder is there.
    """
    if target.exists():
        raise UsageError(f"{target}: exists already; name another folder or remove it")


@contextmanager
def atomic_folder(target: Path, *, manifest: bool = False, inside: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder that takes the name ``target`` when the block ends without an error.

    Args:
        target: The folder to make.
        manifest: Whether it gets a manifest, by which ``damage`` tells later whether it is as it was written.
        inside: Where the temporary folder stands, on the same disk; beside ``target`` by default.

    Raises:
        UsageError: The target exists, or the place cannot be written.
    """
    check_free(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=inside or target.parent))
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})") from error
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp makes it private; a result is an ordinary folder
        if manifest:
            write_manifest(temporary)
        put(temporary, target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({reason(error)})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def reason(error: OSError) -> str:
    """Return why something could not be written, and what to do where the disk is full."""
    said = str(error.strerror or error)
    return f"{said}: free space there, or name another folder, and run it again" if error.errno in FULL else said


def put(draft: Path, target: Path) -> None:
    """Give a folder that is complete its name, so that it is there whole or not at all, also after a power loss."""
    for path in sorted(draft.rglob("*"), reverse=True):
        _sync(path)
    _sync(draft)
    draft.replace(target)
    _sync(target.parent)


def write_manifest(folder: Path) -> None:
    """Note the bytes and the SHA-256 of every file below a folder, in its ``manifest.json``."""
    files = {name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for name, path in _below(folder)}
    write_json(folder / MANIFEST, {"files": files})


def damage(folder: Path, *, hashes: bool = False) -> str | None:
    """Tell what of a folder is not as it was written.

    Args:
        folder: A folder with a manifest; one that was made before there were manifests has nothing to be compared with.
        hashes: Whether to read every byte; otherwise sizes are compared.

    Returns:
        The first difference, in words; None where there is none.
    """
    if not (folder / MANIFEST).exists():
        return None if any(_below(folder)) else "it is empty"
    try:
        noted = read_json(folder / MANIFEST)["files"]
        expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in noted.items()}
    except (UsageError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    found = dict(_below(folder))
    if missing := sorted(expected.keys() - found.keys()):
        return f"{missing[0]} is missing"
    for name, (size, digest) in sorted(expected.items()):
        if found[name].stat().st_size != size:
            return f"{name} has {found[name].stat().st_size} bytes in the place of {size}"
        if hashes and sha256(found[name]) != digest:
            return f"{name} holds other bytes than were written"
    return None


def check_listed(file: Path) -> None:
    """Refuse a file that is not as the manifest beside it says; most files have none beside them.

    Raises:
        UsageError: It is damaged; the message names it.
    """
    if not (file.parent / MANIFEST).is_file():
        return
    try:
        entry = read_json(file.parent / MANIFEST)["files"].get(file.name)
        whole = entry is None or (file.stat().st_size == entry["bytes"] and sha256(file) == entry["sha256"])
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: cannot be compared with {MANIFEST} beside it ({shown(error)})") from error
    if not whole:
        raise UsageError(f"{file}: damaged: other bytes than {MANIFEST} beside it says; make the folder again")


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield path.relative_to(folder).as_posix(), path


def _sync(path: Path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk; where it cannot, that is no error."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
