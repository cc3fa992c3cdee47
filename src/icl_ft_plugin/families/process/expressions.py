"""Draws expressions by the pair of nested nodes they show: ``("product", "sin")`` gives e.g. "3*x^2*sin(x)"."""

from __future__ import annotations

import random
from dataclasses import dataclass

from icl_ft_plugin.families.process.rules import FUNCTIONS, Node, X, add, multiply, power, scale

Pair = tuple[str, str]
OUTER = ("sum", "product", "power", *FUNCTIONS)
TRIES = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of expressions.

    Attributes:
        levels: Most nodes nested in one another, 2 or 3.
        max_coefficient: Largest factor.
        max_exponent: Largest exponent.
    """

    levels: int
    max_coefficient: int
    max_exponent: int

    @property
    def leaves(self) -> tuple[str, ...]:
        """The kinds of node that stand on x alone."""
        return ("power", *FUNCTIONS)


def universe(shape: Shape) -> list[Pair]:
    """Return all pairs (outer, inner) of nested nodes that expressions of this shape can show."""
    inner = shape.leaves if shape.levels == 2 else OUTER
    return [(a, b) for a in OUTER for b in inner if a not in ("sum", "product") or a != b]


def split_pairs(pairs: list[Pair], share: float, rng: random.Random) -> tuple[list[Pair], list[Pair]]:
    """Split the pairs into trained and held-out ones.

    Every outer kind keeps two leaf kinds inside and every inner kind stays inside two others, so that each rule is
    seen both outside and inside.
    """
    trained = list(pairs)
    heldout: list[Pair] = []
    for pair in rng.sample(pairs, len(pairs)):
        if len(heldout) == round(share * len(pairs)):
            break
        rest = [other for other in trained if other != pair]
        leaves = [b for a, b in rest if a == pair[0] and b in ("power", *FUNCTIONS)]
        if len(leaves) >= 2 and sum(b == pair[1] for _, b in rest) >= 2:
            trained = rest
            heldout.append(pair)
    return trained, heldout


def nested(node: Node) -> tuple[Pair, ...]:
    """Return the pairs of nested nodes in an expression, factors skipped, in the order of the tree."""
    node = _bare(node)
    pairs: list[Pair] = []
    for part in node.parts:
        if part != X:
            pairs += [(node.kind, _bare(part).kind), *nested(part)]
    return tuple(dict.fromkeys(pairs))


def _bare(node: Node) -> Node:
    return node.parts[0] if node.kind == "scale" else node


def draw_expression(
    wanted: Pair | str, allowed: set[Pair], shape: Shape, seen: set[Node], rng: random.Random
) -> Node | None:
    """Draw a fresh expression and mark it as seen.

    Args:
        wanted: The pair (outer, inner) it shows, or a kind of leaf.
        allowed: The pairs that it may show besides.
        shape: Sizes.
        seen: All expressions drawn so far; grows.
        rng: The world's own generator.

    Returns:
        The expression, or None if no fresh one was found.
    """
    for _ in range(TRIES):
        if isinstance(wanted, str):
            node: Node | None = _scaled(_leaf(wanted, shape, rng), shape, rng)
        else:
            node = _nest(wanted, allowed, shape, shape.levels, rng)
        if node is not None and node not in seen:
            seen.add(node)
            return node
    return None


def _leaf(kind: str, shape: Shape, rng: random.Random) -> Node:
    return power(X, rng.randint(2, shape.max_exponent)) if kind == "power" else Node(kind, (X,))


def _scaled(node: Node, shape: Shape, rng: random.Random) -> Node:
    if node.kind == "scale":
        return node
    return scale(rng.randint(2, shape.max_coefficient), node) if rng.random() < 0.6 else node


def _nest(pair: Pair, allowed: set[Pair], shape: Shape, levels: int, rng: random.Random) -> Node | None:
    """Return a node of kind ``pair[0]`` that has a part of kind ``pair[1]``."""
    outer, inner = pair
    first = _part(inner, allowed, shape, levels - 1, rng)
    if first is None:
        return None
    if outer in FUNCTIONS or outer == "power":
        first = _scaled(first, shape, rng)
        node = Node(outer, (first,)) if outer in FUNCTIONS else power(first, rng.randint(2, min(3, shape.max_exponent)))
        return _scaled(node, shape, rng)
    others = [b for a, b in sorted(allowed) if a == outer and b in shape.leaves and b != inner]
    if not others:
        return None
    parts = [first, _leaf(rng.choice(others), shape, rng)]
    rng.shuffle(parts)
    if outer == "sum":
        return add(*(_scaled(part, shape, rng) for part in parts))
    return _scaled(multiply(*parts), shape, rng)


def _part(kind: str, allowed: set[Pair], shape: Shape, levels: int, rng: random.Random) -> Node | None:
    """Return a part of that kind: a leaf, or with levels to spare sometimes a nested one of allowed pairs."""
    if kind in shape.leaves and (levels == 1 or rng.random() < 0.5):
        return _leaf(kind, shape, rng)
    inside = [b for a, b in sorted(allowed) if a == kind and b in shape.leaves]
    return _nest((kind, rng.choice(inside)), allowed, shape, levels, rng) if inside else None
