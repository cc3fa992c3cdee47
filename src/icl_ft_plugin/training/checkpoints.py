"""Which checkpoint of a killed run may be resumed: the newest that is complete, byte for byte.

A checkpoint folder gets a ``progress.json``, and last the manifest of all its files (see ``files``). For example::

    {"step": 40, "tokens": 11680, "target_tokens": 11040, "seconds": 8.1, "resumed_at": []}

The trainer itself resumes from the highest number, whatever lies there: a checkpoint without optimizer or random
state trains on without an error to other weights. Here every file must have its hash.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import MANIFEST, damage, read_json, write_json, write_manifest

PROGRESS = "progress.json"

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
    write_json(checkpoint / PROGRESS, asdict(progress))
    write_manifest(checkpoint)


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


def _inspect(path: Path) -> tuple[str | None, Progress]:
    """Return what is wrong with a checkpoint and its progress."""
    if not (path / MANIFEST).exists():
        return f"{MANIFEST} is missing", Progress()
    if fault := damage(path, hashes=True):
        return fault, Progress()
    try:
        noted = read_json(path / PROGRESS)
        progress = Progress(**{**noted, "resumed_at": tuple(noted["resumed_at"])})
    except (UsageError, TypeError, KeyError) as error:
        return f"{PROGRESS} is damaged: {error}", Progress()
    return (None if progress.step == _step(path) else f"{PROGRESS} is of step {progress.step}"), progress
