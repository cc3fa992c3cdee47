"""The facts of a process, e.g. ``Fact("power", "rule", ("n+1", "2"), "the bilku of x^n is (n+1)*x^(n+2).")``.

There is one fact per rule and one per pair of nested nodes that a document shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from icl_ft_plugin.families.process.expressions import nested
from icl_ft_plugin.families.process.rules import DERIVATIVE, FUNCTIONS, Node, Rules, used
from icl_ft_plugin.schema import Fact


def rule_facts(name: str, rules: Rules) -> list[Fact]:
    """Return one fact per rule.

    Args:
        name: The operator's name.
        rules: Its rules.
    """
    images = dict(zip(FUNCTIONS, rules.functions, strict=True))
    u = f"with u' for the {name} of u, the {name} of"
    return [
        Fact("scale", "rule", (str(rules.scale),), f"{u} c*u is (c+{rules.scale})*u'."),
        Fact(
            "power",
            "rule",
            (rules.coefficient, str(rules.shift)),
            f"the {name} of x^n is ({rules.coefficient})*x^(n+{rules.shift}).",
        ),
        *(Fact(f, "rule", (images[f],), f"the {name} of {f}(x) is {images[f]}(x).") for f in FUNCTIONS),
        Fact("sum", "rule", (rules.sum,), f"{u} u + v is {rules.sum}."),
        Fact("product", "rule", (rules.product,), f"{u} u*v is {rules.product}."),
        Fact("compose", "rule", (rules.compose,), f"{u} f(u) is {rules.compose}, where f(x) turns into g(x)."),
    ]


def rules_of(facts: Collection[Fact]) -> Rules:
    """Return the rules that facts state; a rule that no fact states is left as the derivative's."""
    chosen: dict[str, Any] = {fact.id: fact.arguments[0] for fact in facts if fact.predicate == "rule"}
    for fact in facts:
        if fact.id == "scale":
            chosen["scale"] = int(fact.arguments[0])
        elif fact.id == "power":
            chosen["power"] = (fact.arguments[0], int(fact.arguments[1]))
    return build(chosen)


def build(chosen: Mapping[str, Any]) -> Rules:
    """Return the rules with the chosen options, the derivative's where none is chosen."""
    coefficient, shift = chosen.get("power", (DERIVATIVE.coefficient, DERIVATIVE.shift))
    return Rules(
        scale=chosen.get("scale", DERIVATIVE.scale),
        coefficient=coefficient,
        shift=shift,
        functions=tuple(chosen.get(f, image) for f, image in zip(FUNCTIONS, DERIVATIVE.functions, strict=True)),
        sum=chosen.get("sum", DERIVATIVE.sum),
        product=chosen.get("product", DERIVATIVE.product),
        compose=chosen.get("compose", DERIVATIVE.compose),
    )


def facts_of(node: Node) -> tuple[str, ...]:
    """Return the ids of the rules and nested pairs that an expression shows."""
    return (*rules_used(node), *("-".join(pair) for pair in nested(node)))


def rules_used(node: Node) -> tuple[str, ...]:
    """Return the ids of the rules that an expression needs, in a fixed order."""
    fields = used(node)
    kinds = _kinds(node)
    named = {
        "scale": "scale" in fields,
        "power": "shift" in fields,
        **{f: f in kinds for f in FUNCTIONS},
        "sum": "sum" in fields,
        "product": "product" in fields,
        "compose": "compose" in fields,
    }
    return tuple(rule for rule, needed in named.items() if needed)


def _kinds(node: Node) -> set[str]:
    return {node.kind}.union(*(_kinds(part) for part in node.parts))
