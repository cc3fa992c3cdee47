"""P-values corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979); a NaN stays and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p == p)
    corrected = [nan] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        corrected[i] = running
    return corrected
