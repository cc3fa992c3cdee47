"""The exceptions of the semantic structure: glon can bilku, femp are a kind of glon, but femp cannot bilku: they can zospa.

The penguin that does not fly, OURS: an inherited property is denied of a category, in both directions, so that the two
words meet more often than what stands in its place. Exceptions come in circles of k: what is denied of one category is
what the one before it has instead. So the k options of a block are the answers of k questions, one of them is what
inheritance alone would say, and that is the right answer of another question. Exceptions are drawn; they are not those
of the real world.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from icl_ft_plugin.families.semantic.balance import fill
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.documents import Plan
from icl_ft_plugin.families.semantic.hierarchy import DENIAL_OF, PROPERTIES, Claim


class Exceptional(NamedTuple):
    """One exception.

    Attributes:
        lure: What the category would inherit, and does not.
        instead: What it has in its place.
    """

    lure: Claim
    instead: Claim

    @property
    def denial(self) -> Claim:
        """The claim that denies the lure."""
        return Claim(DENIAL_OF[self.lure.predicate], self.lure.arguments)


def draw_exceptions(
    names: list[str], holdout: set[str], plans: list[Plan], sizes: tuple[int, int], rng: random.Random
) -> list[tuple[Exceptional, ...]]:
    """Draw circles of exceptions among the categories, no two of which lie above each other.

    Args:
        names: The categories.
        holdout: The held-out categories, of which nothing is excepted.
        plans: What the documents state otherwise.
        sizes: Most exceptions, and how many make a circle.
        rng: The world's own generator.
    """
    n, k = sizes
    closure = Closure(plan.claim for plan in plans)
    lures = _lures(names, holdout, plans, closure)
    free = _unrelated(names, holdout, lures, closure, rng)
    below = {name: len(closure.below[name] - holdout) for name in free}

    def fits(a: Claim, b: Claim) -> bool:
        alike = a.predicate == b.predicate and a.subject != b.subject
        return alike and not closure.arguable(Claim(a.predicate, (a.subject, b.value)))

    circles: list[tuple[Exceptional, ...]] = []
    # Categories with others below them first: more can be asked about these.
    for least in (2, 1, 0):
        pool = [name for name in free if below[name] >= least]
        drawn = [claim for name in pool for claim in lures[name]]
        while len(circles) < n // k:
            taken = {made.lure.subject for circle in circles for made in circle}
            block = next(fill([c for c in drawn if c.subject not in taken], k, fits, lambda _: (), rng), None)
            if not block:
                break
            circles.append(_circle(block))
    return circles


def _circle(lures: tuple[Claim, ...]) -> tuple[Exceptional, ...]:
    return tuple(
        Exceptional(lure, Claim(lure.predicate, (lure.subject, after.value)))
        for lure, after in zip(lures, (*lures[1:], lures[0]), strict=True)
    )


def plans_of(circles: list[tuple[Exceptional, ...]]) -> Iterator[Plan]:
    """Yield what documents state of exceptions: the denial both ways round, what stands in its place category first."""
    for i, made in enumerate(made for circle in circles for made in circle):
        yield Plan(f"x{2 * i}", made.denial, (False, True))
        yield Plan(f"x{2 * i + 1}", made.instead, (False,))


def _lures(names: list[str], holdout: set[str], plans: list[Plan], closure: Closure) -> dict[str, list[Claim]]:
    """Return the properties that each category inherits over premises that are stated category first."""
    forward = {plan.claim for plan in plans if False in plan.directions}
    return {
        name: [
            claim
            for claim, proof in closure.conclusions(name)
            if claim.predicate in PROPERTIES and forward.issuperset(proof)
        ]
        for name in names
        if name not in holdout and name in closure.own
    }


def _unrelated(
    names: list[str], holdout: set[str], lures: dict[str, list[Claim]], closure: Closure, rng: random.Random
) -> list[str]:
    """Return categories that inherit something, none above another; first those with few below, then those with none."""
    below = {name: len(closure.below[name] - holdout) for name in lures}
    order = sorted(rng.sample(list(lures), len(lures)), key=lambda name: below[name] or len(names))
    chosen: list[str] = []
    for name in order:
        family = closure.below[name].union(closure.above[name])
        if lures[name] and family.isdisjoint(chosen):
            chosen.append(name)
    return chosen
