"""Blocks: questions asked in groups that share their options, each the answer of exactly one.

For example four celebrities, whose names are the options of four questions (OURS)::

    "The composer of the opera Silent Harbor must be" + Tavori Brensolk / Odan Pell / Mirela Voss / Lune Karr
    "The records list the author of the novel Amber Tide as" + Tavori Brensolk / Odan Pell / Mirela Voss / Lune Karr
    ...

Whoever prefers some options to others, whatever is asked, is then right in exactly one question of each block: a taste
scores 1/k in every world, not just on the average of many.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from icl_ft_plugin.schema import Question, World

Item = TypeVar("Item")
TRIES = 16


def pack(
    items: Sequence[Item], k: int, fits: Callable[[Item, Item], bool], rng: random.Random
) -> list[tuple[Item, ...]]:
    """Put items into as many blocks as can be found; those that fit into none are left out.

    Args:
        items: What is to be asked.
        k: Size of a block.
        fits: Whether two items may stand in one block: neither's answer is right, or arguable, for the other. Asked both
            ways round, so it need look one way only.
        rng: The world's own generator.

    Returns:
        Blocks in the order in which they were filled; the best of several random orders.
    """
    best: list[tuple[Item, ...]] = []
    for _ in range(TRIES):
        blocks = _fill(rng.sample(items, len(items)), k, fits)
        if len(blocks) > len(best):
            best = blocks
        if len(best) == len(items) // k:
            break
    return best


def _fill(items: Sequence[Item], k: int, fits: Callable[[Item, Item], bool]) -> list[tuple[Item, ...]]:
    full: list[tuple[Item, ...]] = []
    open_: list[list[Item]] = []
    for item in items:
        # The fullest first: what is begun is ended.
        for block in sorted(open_, key=len, reverse=True):
            if all(fits(item, other) and fits(other, item) for other in block):
                block.append(item)
                break
        else:
            block = [item]
            open_.append(block)
        if len(block) == k:
            open_.remove(block)
            full.append(tuple(block))
    return full


def whole(questions: Sequence[Question]) -> tuple[list[tuple[Question, ...]], list[Question]]:
    """Return the blocks that questions make up, whether they name them or not, and the questions that stand in none.

    The order of the options is of no account, for a taste does not see it.
    """
    alike: dict[frozenset[str], dict[str, list[Question]]] = {}
    for q in questions:
        if len(q.gold) == 1:
            by_answer = alike.setdefault(frozenset(q.choices), {option: [] for option in q.choices})
            by_answer[q.choices[q.gold[0]]].append(q)
    # As many as the answer that fewest of them have.
    blocks = [block for by_answer in alike.values() for block in zip(*by_answer.values(), strict=False)]
    taken = {id(q) for block in blocks for q in block}
    return blocks, [q for q in questions if id(q) not in taken]


def faults(world: World) -> Iterator[str]:
    """Yield what is wrong with the blocks of a world, of which a question names its own.

    A block has as many questions as options, all of one split and with the same options in the same order, and each
    option is the one right answer of one of them.
    """
    blocks: dict[str, list[Question]] = {}
    for question in world.questions:
        if question.block:
            blocks.setdefault(question.block, []).append(question)
    for name, asked in blocks.items():
        if len({(question.split, question.choices) for question in asked}) > 1:
            yield f"block {name}: its questions have different splits or options"
        elif sorted(question.gold for question in asked) != [(i,) for i in range(len(asked[0].choices))]:
            yield f"block {name}: not every option is the answer of exactly one question"
