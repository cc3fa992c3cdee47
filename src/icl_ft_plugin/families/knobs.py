"""The check that a family's knobs are in range: ``n_facts=0`` is refused with its name, value and bounds."""

from __future__ import annotations

from collections.abc import Mapping

from icl_ft_plugin.errors import UsageError


def check_ranges(family: str, config: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Check knobs against their inclusive bounds.

    Raises:
        UsageError: A knob is out of range.
    """
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise UsageError(f"{family}: {name}={value!r} is not between {low} and {high}")
