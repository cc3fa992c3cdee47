"""Which checkpoint of a killed run may be resumed: the newest that is complete, byte for byte.

A checkpoint folder gets a ``complete.json`` last, by an atomic rename, for example::

    {"step": 40, "tokens": 11680, "target_tokens": 11040, "seconds": 8.1,
     "files": {"model.safetensors": "5c...", "optimizer.pt": "e1...", ...}}

The trainer itself resumes from the highest number, whatever lies there: a checkpoint without optimizer or random
state trains on without an error to other weights. Here every file must have its hash.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

MARKER = "complete.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run has done up to a step; see ``Ledger`` for the units."""

    step: int = 0
    tokens: int = 0
    target_tokens: int = 0
    seconds: float = 0.0
    resumed_at: tuple[int, ...] = ()


def mark_complete(checkpoint: Path, progress: Progress) -> None:
    """Declare a checkpoint complete, with the hash of each of its files.

    Args:
        checkpoint: The folder, all its other files written.
        progress: Counters at this step, which the trainer does not restore.
    """
    files = {path.name: _sha256(path) for path in sorted(checkpoint.iterdir()) if path.name != MARKER}
    partial = checkpoint / f"{MARKER}.partial"
    partial.write_text(json.dumps({**asdict(progress), "files": files}, indent=2), encoding="utf-8")
    partial.replace(checkpoint / MARKER)


def newest_complete(folder: Path) -> tuple[Path | None, Progress]:
    """Return the newest checkpoint that is complete and unchanged; warn of the others and remove them.

    Args:
        folder: Where the trainer writes ``checkpoint-STEP`` folders.

    Returns:
        The checkpoint (None: start at step 0) and the progress it stands for.
    """
    for path in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        fault, progress = _inspect(path)
        if not fault:
            return path, progress
        logger.warning("%s: not resumed from: %s", path, fault)
        shutil.rmtree(path)
    return None, Progress()


def _step(path: Path) -> int:
    number = path.name.removeprefix("checkpoint-")
    return int(number) if number.isdigit() else -1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect(path: Path) -> tuple[str, Progress]:
    """Return what is wrong with a checkpoint (empty: nothing) and its progress."""
    try:
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
        files = marker.pop("files")
        progress = Progress(**{**marker, "resumed_at": tuple(marker["resumed_at"])})
    except FileNotFoundError:
        return "it was not written to its end", Progress()
    except (ValueError, TypeError, KeyError, OSError) as error:
        return f"{MARKER} is damaged: {error}", Progress()
    if progress.step != _step(path):
        return f"{MARKER} is of step {progress.step}", Progress()
    for name, digest in files.items():
        if not (path / name).is_file():
            return f"{name} is missing", Progress()
        if _sha256(path / name) != digest:
            return f"{name} has changed since it was written", Progress()
    return "", progress
