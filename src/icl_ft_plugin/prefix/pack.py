"""The input of one pass over whole subtrees: each token sees its own path and the cached prefix, nothing else.

The subtrees ``1 2 -> (3), (4 5)`` and ``6 7`` behind a cached prefix of 10 tokens, where a batch holds one in each row:

    tokens     1  2  3  4  5        6  7  0  0  0
    positions 10 11 12 12 13       10 11  0  0  0

Unlike the rows of an ordinary batch, a row holds all continuations of its question, and short questions share a row;
unlike one row for all, a token meets few keys of other questions, which it can only mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from icl_ft_plugin.prefix.tree import Node

PADDING = 0
"""Token and position of what fills a row; it lies behind every target, so nothing sees it."""


def pack_offsets(nodes: Sequence[Node]) -> dict[int, int]:
    """Return where each node (by ``id``) begins in its row."""
    offsets, at = {}, 0
    for node in nodes:
        offsets[id(node)] = at
        at += len(node.tokens)
    return offsets


def pack_ids(rows: Sequence[Sequence[Node]]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tokens and the positions of the rows, filled to the longest."""
    tokens = [[token for node in row for token in node.tokens] for row in rows]
    positions = [[position for node in row for position in range(node.start, node.end)] for row in rows]
    return padded(tokens), padded(positions)


def padded(rows: Sequence[list[int]]) -> list[list[int]]:
    """Fill the rows on the right to the longest."""
    longest = max(len(row) for row in rows)
    return [row + [PADDING] * (longest - len(row)) for row in rows]


def pack_targets(rows: Sequence[Sequence[Node]]) -> list[tuple[int, int, int, int]]:
    """Return (row, place in the row, token to score there, index of the request) of every target."""
    found = []
    for row, nodes in enumerate(rows):
        at = pack_offsets(nodes)
        found += [(row, at[id(node)] + offset, tok, who) for node in nodes for offset, tok, who in node.targets]
    return found


def pack_mask(rows: Sequence[Sequence[Node]], cached: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return which keys each packed token sees.

    A subtree lies in one piece behind its first token, so a later token sees an earlier one where it lies before the
    end of the subtree of the earlier one's node. Padding sees padding: a token that sees nothing would be no number
    in some kernels.

    Args:
        rows: Whole subtrees behind the cached prefix, each node before its children and all below it.
        cached: Tokens in the cached prefix, all of which every packed token sees.
        device: Where the mask is made.

    Returns:
        bool ``[rows, packed, cached + packed]``: the prefix, the token's ancestors, its own stretch up to itself.
    """
    longest = max(sum(len(node.tokens) for node in row) for row in rows)
    ends = []
    for row in rows:
        at = pack_offsets(row)
        keys = [at[id(node)] + node.size for node in row for _ in node.tokens]
        ends.append(keys + [longest] * (longest - len(keys)))
    key_ends = torch.tensor(ends, device=device)[:, None, :]
    place = torch.arange(longest, device=device)
    own = (place[:, None] >= place) & (place[:, None] < key_ends)
    return torch.nn.functional.pad(own, (cached, 0), value=True)


def additive_mask(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Turn a bool ``[rows, q, k]`` mask into the ``[rows, 1, q, k]`` summand that eager and SDPA attention take."""
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
