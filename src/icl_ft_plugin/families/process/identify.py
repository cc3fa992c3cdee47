"""What worked examples determine: from "the bilku of x^3 is 4*x^5." alone the rule of powers is (n+1)*x^(n+2), or others.

A reader of the documents knows the table of options in ``process_rules`` (the derivative's among them), and how a
result is written by it, and nothing else. A reading is one option for every rule under which each example comes out as
it is written; the result for an expression is determined if it has the same canonical form under all readings. It may be so
while a rule is open: "4*x^5" above leaves two rules of powers, but says what x^3 turns into. And it may not be so though
each rule was seen at work: where v happens to be u', u*u' + v*v' and u*v + u'*v' look the same.

The generator's questions, the oracle, the proof and the audit all ask ``Readings``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.process.algebra import canonical_node, read
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
from icl_ft_plugin.schema import Document

MAX_READINGS = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that the examples tie together, e.g. "c+1 with n+1, or c+3 with n" by "the bilku of 3*x^2 is 12*x^3.".

    Attributes:
        rules: Their ids.
        rows: The joint choices that are left, one option per rule.
    """

    rules: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def over(self, rules: Collection[str]) -> Group:
        """Return what is left of the group when only some rules count, in the order of the group."""
        places = [place for place, rule in enumerate(self.rules) if rule in rules]
        rows = dict.fromkeys(tuple(row[place] for place in places) for row in self.rows)
        return Group(tuple(self.rules[place] for place in places), tuple(rows))

    def isdisjoint(self, rules: Iterable[str]) -> bool:
        """Tell whether the group holds none of some rules."""
        return {*self.rules}.isdisjoint(rules)

    def split(self) -> Iterator[Group]:
        """Yield the groups into which this one falls: a rule stands alone if its options go with all of the others'."""
        for rule in self.rules if len(self.rules) > 1 else ():
            alone, others = self.over({rule}), self.over({*self.rules} - {rule})
            if len(alone.rows) * len(others.rows) == len(self.rows):
                yield alone
                yield from others.split()
                return
        yield self


@dataclass(frozen=True, slots=True)
class Readings:
    """All readings of worked examples: one choice from each group.

    Attributes:
        groups: Every rule stands in one of them. Examples that contradict each other leave their rules no choice.
    """

    groups: tuple[Group, ...]

    @property
    def options(self) -> dict[str, tuple[object, ...]]:
        """The options by rule that some reading takes."""
        alone = (group.over({rule}) for group in self.groups for rule in group.rules)
        return {group.rules[0]: tuple(option for (option,) in group.rows) for group in alone}

    @property
    def determined(self) -> frozenset[str]:
        """The rules that all readings agree on."""
        return frozenset(rule for group in self.groups if len(group.rows) == 1 for rule in group.rules)

    def over(self, rules: Collection[str]) -> Iterator[dict[str, object]]:
        """Yield the different choices of options for some rules."""
        parts = [group.over(rules) for group in self.groups if not group.isdisjoint(rules)]
        names = [rule for part in parts for rule in part.rules]
        for chosen in product(*(part.rows for part in parts)):
            yield dict(zip(names, (option for row in chosen for option in row), strict=True))

    def results(self, node: Node) -> set[str]:
        """Return the canonical forms of all results that the readings give for an expression.

        The result is determined if there is one. There is none where the readings are too many to try, where one of
        them divides by zero, and where the rules are not about all of the expression (a bare number, a division).
        """
        if not _covered(node):
            return set()
        readings = list(islice(self.over(rules_used(node)), MAX_READINGS + 1))
        if len(readings) > MAX_READINGS:
            return set()
        try:
            return {canonical_node(apply(build(reading), node)) for reading in readings}
        except UsageError:
            return set()

    def after(self, node: Node, text: str) -> Readings:
        """Return the readings that are left after one more example."""
        rules = rules_used(node)
        untouched = tuple(group for group in self.groups if group.isdisjoint(rules))
        touched = tuple(group for group in self.groups if not group.isdisjoint(rules))
        joint = Readings(touched)
        names = [rule for group in touched for rule in group.rules]
        fitting = tuple(
            tuple(reading[rule] for rule in names)
            for reading in joint.over(names)
            if show(apply(build(reading), node)) == text
        )
        if len(fitting) == prod(len(group.rows) for group in touched):
            return self
        return Readings((*untouched, *Group(tuple(names), fitting).split()))


def everything() -> Readings:
    """Return the readings of no example: every option of every rule, the derivative's included."""
    images = dict(zip(FUNCTIONS, DERIVATIVE.functions, strict=True))
    options: dict[str, Sequence[object]] = {
        "scale": range(4),
        "power": tuple(product(COEFFICIENTS, (-1, 1, 2, 3))),
        **{f: tuple(dict.fromkeys((*FUNCTIONS, images[f]))) for f in FUNCTIONS},
        "sum": tuple(SUMS),
        "product": tuple(PRODUCTS),
        "compose": tuple(COMPOSITIONS),
    }
    return Readings(tuple(Group((rule,), tuple((option,) for option in left)) for rule, left in options.items()))


def identify(documents: Iterable[Document]) -> Readings:
    """Return the readings that the worked examples of documents leave."""
    examples = {(node, text) for document in documents for _, node, text in read(document.text)}
    readings = everything()
    # Simple examples first: they leave few options to try in the others.
    for _, rules, node, text in sorted(
        (len(rules_used(node)), rules_used(node), node, text) for node, text in examples
    ):
        if not readings.determined.issuperset(rules):
            readings = readings.after(node, text)
    return readings


def _covered(node: Node) -> bool:
    """Tell whether the rules are about all of an expression."""
    if node.kind == "number" or (node.kind in ("scale", "power") and node.number < 1):
        return False
    return all(map(_covered, node.parts))
