"""Compares every byte below a study's folder with what was written: ``icl-ft study verify runs/demo``.

For example::

    cells/1f0c9a37e5b2d846: model/samples_icl_ft_reversal_closed_2026-01-02.jsonl has 1200 bytes in the place of 4800
    runs/demo: 11 folders, 1 damaged: run the study again to make it again
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import MANIFEST, damage
from icl_ft_plugin.study.store import fault


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found.

    Attributes:
        faults: A line for each damaged folder.
        summary: One line.
    """

    faults: tuple[str, ...]
    summary: str


def verify(folder: Path) -> Verified:
    """Compare a study's cells, augmentations and kept weights, or one folder that has a manifest, with what was written.

    Raises:
        UsageError: It is neither.
    """
    if (folder / "study.json").is_file():
        made = [
            path for kind in ("cells", "augmentations", "checkpoints") for path in sorted(folder.glob(f"{kind}/[!.]*"))
        ]
    elif (folder / MANIFEST).exists():
        made = [folder]
    else:
        raise UsageError(f"{folder}: neither a study (study.json) nor a folder with a {MANIFEST}")
    reasons = {path: (fault if path.parent.name == "cells" else damage)(path, hashes=True) for path in made}
    unlisted = sum(not (path / MANIFEST).exists() for path in made)
    faults = [
        f"{path.relative_to(folder) if path != folder else path}: {reason}"
        for path, reason in reasons.items()
        if reason
    ]
    told = f"{len(made)} folders, {len(faults) or 'none'} damaged"
    told += f", {unlisted} of an earlier version, without a {MANIFEST}" if unlisted else ""
    remedy = ": run the study again to make them again" if faults and made != [folder] else ""
    return Verified(tuple(faults), f"{folder}: {told}{remedy}")
