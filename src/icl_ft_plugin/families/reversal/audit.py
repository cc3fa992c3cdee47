"""Audits simple reversals: "it is clear that glon seem to be less dangerous than femp" is read whatever stands around it.

So is "glon is less dangerous than femp": models write of one where the documents write of many.

Refuted is the same comparison the other way ("glon are more dangerous than femp") and a term's comparison with itself;
another dimension or another pair is unsupported. The closure: each fact restated and reversed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icl_ft_plugin.families.auditor import NEGATES_NEXT, Auditor, Judgement, Way
from icl_ft_plugin.families.reversal.generate import DIMENSIONS, FRAMES, PREAMBLES
from icl_ft_plugin.families.reversal.proof import OPPOSITE, Comparison, closure, statements
from icl_ft_plugin.schema import World

SINGULAR = {"are": "is", "turn": "turns", "seem": "seems"}
PLURALS = ("are", *FRAMES)
SINGULARS = (" ".join([SINGULAR[verb], *rest]) for verb, *rest in map(str.split, PLURALS))
VERBS = "|".join(sorted((*PLURALS, *SINGULARS), key=len, reverse=True))
HEADS = tuple(head for head in (p.split("{}")[0].strip().lower() for p in PREAMBLES) if NEGATES_NEXT.search(head))
FORM = re.compile(rf"\b(\w+) (?:{VERBS}) (more|less) (\w+) than (?:(?:an?|the) )?(\w+)\b")


class ReversalAuditor(Auditor):
    """The audit of a world of simple reversals."""

    frames = HEADS

    def __init__(self, world: World) -> None:
        super().__init__()
        stated = {comparison for found in statements(world).values() for comparison in found}
        self._follows = closure(stated)
        self._terms = {term for first, _, _, second in stated for term in (first, second)}
        self._dimensions = {dimension for _, _, dimension, _ in stated}.union(DIMENSIONS)
        self.closure = {c: Way("restated", 0) if c in stated else Way("reversed", 1) for c in self._follows}

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Comparison]]:
        """Yield the comparisons over the world's terms."""
        for match in FORM.finditer(sentence):
            first, word, dimension, second = match.groups()
            if {first, second} <= self._terms and dimension in self._dimensions:
                yield match[0], match.span(), (first, word, dimension, second)

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence compares something of the world with something else, or in another respect."""
        found = (match.groups() for match in FORM.finditer(sentence))
        return any(
            (first in self._terms or second in self._terms)
            and not ({first, second} <= self._terms and dimension in self._dimensions)
            for first, _, dimension, second in found
        )

    def judge(self, claim: Comparison) -> Judgement:
        """Judge a comparison."""
        first, word, dimension, second = claim
        if claim in self._follows:
            return Judgement("entailed", self.closure[claim], (claim,))
        refuted = first == second or (first, OPPOSITE[word], dimension, second) in self._follows
        return Judgement("contradicted" if refuted else "unsupported")
