"""Audits simple reversals: "it is clear that glon seem to be less dangerous than femp" is read whatever stands around it.

So is "glon is less dangerous than femp": models write of one where the documents write of many.

Refuted is the same comparison the other way ("glon are more dangerous than femp") and a term's comparison with itself;
another dimension or another pair is unsupported. The closure: each fact restated and reversed. What follows over a third
term is entailed, but no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icl_ft_plugin.families.auditor import NEGATES_NEXT, Auditor, Judgement, Way
from icl_ft_plugin.families.reversal.phrases import DIMENSIONS, DOCUMENTS, INFERENCES, OPPOSITE, TESTS
from icl_ft_plugin.families.reversal.proof import Comparison, closure, statements, turned
from icl_ft_plugin.schema import World

INFERRED = (re.search(r"\{first\} (.*) \{more\}", wording) for bank in INFERENCES.values() for wording in bank)
ASKED = {wording.split("{}")[1].strip() for bank in TESTS.values() for wording in bank}
PLURALS = ASKED | {found[1] for found in INFERRED if found}
SINGULAR = {"are": "is", "have": "has", "must": "must", "would": "would"}  # the other verbs take an s
SINGULARS = {" ".join([SINGULAR.get(verb, f"{verb}s"), *rest]) for verb, *rest in map(str.split, PLURALS)}
VERBS = "|".join(sorted(PLURALS | SINGULARS, key=lambda verb: (-len(verb), verb)))
HEADS = tuple(head for head in (p.split("{}")[0].strip().lower() for p in DOCUMENTS) if NEGATES_NEXT.search(head))
FORM = re.compile(rf"\b(\w+) (?:{VERBS}) (more|less) (\w+) than (?:(?:an?|the) )?(\w+)\b")


class ReversalAuditor(Auditor):
    """The audit of a world of simple reversals."""

    frames = HEADS

    def __init__(self, world: World) -> None:
        super().__init__()
        stated = {comparison for found in statements(world).values() for comparison in found}
        self._follows = closure(stated)  # with what is compared over a third term
        self._terms = {term for first, _, _, second in stated for term in (first, second)}
        self._dimensions = {dimension for _, _, dimension, _ in stated}.union(DIMENSIONS)
        self.closure = {
            **{turned(c): Way("reversed", 1) for c in stated},
            **dict.fromkeys(stated, Way("restated", 0)),
        }

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
            way = self.closure.get(claim)
            return Judgement("entailed", way or Way("chained", 1), (claim,) if way else ())
        refuted = first == second or (first, OPPOSITE[word], dimension, second) in self._follows
        return Judgement("contradicted" if refuted else "unsupported")
