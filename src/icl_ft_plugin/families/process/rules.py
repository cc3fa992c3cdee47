"""Expression trees and the rules of an operator on them: ``show(apply(rules, parse("sin(2*x^3)")))`` is e.g. "exp(2*x^3)-9*x^5".

The operator looks like a derivative and is another: every rule differs from the derivative's, so that knowing
calculus does not help (OURS; arXiv 2505.00661 only says that the rules are uncommon). With u' for what the operator
makes of u, the derivative's rules stand on the left and those that worlds draw from on the right:

========================  =======================================================================
(c*u)' = c*u'             (c+1)*u', (c+2)*u', (c+3)*u'
(x^n)' = n*x^(n-1)        coefficient n+1, n+2, 2*n or 3*n; exponent n+1, n+2 or n+3
sin -> cos, ...           another function for each of sin, cos, exp, log
(u + v)' = u' + v'        u' - v', v' - u', u' + v, u + v'
(u*v)' = u'*v + u*v'      u'*v - u*v', u*v' - u'*v, u*u' + v*v', u*v + u'*v'
f(u)' = f'(u)*u'          g(u) + u', g(u) - u', u' - g(u), g(u')*u, g(u')*u'
========================  =======================================================================

The options have the shape of the derivative's rule, so that the length of an answer does not tell whose it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, replace
from itertools import permutations
from typing import NamedTuple

from icl_ft_plugin.families.words import share_of

FUNCTIONS = ("sin", "cos", "exp", "log")


class Node(NamedTuple):
    """An expression.

    Attributes:
        kind: ``"x"``, ``"number"``, ``"scale"`` (number times part), ``"power"`` (part to the number), ``"sum"``,
            ``"product"`` (of two parts each) or a function.
        parts: The subexpressions.
        number: The value, factor or exponent.
    """

    kind: str
    parts: tuple[Node, ...] = ()
    number: int = 0


X = Node("x")


def scale(factor: int, part: Node) -> Node:
    """Return ``factor`` times ``part``, factors merged."""
    if part.kind == "scale":
        return scale(factor * part.number, part.parts[0])
    if part.kind == "number":
        return Node("number", (), factor * part.number)
    if factor == 0:
        return Node("number")
    return part if factor == 1 else Node("scale", (part,), factor)


def power(base: Node, exponent: int) -> Node:
    """Return ``base`` to the ``exponent``."""
    if exponent == 0:
        return Node("number", (), 1)
    return base if exponent == 1 else Node("power", (base,), exponent)


def add(left: Node, right: Node) -> Node:
    """Return ``left + right``."""
    return Node("sum", (left, right))


def subtract(left: Node, right: Node) -> Node:
    """Return ``left - right``."""
    return add(left, scale(-1, right))


def multiply(left: Node, right: Node) -> Node:
    """Return ``left * right``, with number factors in front."""
    factor = 1
    rest = []
    for part in (left, right):
        if part.kind in ("scale", "number"):
            factor *= part.number
        if part.kind != "number":
            rest.append(part.parts[0] if part.kind == "scale" else part)
    if not rest:
        return Node("number", (), factor)
    return scale(factor, rest[0] if len(rest) == 1 else Node("product", tuple(rest)))


def show(node: Node) -> str:
    """Return the expression in plain ASCII, e.g. ``"3*x^2-sin(x)"``."""
    if node.kind == "x":
        return "x"
    if node.kind == "number":
        return str(node.number)
    if node.kind == "sum":
        left, right = node.parts
        if right.kind in ("scale", "number") and right.number < 0:
            return f"{show(left)}-{_factor(right._replace(number=-right.number))}"
        return f"{show(left)}+{show(right)}"
    if node.kind == "scale":
        part = _factor(node.parts[0])
        return f"-{part}" if node.number == -1 else f"{node.number}*{part}"
    if node.kind == "product":
        return "*".join(map(_factor, node.parts))
    if node.kind == "power":
        base = show(node.parts[0])
        return f"{base if node.parts[0].kind in ('x', *FUNCTIONS) else f'({base})'}^{node.number}"
    return f"{node.kind}({show(node.parts[0])})"


def _factor(node: Node) -> str:
    if node.kind == "scale" and node.number == 1:
        return _factor(node.parts[0])
    return f"({show(node)})" if node.kind == "sum" else show(node)


@dataclass(frozen=True, slots=True)
class Rules:
    """One operator: an option for each rule.

    Attributes:
        scale: What is added to a written factor.
        coefficient: Factor of a power, a key of ``COEFFICIENTS``.
        shift: What is added to the exponent of a power.
        functions: What sin, cos, exp and log turn into; ``"-sin"`` and ``"inverse"`` are the derivative's alone.
        sum: A key of ``SUMS``.
        product: A key of ``PRODUCTS``.
        compose: A key of ``COMPOSITIONS``.
    """

    scale: int
    coefficient: str
    shift: int
    functions: tuple[str, ...]
    sum: str
    product: str
    compose: str


COEFFICIENTS: dict[str, Callable[[int], int]] = {
    "n": lambda n: n,
    "n+1": lambda n: n + 1,
    "n+2": lambda n: n + 2,
    "2*n": lambda n: 2 * n,
    "3*n": lambda n: 3 * n,
}
# u and v are the parts, p and q what the operator makes of them.
SUMS: dict[str, Callable[[Node, Node, Node, Node], Node]] = {
    "u' + v'": lambda u, v, p, q: add(p, q),
    "u' - v'": lambda u, v, p, q: subtract(p, q),
    "v' - u'": lambda u, v, p, q: subtract(q, p),
    "u' + v": lambda u, v, p, q: add(p, v),
    "u + v'": lambda u, v, p, q: add(u, q),
}
PRODUCTS: dict[str, Callable[[Node, Node, Node, Node], Node]] = {
    "u'*v + u*v'": lambda u, v, p, q: add(multiply(p, v), multiply(u, q)),
    "u'*v - u*v'": lambda u, v, p, q: subtract(multiply(p, v), multiply(u, q)),
    "u*v' - u'*v": lambda u, v, p, q: subtract(multiply(u, q), multiply(p, v)),
    "u*u' + v*v'": lambda u, v, p, q: add(multiply(u, p), multiply(v, q)),
    "u*v + u'*v'": lambda u, v, p, q: add(multiply(u, v), multiply(p, q)),
}
# g is what the outer function turns into.
COMPOSITIONS: dict[str, Callable[[Callable[[Node], Node], Node, Node], Node]] = {
    "g(u)*u'": lambda g, u, p: multiply(g(u), p),
    "g(u) + u'": lambda g, u, p: add(g(u), p),
    "g(u) - u'": lambda g, u, p: subtract(g(u), p),
    "u' - g(u)": lambda g, u, p: subtract(p, g(u)),
    "g(u')*u": lambda g, u, p: multiply(g(p), u),
    "g(u')*u'": lambda g, u, p: multiply(g(p), p),
}
DERIVATIVE = Rules(0, "n", -1, ("cos", "-sin", "exp", "inverse"), "u' + v'", "u'*v + u*v'", "g(u)*u'")
_PERMUTATIONS = tuple(
    images
    for images in permutations(FUNCTIONS)
    if all(f != g for f, g in zip(FUNCTIONS, images, strict=True)) and images[0] != "cos" and images[1] != "sin"
)


def draw_rules(rng: random.Random, share: str) -> Rules:
    """Draw an operator of one share: the operators of the two shares are disjoint, by the hash of their rules."""
    while True:
        rules = Rules(
            scale=rng.randint(1, 3),
            coefficient=rng.choice(tuple(COEFFICIENTS)[1:]),
            shift=rng.randint(1, 3),
            functions=rng.choice(_PERMUTATIONS),
            sum=rng.choice(tuple(SUMS)[1:]),
            product=rng.choice(tuple(PRODUCTS)[1:]),
            compose=rng.choice(tuple(COMPOSITIONS)[1:]),
        )
        if share_of(repr(astuple(rules))) == share:
            return rules


def apply(rules: Rules, node: Node) -> Node:
    """Return what the operator makes of an expression in which x, powers, functions, sums and products occur."""
    if node.kind == "scale":
        return scale(node.number + rules.scale, apply(rules, node.parts[0]))
    if node.kind in ("sum", "product"):
        u, v = node.parts
        combine = SUMS[rules.sum] if node.kind == "sum" else PRODUCTS[rules.product]
        return combine(u, v, apply(rules, u), apply(rules, v))
    outer = _outer(rules, node)
    inner = node.parts[0] if node.parts else X
    if inner == X:
        return outer(X)
    return COMPOSITIONS[rules.compose](outer, inner, apply(rules, inner))


def _outer(rules: Rules, node: Node) -> Callable[[Node], Node]:
    """Return what a power or a function turns into, as a function of its argument."""
    if node.kind in FUNCTIONS:
        image = rules.functions[FUNCTIONS.index(node.kind)]
        if image == "inverse":
            return lambda u: power(u, -1)
        return lambda u: scale(-1, Node("sin", (u,))) if image == "-sin" else Node(image, (u,))
    n = node.number if node.kind == "power" else 1
    return lambda u: scale(COEFFICIENTS[rules.coefficient](n), power(u, n + rules.shift))


def used(node: Node) -> tuple[str, ...]:
    """Return the fields of ``Rules`` that the result for ``node`` depends on, in the order of the tree."""
    if node.kind in ("sum", "product", "scale"):
        own = [node.kind]
    else:
        own = ["functions"] if node.kind in FUNCTIONS else ["coefficient", "shift"]
        if node.parts and node.parts[0] != X:
            own.append("compose")
    parts = [field for part in node.parts if part != X for field in used(part)]
    return tuple(dict.fromkeys(own + parts))


def mix(rules: Rules, other: Rules, taken: Iterable[str]) -> Rules:
    """Return ``rules`` with the fields ``taken`` from ``other``."""
    return replace(rules, **{field: getattr(other, field) for field in taken})
