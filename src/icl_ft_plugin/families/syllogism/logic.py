"""What follows of three terms, by enumerating all Venn models.

A model tells which of the seven regions of a three-circle diagram have members. "All femp are glon. Some glon are
trune." holds in some of the 128 models; a statement is entailed when it holds in all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

Statement = tuple[str, str, str]  # quantifier, subject, predicate
Premise = tuple[str, int, int]  # the same over term numbers 0, 1, 2
REGIONS = tuple(region for region in product((False, True), repeat=3) if any(region))


@cache
def entailed(premises: tuple[Premise, ...], first: int, second: int, existential_import: bool) -> frozenset[Premise]:
    """Return the strongest entailed statements over two terms.

    Args:
        premises: Two or fewer statements over the terms 0, 1 and 2.
        first: A term.
        second: Another term.
        existential_import: Whether only models count in which every term has members.

    Returns:
        Those of the six statements all / some / no, both directions, that hold in every model of the premises, less
        those that follow from another one of them without following back.
    """
    models = [model for model in _models(existential_import) if all(_holds(p, model) for p in premises)]
    options = [(q, *pair) for q in ("all", "some", "no") for pair in ((first, second), (second, first))]
    true = [option for option in options if all(_holds(option, model) for model in models)]
    return frozenset(s for s in true if not any(_stronger(t, s, existential_import) for t in true))


@cache
def holds(premises: tuple[Premise, ...], statement: Premise, existential_import: bool) -> bool | None:
    """Tell whether a statement holds in every model of the premises (True), in none (False) or in some (None)."""
    models = [model for model in _models(existential_import) if all(_holds(p, model) for p in premises)]
    found = {_holds(statement, model) for model in models}
    return found.pop() if len(found) == 1 else None


@cache
def _models(existential_import: bool) -> tuple[tuple[tuple[bool, ...], ...], ...]:
    every = (tuple(r for r, kept in zip(REGIONS, bits, strict=True) if kept) for bits in product((0, 1), repeat=7))
    return tuple(m for m in every if not existential_import or all(any(r[t] for r in m) for t in range(3)))


def _holds(statement: Premise, model: tuple[tuple[bool, ...], ...]) -> bool:
    quantifier, subject, predicate = statement
    if quantifier == "all":
        return not any(region[subject] and not region[predicate] for region in model)
    return any(region[subject] and region[predicate] for region in model) == (quantifier == "some")


@cache
def _stronger(left: Premise, right: Premise, existential_import: bool) -> bool:
    """Tell whether ``left`` alone entails ``right`` and not the other way round."""
    models = _models(existential_import)
    both = [(_holds(left, m), _holds(right, m)) for m in models]
    return all(r for le, r in both if le) and not all(le for le, r in both if r)


def conclusions(premises: Sequence[Statement], first: str, second: str, existential_import: bool) -> set[Statement]:
    """Return the strongest statements over two terms that follow from premises over three."""
    terms = list(dict.fromkeys(term for _, *pair in premises for term in pair))
    if not {first, second} <= set(terms):
        return set()  # the two terms never meet
    numbered = tuple((quantifier, terms.index(a), terms.index(b)) for quantifier, a, b in premises)
    true = entailed(numbered, terms.index(first), terms.index(second), existential_import)
    return {(quantifier, terms[a], terms[b]) for quantifier, a, b in true}
