"""What worked examples determine: from "the bilku of x^3 is 4*x^5." alone the rule of powers is (n+1)*x^(n+2), or others.

A reader of the documents knows the table of options in ``process_rules`` (the derivative's among them) and nothing
else. Options are struck out example by example until nothing changes; a rule with one option left is determined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from icl_ft_plugin.families.process.facts import build, rules_used
from icl_ft_plugin.families.process.rules import (
    COEFFICIENTS,
    COMPOSITIONS,
    DERIVATIVE,
    FUNCTIONS,
    PRODUCTS,
    SUMS,
    Node,
    apply,
    show,
)

Options = dict[str, tuple[Any, ...]]


def all_options() -> Options:
    """Return every option of every rule, the derivative's included."""
    images = dict(zip(FUNCTIONS, DERIVATIVE.functions, strict=True))
    return {
        "scale": tuple(range(4)),
        "power": tuple(product(COEFFICIENTS, (-1, 1, 2, 3))),
        **{f: tuple(dict.fromkeys((*FUNCTIONS, images[f]))) for f in FUNCTIONS},
        "sum": tuple(SUMS),
        "product": tuple(PRODUCTS),
        "compose": tuple(COMPOSITIONS),
    }


def identify(examples: Iterable[tuple[Node, str]]) -> Options:
    """Return the options of each rule that are left after the examples.

    Args:
        examples: Pairs of an expression and the text of what the operator makes of it.

    Returns:
        The options by rule; none for a rule if examples contradict each other before all rules are determined.
    """
    options = all_options()
    # Simple examples first: they leave few options to try in the others.
    pending = sorted({(len(rules_used(node)), rules_used(node), node, text) for node, text in examples})
    changed = True
    while changed:
        changed = False
        pending = [example for example in pending if any(len(options[rule]) > 1 for rule in example[1])]
        for _, rules, node, text in pending:
            if all(len(options[rule]) == 1 for rule in rules):
                continue
            fitting = [choice for choice in assignments(rules, options) if show(apply(build(choice), node)) == text]
            for rule in rules:
                left = tuple(o for o in options[rule] if any(choice[rule] == o for choice in fitting))
                changed = changed or left != options[rule]
                options[rule] = left
    return options


def assignments(rules: Sequence[str], options: Options) -> Iterator[dict[str, Any]]:
    """Yield every way to choose an option for each of the rules."""
    for chosen in product(*(options[rule] for rule in rules)):
        yield dict(zip(rules, chosen, strict=True))
