"""Asks for the operator of fresh expressions, among answers that mix its rules with another operator's."""

from __future__ import annotations

import random
from itertools import combinations

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.process.algebra import canonical_node
from icl_ft_plugin.families.process.expressions import Pair, Shape, draw_expression
from icl_ft_plugin.families.process.facts import facts_of, rules_used
from icl_ft_plugin.families.process.numbers import differ
from icl_ft_plugin.families.process.rules import DERIVATIVE, Node, Rules, apply, draw_rules, mix, show, used
from icl_ft_plugin.families.process.wordings import TESTS
from icl_ft_plugin.schema import Question

SPLITS = ("trained", "holdout")
N_CROSSINGS = 4


def ask(
    name: str,
    rules: Rules,
    shape: Shape,
    pairs: tuple[list[Pair], list[Pair]],
    stated: set[str],
    determined: frozenset[str],
    seen: set[Node],
    n: int,
    share: str,
    world: str,
    rng: random.Random,
) -> list[Question]:
    """Return up to ``n`` questions per split.

    Args:
        name: The operator's name.
        rules: Its rules.
        shape: Sizes of expressions.
        pairs: The trained and the held-out pairs.
        stated: Ids of the facts that documents show; a question needs no other.
        determined: Ids of the rules that documents leave no choice about; a question needs no other.
        seen: Expressions that are taken; grows.
        n: Most questions per split.
        share: Share of the operators, from which the wrong rules come too.
        world: Cluster id of the world.
        rng: The world's own generator.
    """
    trained = {pair for pair in pairs[0] if "-".join(pair) in stated}
    questions = []
    for split, wanted in zip(SPLITS, (sorted(trained), pairs[1]), strict=True):
        lengths = [0.0, 0.0]
        asked = 0
        for i in range(20 * n if wanted else 0):
            if asked == n:
                break
            pair = wanted[i % len(wanted)]
            node = draw_expression(pair, trained, shape, seen, rng)
            if node is None or not determined.issuperset(rules_used(node)):
                continue
            choices = _choices(rules, node, lengths, share, rng)
            if choices:
                questions.append(_question(name, split, pair, node, choices, stated, f"q-{split}-{asked}", world, rng))
                asked += 1
    return questions


def _choices(rules: Rules, node: Node, lengths: list[float], share: str, rng: random.Random) -> list[str]:
    """Return the answer and three distractors, or nothing if no crossing of two sets of rules will do.

    ``lengths`` sums up what choosing the shortest and the longest choice would have won and should have won so far; the
    crossing is taken that keeps them closest, and none if an item would tell them more than one point apart.
    """
    fields = used(node)
    truth, derivative = apply(rules, node), apply(DERIVATIVE, node)
    best: tuple[float, list[float], list[Node]] = (1.0, [], [])
    for _ in range(N_CROSSINGS):
        rival = draw_rules(rng, share)
        taken = rng.sample(fields, rng.randrange(1, len(fields)))
        crossed = mix(rules, rival, taken), mix(rival, rules, taken), rival
        results = [truth, *(apply(operator, node) for operator in crossed)]
        sizes = [len(show(result)) for result in results]
        won = [_won(sizes, min(sizes)) - 0.25, _won(sizes, max(sizes)) - 0.25]
        after = [total + extra for total, extra in zip(lengths, won, strict=True)]
        if max(map(abs, after)) < best[0] and _distinct([*results, derivative]):
            best = (max(map(abs, after)), after, results)
    if best[2]:
        lengths[:] = best[1]
    return [show(result) for result in best[2]]


def _won(sizes: list[int], size: int) -> float:
    """Return the chance to hit the answer, which comes first, by a random choice of that size."""
    return (sizes[0] == size) / sizes.count(size)


def _distinct(results: list[Node]) -> bool:
    """Tell whether all results are different functions, by their canonical forms and by numbers."""
    if len(set(results)) < len(results):
        return False
    try:
        if len({canonical_node(result) for result in results}) < len(results):
            return False
    except UsageError:  # A sum that cancels out stands in a denominator.
        return False
    return all(differ(first, second) for first, second in combinations(results, 2))


def _question(
    name: str,
    split: str,
    pair: Pair,
    node: Node,
    choices: list[str],
    stated: set[str],
    id_: str,
    world: str,
    rng: random.Random,
) -> Question:
    order = rng.sample(range(4), 4)
    form = rng.randrange(len(TESTS))
    proof = tuple(fact for fact in facts_of(node) if fact in stated)
    return Question(
        id=id_,
        split=split,
        prompt=TESTS[form].format(name, show(node)),
        choices=tuple(f"{choices[i]}." for i in order),
        gold=(order.index(0),),
        inference="applied",
        depth=len(rules_used(node)),
        proof=proof,
        clusters={
            "fact": "-".join(pair),
            "first": proof[0],
            "last": proof[-1],
            "rules": name,
            "entity": pair[1],
            "template": f"{pair[0]}-{form}",
            "world": world,
        },
        labels={"outer": pair[0], "inner": pair[1]},
    )
