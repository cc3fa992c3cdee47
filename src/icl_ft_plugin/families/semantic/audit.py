"""Audits the semantic structure: each sentence is read by the parser of its forms, whatever style frames it.

Entailed is what the solver derives, stated forward ("femp can bilku") or backward ("kinds of things that can bilku
include femp"), with the inference and depth that questions give it; where levels are climbed the direction adds no
step. Refuted is what the documents themselves deny: a category as a kind of what is below it or of itself, and the denial
of what follows ("true or false: femp can bilku. false."). All else is unsupported; as the world is closed, it is false.
The closure: all claims that follow, in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from icl_ft_plugin.families.auditor import Auditor, Judgement, Unit, Way
from icl_ft_plugin.families.semantic.forms import ASK, FORWARD, N_FORMS, Parser, statement
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.proof import Reader, closures
from icl_ft_plugin.families.semantic.styles import STYLES
from icl_ft_plugin.schema import World

DENIED = "\x00"
QUIZ = re.compile(r"true or false: ((?:(?!true or false)[^\n])*?)[.?]?\s+(true|false)\b(?! or false)[.!]?")
INTERVIEW = re.compile(r"is it true that ((?:(?!is it true)[^\n])*?)\?\s+(yes|no)\b[.!]?")
OPENINGS = re.compile(
    "|".join(re.escape(s.opening).replace(r"\{topic\}", r"\w+") for s in STYLES.values() if s.opening)
)


RELAXED = re.compile(
    "|".join(
        statement(claim, backward, form).replace("0", r"([\w-]+)")
        for claim in (Claim(kind, ("0",) * (3 if kind == "do" else 2)) for kind in FORWARD)
        for backward in (False, True)
        for form in range(N_FORMS)
        if statement(claim, backward, form) != "0 0 0"  # Three words of any kind are no form.
    )
)


class Said(NamedTuple):
    """A claim in one direction, denied or not."""

    claim: Claim
    backward: bool
    denied: bool


class SemanticAuditor(Auditor):
    """The audit of a world of semantic structure."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._reader = Reader(world)
        found = closures({"all": self._reader.directions})
        words = {word for claim in self._reader.claims.values() for word in claim.arguments}
        # Reads words of the world in the place of others, too: a verb as a property.
        self._lenient = Parser(Claim(kind, (word,) * (3 if kind == "do" else 2)) for word in words for kind in FORWARD)
        self._words = words
        self._levels = {claim: levels for (_, claim), levels in found.holds.items()}
        self.closure = {
            _unit(claim, backward): Way(*self._reader.way(claim, backward, levels))
            for claim, levels in self._levels.items()
            for backward in (False, True)
        }

    def sentences(self, text: str) -> Iterator[str]:
        """Yield the sentences; one that is asked and answered is taken as what the answer makes of it."""
        text = text.lower().replace(ASK, " ")
        for form in (QUIZ, INTERVIEW):
            text = form.sub(lambda match: f"{'' if match[2] in ('true', 'yes') else DENIED}{match[1]}. ", text)
        return super().sentences(text)

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Said]]:
        """Yield the claims over the world's words."""
        denied = DENIED in sentence
        place = 0
        for claim, backward in self._reader.parser.read(sentence) or self._lenient.read(sentence):
            for form in range(N_FORMS):
                words = statement(claim, backward, form)
                start = sentence.find(words, place)
                if start >= 0:
                    place = start + len(words)
                    yield "not: " * denied + words, (start, place), Said(claim, backward, denied)
                    break

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence says of a word of the world what takes another word, which is not the world's."""
        known = ({word in self._words for word in match.groups() if word} for match in RELAXED.finditer(sentence))
        return {False, True} in known

    def states_nothing(self, sentence: str) -> bool:
        """Tell whether a sentence only opens a document."""
        return OPENINGS.fullmatch(sentence) is not None

    def judge(self, claim: Said) -> Judgement:
        """Judge a claim in one direction; a denial is refuted or unsupported, as no document denies anything."""
        said = claim.claim
        if said in self._levels:
            if claim.denied:
                return Judgement("contradicted")
            unit = _unit(said, claim.backward)
            return Judgement("entailed", self.closure[unit], (unit,))
        turned = Claim(said.predicate, said.arguments[::-1])
        refuted = said.predicate == "is a" and (turned == said or turned in self._levels)
        return Judgement("contradicted" if refuted and not claim.denied else "unsupported")


def _unit(claim: Claim, backward: bool) -> Unit:
    return (claim.predicate, *claim.arguments, "backward" if backward else "forward")
