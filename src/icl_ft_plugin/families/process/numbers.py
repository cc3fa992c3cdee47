"""Tells functions apart by their values: ``differ(parse("exp(log(x))"), parse("x"))`` is False.

The canonical form knows no identity between functions; numbers know them all.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable

from icl_ft_plugin.families.process.rules import Node

# Complex, so that every logarithm has a value, and small, so that few exponentials are too large for a number.
POINTS = (0.11 + 0.07j, 0.31 + 0.22j, 0.57 - 0.41j, 0.83 + 0.13j)
TOLERANCE = 1e-6
_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "exp": cmath.exp,
    "log": cmath.log,
}


def evaluate(node: Node, x: complex) -> complex:
    """Return the value of an expression at ``x``.

    Raises:
        ArithmeticError: It has none, or one too large for a number.
        ValueError: A logarithm of zero.
    """
    if node.kind == "x":
        return x
    if node.kind == "number":
        return node.number
    values = [evaluate(part, x) for part in node.parts]
    if node.kind == "sum":
        return values[0] + values[1]
    if node.kind == "product":
        return values[0] * values[1]
    if node.kind == "scale":
        return node.number * values[0]
    return values[0] ** node.number if node.kind == "power" else _FUNCTIONS[node.kind](values[0])


def differ(first: Node, second: Node) -> bool:
    """Tell whether two expressions have clearly different values somewhere; False if none can be computed."""
    for point in POINTS:
        try:
            a, b = evaluate(first, point), evaluate(second, point)
        except (ArithmeticError, ValueError):
            continue
        if abs(a - b) > TOLERANCE * (abs(a) + abs(b)):
            return True
    return False
