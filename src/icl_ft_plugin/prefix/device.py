"""Says before anything is loaded that a CUDA device is not there: ``--device cuda: torch sees no CUDA device; use cpu``."""

from __future__ import annotations

import torch

from icl_ft_plugin.errors import UsageError


def refuse_missing_device(device: str | None, count: int) -> None:
    """Refuse a CUDA device that is not there; ``cuda:0``, lm-eval's default, means whatever there is.

    Args:
        device: As hf takes it.
        count: CUDA devices that torch sees.

    Raises:
        UsageError: There is no such device.
    """
    kind, _, index = str(device).partition(":")
    if kind == "cuda" and device != "cuda:0" and int(index or 0) >= count:
        sees = f"{count} CUDA device{'' if count == 1 else 's'}" if count else "no CUDA device"
        raise UsageError(
            f"--device {device} (device={device!r} in Python): torch {torch.__version__} sees {sees}; "
            f"use {f'cuda:0 to cuda:{count - 1}' if count > 1 else 'cuda' if count else 'cpu'}"
        )
