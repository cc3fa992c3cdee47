"""Audits the compass: "we are sure that stako lies south of durpu" is read whatever stands around it."""

from __future__ import annotations

from collections.abc import Iterator

from icl_ft_compass.generate import OPPOSITE
from icl_ft_compass.proof import FORM, Place, closure
from icl_ft_plugin.families.auditor import Auditor, Judgement, Way
from icl_ft_plugin.schema import World


class CompassAuditor(Auditor):
    """The audit of a world of the compass."""

    def __init__(self, world: World) -> None:
        super().__init__()
        stated, follows = closure(world)
        self._places = {place for first, _, second in stated for place in (first, second)}
        self.closure = {c: Way("restated", 0) if c in stated else Way("reversed", 1) for c in follows}

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Place]]:
        """Yield the statements over the world's places."""
        for match in FORM.finditer(sentence):
            first, way, second = match.groups()
            if {first, second} <= self._places:
                yield match[0], match.span(), (first, way, second)

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence relates a place of the world to another word."""
        return any((m[1] in self._places) != (m[3] in self._places) for m in FORM.finditer(sentence))

    def judge(self, claim: Place) -> Judgement:
        """Judge a statement; two places that are told to lie one way do not lie another."""
        if claim in self.closure:
            return Judgement("entailed", self.closure[claim], (claim,))
        first, _, second = claim
        refuted = first == second or any((first, way, second) in self.closure for way in OPPOSITE)
        return Judgement("contradicted" if refuted else "unsupported")
