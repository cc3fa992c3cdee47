"""What follows from the claims of a world: if femp are a kind of glon and glon can bilku, then femp can bilku.

Everything that is said of a category holds for all below it, except for what is denied of one of them: if femp cannot
bilku, neither can what is below femp. What does not follow is false (a closed world). This is the generator's own
bookkeeping; ``proof`` proves its results with a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from icl_ft_plugin.families.semantic.hierarchy import DENIAL_OF, DENIALS, Claim


class Conclusion(NamedTuple):
    """A claim that follows from two or more stated ones, and the stated ones in order."""

    claim: Claim
    proof: tuple[Claim, ...]


class Closure:
    """The consequences of a set of claims.

    Args:
        claims: The stated claims; every category has at most one parent.
    """

    def __init__(self, claims: Iterable[Claim]) -> None:
        self.own: dict[str, list[Claim]] = {}
        self.parent: dict[str, str] = {}
        for claim in claims:
            self.own.setdefault(claim.subject, []).append(claim)
            if claim.predicate in ("is a", "do"):
                self.own.setdefault(claim.value, [])
            if claim.predicate == "is a":
                self.parent[claim.subject] = claim.value
        self.above = {name: tuple(self._walk(name)) for name in self.own}
        self.below: dict[str, set[str]] = {name: set() for name in self.own}
        for name, ancestors in self.above.items():
            for ancestor in ancestors:
                self.below[ancestor].add(name)
        denials = [claim for owned in self.own.values() for claim in owned if claim.predicate in DENIALS]
        self._denied = {denied(claim) for claim in denials}
        self._exceptions = {(claim.subject, DENIALS[claim.predicate]) for claim in denials}
        self._denied_of_some = {(DENIALS[claim.predicate], claim.value) for claim in denials}
        # What holds, exceptions apart.
        self._granted = {
            name: {(claim.predicate, *claim.arguments[1:]) for holder in (name, *above) for claim in self.own[holder]}
            for name, above in self.above.items()
        }

    def _walk(self, name: str) -> Iterator[str]:
        while name in self.parent:
            name = self.parent[name]
            yield name

    def conclusions(self, name: str) -> Iterator[Conclusion]:
        """Yield all that follows about one category and is not stated of it."""
        path: list[Claim] = []
        for holder, ancestor in zip((name, *self.above[name]), self.above[name], strict=False):
            path.append(Claim("is a", (holder, ancestor)))
            for claim in self.own[ancestor]:
                made = Claim(claim.predicate, (name, *claim.arguments[1:]))
                if not any(
                    Claim(claim.predicate, (step.subject, *claim.arguments[1:])) in self._denied for step in path
                ):
                    yield Conclusion(made, (*path, claim))

    def denies(self, claim: Claim) -> bool:
        """Tell whether a claim is denied of its subject or of something above it."""
        return any(
            Claim(claim.predicate, (n, claim.value)) in self._denied
            for n in (claim.subject, *self.above[claim.subject])
        )

    def exceptional(self, claim: Claim) -> bool:
        """Tell whether a stated claim is a denial, or stands in the place of what is denied.

        In its place stands a claim about the same category, of a property that is denied of another.
        """
        return claim.predicate in DENIALS or (
            (claim.subject, claim.predicate) in self._exceptions
            and (claim.predicate, claim.value) in self._denied_of_some
        )

    def arguable(self, claim: Claim) -> bool:
        """Tell whether a claim is true, or might be held true by a generous reader; distractors must not be.

        Arguable is what holds if no exception is heeded, what holds of something below the category ("animals can
        fly"), a category below the subject or the subject itself as its parent, and a relation to something above or
        below the right object.
        """
        name, predicate, rest = claim.subject, claim.predicate, claim.arguments[1:]
        if predicate == "is a":
            return name == claim.value or claim.value in self.above[name] or claim.value in self.below[name]
        near = {rest}
        if predicate == "do":
            near |= {(rest[0], other) for other in (*self.above[rest[1]], *self.below[rest[1]])}
        return any((predicate, *r) in self._granted[n] for n in (name, *self.below[name]) for r in near)


def denied(claim: Claim) -> Claim:
    """Return what a denial denies, and the denial of any other claim about a property."""
    return Claim(DENIALS.get(claim.predicate) or DENIAL_OF[claim.predicate], claim.arguments)
