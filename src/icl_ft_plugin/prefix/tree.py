"""A radix tree over the token ids of all requests of a call.

Two choices after one question after one shared context, as (input, continuation) token ids:

    ([5, 6, 7, 1, 2], [8])      the context 5 6 7, the question 1 2, the choice 8
    ([5, 6, 7, 1, 2, 9], [9, 4])    the same question, the choice 9 4 (its last token is never an input)
    ([5, 6, 7, 3], [8])         another question

give the tree ``5 6 7 -> (1 2 -> 9), (3)``: 7 tokens instead of 15. A *target* is a token whose log-probability is
wanted; it hangs at the input position that predicts it. Pure Python; nothing here knows about a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Target = tuple[int, int, int]
"""(offset in the node, token to score there, index of the request)."""


@dataclass(eq=False)
class Node:
    """A stretch of tokens that all requests below it share.

    Attributes:
        tokens: The stretch's token ids; never empty, except at the root.
        start: Number of tokens on the path before this stretch.
        parent: The stretch before it; None at the root.
        children: Continuations by their first token, in the order in which the requests came.
        count: Number of requests whose input runs through the whole stretch.
        targets: What is scored at this stretch's positions.
        size: Number of tokens of this stretch and all below it.
    """

    tokens: list[int]
    start: int
    parent: Node | None = None
    children: dict[int, Node] = field(default_factory=dict)
    count: int = 0
    targets: list[Target] = field(default_factory=list)
    size: int = 0

    @property
    def end(self) -> int:
        """Number of tokens on the path up to and including this stretch."""
        return self.start + len(self.tokens)


def common_length(a: Sequence[int] | str, b: Sequence[int] | str) -> int:
    """Return the length of the longest common prefix, by bisection over slices (each compared once in C)."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _insert(root: Node, tokens: Sequence[int]) -> None:
    node, at = root, 0
    node.count += 1
    while at < len(tokens):
        child = node.children.get(tokens[at])
        if child is None:
            node.children[tokens[at]] = Node(list(tokens[at:]), at, node, count=1)
            return
        shared = common_length(child.tokens, tokens[at : at + len(child.tokens)])
        if shared < len(child.tokens):
            head = Node(child.tokens[:shared], at, node, count=child.count)
            child.tokens, child.start, child.parent = child.tokens[shared:], at + shared, head
            head.children[child.tokens[0]] = child
            node.children[tokens[at]] = head
            child = head
        child.count += 1
        at += shared
        node = child


def path_nodes(root: Node, tokens: Sequence[int]) -> list[Node]:
    """Return the stretches that spell ``tokens``, which must have been inserted, without the root."""
    path, at, node = [], 0, root
    while at < len(tokens):
        node = node.children[tokens[at]]
        path.append(node)
        at = node.end
    return path


def build_tree(requests: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Node:
    """Build the tree of all requests.

    Args:
        requests: Per request the input ids (context and continuation without its last token) and the ids of the
            continuation, which its last ``len(continuation)`` input positions predict.

    Returns:
        The root, an empty stretch; ``root.size`` is the least number of tokens that have to be computed.
    """
    root = Node([], 0)
    for inputs, _ in requests:
        _insert(root, inputs)
    for index, (inputs, continuation) in enumerate(requests):
        first = len(inputs) - len(continuation)
        for node in path_nodes(root, inputs):
            for position in range(max(node.start, first), node.end):
                node.targets.append((position - node.start, continuation[position - first], index))
    order = list(walk([root]))
    for node in reversed(order):
        node.size = len(node.tokens) + sum(child.size for child in node.children.values())
    return root


def walk(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the nodes and everything below them, each before its children."""
    stack = list(reversed(nodes))
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children.values()))


def path_length(path: Sequence[Node]) -> int:
    """Return the number of tokens of consecutive stretches."""
    return path[-1].end - path[0].start


def cut_groups(root: Node, min_shared: int) -> list[Node]:
    """Choose disjoint subtrees whose stem is worth one prefill for all requests below.

    Each group costs its stem once and every request's own rest, and does not build on another group, so the best
    cut follows bottom up: a stem serves all below it unless its children's own stems are cheaper together.

    Args:
        root: A tree built with ``build_tree`` (targets are not looked at).
        min_shared: Shortest stem in tokens.

    Returns:
        The last stretch of each stem; every stem serves at least two requests.
    """
    below: dict[int, int] = {}
    best: dict[int, tuple[int, list[Node]]] = {}
    for node in reversed(list(walk([root]))):
        children = list(node.children.values())
        ending = node.count - sum(child.count for child in children)
        below[id(node)] = ending * node.end + sum(below[id(child)] for child in children)
        split = ending * node.end + sum(best[id(child)][0] for child in children)
        whole = node.end + below[id(node)] - node.count * node.end
        if node.count > 1 and node.end >= min_shared and whole <= split:
            best[id(node)] = (whole, [node])
        else:
            best[id(node)] = (split, [group for child in children for group in best[id(child)][1]])
    return best[id(root)][1]
