"""Greedy generation behind a stem that many prompts share, such as many questions about one document.

Prompts ``[document, question 1]``, ``[document, question 2]`` have the stem ``document``: its cache is computed once
and copied for each batch, and ``generate`` starts at the questions. A batch's padding, left of each prompt in
lm-eval, moves behind the stem so that the stem stands in the same columns of every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from icl_ft_plugin.prefix_tree import build_tree, cut_groups, path_nodes, walk

MIN_STEM = 32
"""Shortest stem in tokens that is worth a prefill and its copies."""


def common_stems(contexts: Sequence[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Return the stems worth a prefill, each with the indices of the contexts that begin with it.

    Args:
        contexts: Token ids of the prompts. Each belongs to one stem at most.
    """
    root = build_tree([(ids, []) for ids in contexts])
    tops = cut_groups(root, MIN_STEM)
    group_of = {id(below): number for number, top in enumerate(tops) for below in walk([top])}
    groups: dict[int, list[int]] = {}
    for index, ids in enumerate(contexts):
        path = path_nodes(root, ids)
        if path and id(path[-1]) in group_of:
            groups.setdefault(group_of[id(path[-1])], []).append(index)
    stems = []
    for number, members in groups.items():
        # At least one token must be left to run: its logits choose the first new one.
        length = min(tops[number].end, min(len(contexts[i]) for i in members) - 1)
        stems.append((contexts[members[0]][:length], members))
    return stems


def is_greedy(generation_kwargs: dict[str, Any], model: Any) -> bool:
    """Say whether these arguments choose the likeliest token each time, with the default kind of cache."""
    if generation_kwargs.get("do_sample") or generation_kwargs.get("temperature"):
        return False
    defaults = model.generation_config
    for name in ("num_beams", "num_return_sequences", "penalty_alpha", "prompt_lookup_num_tokens"):
        if (generation_kwargs.get(name) or getattr(defaults, name, None) or 1) != 1:
            return False
    return not any(
        generation_kwargs.get(name) or getattr(defaults, name, None)
        for name in ("cache_implementation", "assistant_model", "past_key_values")
    )


def behind_stem(
    context: torch.Tensor, mask: torch.Tensor, stem: Sequence[int], *, padded: bool
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Move each row's padding from its left to behind the stem, so that the stem lies in the same columns of all.

    Args:
        context: Left-padded ids ``[rows, length]``.
        mask: Their attention mask, 0 on padding.
        stem: The ids that the cache holds.
        padded: Whether the model may have padding inside a row; a sliding window counts padding as tokens.

    Returns:
        The moved ids and mask, or None where a row does not continue the stem.
    """
    size = len(stem)
    head = torch.tensor(list(stem), device=context.device)
    ids, seen = context.clone(), mask.clone()
    for row in range(len(context)):
        pad = int((mask[row] == 0).sum())
        if (pad and not padded) or context.shape[1] - pad <= size:
            return None
        if not torch.equal(context[row, pad : pad + size], head):
            return None
        ids[row] = torch.cat([head, context[row, :pad], context[row, pad + size :]])
        seen[row] = torch.cat([mask[row, pad : pad + size], mask[row, :pad], mask[row, pad + size :]])
    return ids, seen
