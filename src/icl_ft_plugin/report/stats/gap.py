"""The headline: how much of the gap between finetuning and in-context learning an arm closes.

``gap_closed(arm, ft, icl)`` with accuracies 0.9, 0.5 and 1.0 is ``(0.9 - 0.5) / (1.0 - 0.5) = 0.8``: four fifths. It is
undefined where in-context learning is not shown to beat finetuning, and then says why.

The interval is Fieller's (Quarterly Journal of Pharmacy 17, 1944): all shares s for which "arm - ft - s (icl - ft) is 0" is not
rejected, with the variances, the covariance and Student's quantile of the differences that it is made of (``mean``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from icl_ft_plugin.report.stats.grid import Floats, Grid
from icl_ft_plugin.report.stats.mean import NOTHING, Moments, difference, moments


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Share of the gap closed; NaN where it is undefined.

    Attributes:
        closed: 0 is finetuning, 1 in-context learning.
        low: Lower end of the 95% interval.
        high: Upper end of the 95% interval.
        reason: Why it is undefined for a single study; empty where it is defined.
    """

    closed: Floats
    low: Floats
    high: Floats
    reason: str = ""


def gap_closed(arm: Mapping[int, Grid], ft: Mapping[int, Grid], icl: Mapping[int, Grid]) -> Gap:
    """Return the share of the gap from ``ft`` to ``icl`` that ``arm`` closes.

    Args:
        arm: World seed to answers.
        ft: Those of plain finetuning.
        icl: Those of in-context learning.

    Raises:
        ValueError: The arms share no world.
    """
    worlds = [world for world in arm if world in ft and world in icl]
    if not worlds:
        raise ValueError("the three arms share no world")
    ways = [ft[world].ways for world in worlds]
    gains = [arm[world].answers - ft[world].answers for world in worlds]
    rooms = [icl[world].answers - ft[world].answers for world in worlds]
    gain, room = moments(gains, ways), moments(rooms, ways)
    both = moments([a + b for a, b in zip(gains, rooms, strict=True)], ways)
    needed = difference({w: icl[w] for w in worlds}, {w: ft[w] for w in worlds})
    closed, low, high = _fieller(gain, room, (both.variance - gain.variance - room.variance) / 2)
    bound = 1 - 0.025 ** (1 / room.clusters)
    with np.errstate(invalid="ignore"):  # NaN where there is no interval
        alike = high - low < NOTHING  # the arm answers like icl or ft on every fact; 3.7 in G might differ otherwise
        shown = needed.low > 0
        wide = np.where(alike, bound / np.where(room.mean > 0, room.mean, np.nan), 0.0)
    closed, low, high = (np.where(shown, value, np.nan) for value in (closed, low - wide, high + wide))
    return Gap(closed, low, high, "" if np.all(shown) else _reason(needed.mean, needed.low, needed.high, room.why))


def _fieller(gain: Moments, room: Moments, covariance: Floats) -> tuple[Floats, Floats, Floats]:
    t = gain.quantile
    limit = np.sqrt(gain.variance * room.variance)
    shared = t**2 * np.clip(covariance, -limit, limit)
    a = room.mean**2 - t**2 * room.variance
    b = room.mean * gain.mean - shared
    c = gain.mean**2 - t**2 * gain.variance
    with np.errstate(divide="ignore", invalid="ignore"):  # no gap: refused by the caller
        half = np.sqrt(np.maximum(0.0, b**2 - a * c)) / a
        return gain.mean / room.mean, b / a - half, b / a + half


def _reason(mean: Floats, low: Floats, high: Floats, why: str) -> str:
    by = f"icl - ft is {100 * float(np.mean(mean)):+z.1f} points"
    if why:
        return f"{by}, and {why}"
    by += f", 95% interval {100 * float(np.mean(low)):+z.1f} to {100 * float(np.mean(high)):+z.1f}"
    return f"icl does not beat ft ({by})" if np.mean(mean) <= 0 else f"icl is not shown to beat ft ({by})"
