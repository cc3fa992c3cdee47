"""The real-world hierarchy of the semantic structure: ``claims()["lions"][0]`` is ``Claim("is a", ("lions", "felines"))``.

The file ``data/hierarchy.yaml`` lists 110 categories of animals and objects with their parents, own properties and
relations; here it is read once and cut down to connected parts of any size.
"""

from __future__ import annotations

import random
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml

PROPERTIES = ("are", "have", "can")
# What the exceptions of a world say, and what each denies.
DENIALS = {"are not": "are", "have no": "have", "cannot": "can"}
DENIAL_OF = {denied: denial for denial, denied in DENIALS.items()}


class Claim(NamedTuple):
    """What is said of one category.

    Attributes:
        predicate: ``"is a"``, ``"are"``, ``"have"``, ``"can"``, for a relation ``"do"``, or a denial (``DENIALS``).
        arguments: (category, parent), (category, property) or (category, verb, category).
    """

    predicate: str
    arguments: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The category that the claim is about."""
        return self.arguments[0]

    @property
    def value(self) -> str:
        """What is said of it: the last word."""
        return self.arguments[-1]


@cache
def claims() -> dict[str, tuple[Claim, ...]]:
    """Return the claims about each category, parents before children; the parent is the first claim of all but the root."""
    text = files("icl_ft_plugin").joinpath("families/data/hierarchy.yaml").read_text(encoding="utf-8")
    return {name: tuple(_claims(name, entry)) for name, entry in yaml.safe_load(text).items()}


def _claims(name: str, entry: dict[str, str | list[str]]) -> list[Claim]:
    found = []
    for key, values in entry.items():
        if key == "of":
            found.append(Claim("is a", (name, str(values))))
        elif key in PROPERTIES:
            found += [Claim(key, (name, value)) for value in values]
        else:
            found += [Claim("do", (name, key, value)) for value in values]
    return found


@cache
def children() -> dict[str, tuple[str, ...]]:
    """Return the categories right below each category."""
    below: dict[str, list[str]] = {name: [] for name in claims()}
    for name, found in claims().items():
        if found[0].predicate == "is a":
            below[found[0].value].append(name)
    return {name: tuple(names) for name, names in below.items()}


@cache
def _shape(name: str) -> tuple[int, int]:
    """Return the number of categories at and below ``name`` and the number of levels below it."""
    shapes = [_shape(child) for child in children()[name]]
    return 1 + sum(size for size, _ in shapes), 1 + max((levels for _, levels in shapes), default=-1)


@cache
def _roots(n: int) -> tuple[str, ...]:
    return tuple(name for name in claims() if _shape(name)[0] >= n and _shape(name)[1] >= 2)


def part(n: int, rng: random.Random) -> list[str]:
    """Draw ``n`` categories that hang together and span at least three levels, in the order of the file.

    Args:
        n: Number of categories, 3 to 110.
        rng: The world's own generator.
    """
    chosen = [rng.choice(_roots(n))]
    # First a path two levels down, so that every part has a chain of three categories.
    for levels in (1, 0):
        chosen.append(rng.choice([child for child in children()[chosen[-1]] if _shape(child)[1] >= levels]))
    frontier = [child for name in chosen for child in children()[name] if child not in chosen]
    while len(chosen) < n:
        name = frontier.pop(rng.randrange(len(frontier)))
        chosen.append(name)
        frontier += children()[name]
    kept = set(chosen)
    return [name for name in claims() if name in kept]
