"""Hashes of large files, each taken once: ``remembered(Path("model.safetensors"))`` reads 16 GB the first time only.

What is known stands in ``icl_ft_hashes.json`` in the Hub's home (``HF_HOME``), by the file's place, and holds for as long as
the file has the same size, inode and times to the nanosecond.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json, sha256, write_json

LEAST = 32 * 2**20  # bytes; a smaller file is hashed faster than it is looked up
_SETTLED = 2.0  # seconds: within them a file may change again without another time on some disks


def remembered(file: Path) -> str:
    """Return the SHA-256 of a file, from memory if it has not changed since it was last taken."""
    seen = file.stat()
    if seen.st_size < LEAST:
        return sha256(file)
    from huggingface_hub import constants

    memory, place = Path(constants.HF_HOME) / "icl_ft_hashes.json", str(file.resolve())
    state = [seen.st_size, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns]
    if (entry := _read(memory).get(place)) and entry[:-1] == state:
        return str(entry[-1])
    digest, settled = sha256(file), time.time() - max(seen.st_mtime, seen.st_ctime) > _SETTLED
    if settled and file.stat().st_mtime_ns == seen.st_mtime_ns:
        with contextlib.suppress(OSError):  # a home that cannot be written: the file is hashed again next time
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_json(memory, _read(memory) | {place: [*state, digest]})
    return digest


def _read(memory: Path) -> dict[str, list[object]]:
    try:
        known = read_json(memory)
    except UsageError:  # none yet, or not ours to read
        return {}
    return {place: entry for place, entry in known.items() if isinstance(entry, list) and len(entry) == 5}
