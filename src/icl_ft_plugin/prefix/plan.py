"""The order in which to compute a prefix tree, as steps: extend the cached prefix, go back, compute what follows it.

The tree ``5 6 7 -> (1 2 -> 9), (3)`` with passes of four tokens is ``Extend(5 6 7)``, ``Pack`` of ``1 2 9`` and ``3``,
``Retreat(5 6 7)``. Nothing here knows about a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from icl_ft_plugin.prefix.tree import Node, path_length, walk


@dataclass(frozen=True)
class Extend:
    """Append these stretches (a path) to the cached prefix."""

    nodes: list[Node]


@dataclass(frozen=True)
class Retreat:
    """Drop these stretches, the last that were appended, from the cached prefix."""

    nodes: list[Node]


@dataclass(frozen=True)
class Pack:
    """Compute whole subtrees in one pass, each token seeing its own path only.

    Attributes:
        rows: Per row of the batch the nodes of its subtrees, each before its children.
    """

    rows: list[list[Node]]


@dataclass(frozen=True)
class Rows:
    """Compute paths that all follow the cached prefix as the rows of a batch."""

    rows: list[list[Node]]


Step = Extend | Retreat | Pack | Rows


def plan_packs(root: Node, limit: int, max_rows: int, min_shared: int) -> Iterator[Step]:
    """Order the tree so that every token is computed exactly once, in packs of at most ``limit`` tokens.

    A subtree that fits shares a pack with its siblings; one that does not becomes part of the cached prefix while
    its children are computed, so only one path is ever cached.

    Args:
        root: The tree.
        limit: Most tokens of a pack, padding included.
        max_rows: Most rows of a pack.
        min_shared: Behind less than so many cached tokens, which are cheap to copy, a pack is made of many short rows.
    """
    todo: list[tuple[Node, bool]] = [(root, True)]
    while todo:
        node, entering = todo.pop()
        if not entering:
            yield Retreat([node])
            continue
        if node is not root:
            yield Extend([node])
            todo.append((node, False))
        fitting = [child for child in node.children.values() if child.size <= limit]
        if node.end < min_shared:
            packs = _side_by_side(fitting, limit, max_rows)
        else:
            packs = ([pack] for pack in _filled(fitting, limit))
        yield from (Pack([list(walk(row)) for row in pack]) for pack in packs)
        todo.extend((child, True) for child in reversed(node.children.values()) if child.size > limit)


def _filled(subtrees: list[Node], limit: int) -> Iterator[list[Node]]:
    """Yield the subtrees in the order given, as many at a time as fit."""
    pack: list[Node] = []
    used = 0
    for child in subtrees:
        if pack and used + child.size > limit:
            yield pack
            pack, used = [], 0
        pack.append(child)
        used += child.size
    if pack:
        yield pack


def _side_by_side(subtrees: list[Node], limit: int, max_rows: int) -> Iterator[list[list[Node]]]:
    """Yield batches of rows as long as their largest subtree, the others filled up with the smallest left.

    Short rows, because a token meets the keys of its whole row; filled, because padding is computed for nothing.
    """
    left = deque(sorted(subtrees, key=lambda node: -node.size))
    while left:
        longest = left[0].size
        rows: list[list[Node]] = []
        while left and len(rows) < min(max_rows, limit // longest):
            row = [left.popleft()]
            room = longest - row[0].size
            while left and left[-1].size <= room:
                row.append(left.pop())
                room -= row[-1].size
            rows.append(row)
        yield rows


MOST_NESTED = 4
"""Prefixes of prefixes that may be cached at once by copies; deeper stretches are computed once per row."""


def plan_rows(root: Node, limit: int, max_rows: int, min_shared: int) -> Iterator[Step]:
    """Order the tree for caches that cannot hold a tree: shared stretches once, the rest as rows.

    Args:
        root: The tree.
        limit: Most tokens (rows times the longest) of a batch; one row may be longer.
        max_rows: Most rows of a batch.
        min_shared: Shorter shared stretches are computed once per row: copying a cache costs more.
    """
    todo: list[tuple[list[Node], bool]] = [([], True)]
    nested = -1
    while todo:
        trunk, entering = todo.pop()
        if not entering:
            yield Retreat(trunk)
            nested -= 1
            continue
        nested += 1
        if trunk:
            yield Extend(trunk)
            todo.append((trunk, False))
        cached = trunk[-1] if trunk else root
        rows, trunks = _branches(cached, min_shared if nested < MOST_NESTED else root.size + 1)
        yield from _batches(rows, limit, max_rows)
        todo.extend((path, True) for path in reversed(trunks))


def _branches(cached: Node, min_shared: int) -> tuple[list[list[Node]], list[list[Node]]]:
    rows: list[list[Node]] = []
    trunks: list[list[Node]] = []
    stack = [[child] for child in reversed(cached.children.values())]
    while stack:
        path = stack.pop()
        last = path[-1]
        if not last.children:
            rows.append(path)
        elif last.end - cached.end >= min_shared:
            trunks.append(path)
        else:
            stack.extend([*path, child] for child in reversed(last.children.values()))
    return rows, trunks


def _batches(rows: list[list[Node]], limit: int, max_rows: int) -> Iterator[Rows]:
    batch: list[list[Node]] = []
    for row in sorted(rows, key=path_length):
        if batch and (len(batch) == max_rows or (len(batch) + 1) * path_length(row) > limit):
            yield Rows(batch)
            batch = []
        batch.append(row)
    if batch:
        yield Rows(batch)
