"""Audits the semantic structure: each sentence is read by the parser of its forms, whatever style frames it.

Entailed is what the solver derives, stated forward ("femp can bilku") or backward ("kinds of things that can bilku
include femp"), with the inference and depth that questions give it; where levels are climbed the direction adds no
step. Refuted is what the documents themselves deny: a category as a kind of what is below it or of itself, the denial
of what follows ("true or false: femp can bilku. false."), and what an exception denies. All else is unsupported; as the
world is closed, it is false.
The closure: all claims that follow, in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from icl_ft_plugin.families.auditor import Auditor, Judgement, Unit, Way
from icl_ft_plugin.families.semantic.forms import ASK, Parser
from icl_ft_plugin.families.semantic.hierarchy import DENIAL_OF, DENIALS, Claim
from icl_ft_plugin.families.semantic.proof import Reader, closures
from icl_ft_plugin.families.semantic.styles import STYLES
from icl_ft_plugin.families.semantic.wordings import BANKS, N_FORMS
from icl_ft_plugin.schema import World

DENIED = "\x00"
QUIZ = re.compile(r"true or false: ((?:(?!true or false)[^\n])*?)[.?]?\s+(true|false)\b(?! or false)[.!]?")
INTERVIEW = re.compile(r"is it true that ((?:(?!is it true)[^\n])*?)\?\s+(yes|no)\b[.!]?")
OPENINGS = re.compile(
    "|".join(re.escape(s.title.lower()).replace(r"\{topic\}", r"[\w-]+") for s in STYLES.values() if s.title)
)
SLOTS = {"do": 3}  # of other predicates: 2
RELAXED = re.compile(
    "|".join(
        words.replace("0", r"([\w-]+)")
        for bank in BANKS
        for predicate in bank.forward
        for backward in (False, True)
        for form in range(N_FORMS)
        # Three words of any kind are no form.
        if (words := bank.statement(Claim(predicate, ("0",) * SLOTS.get(predicate, 2)), backward, form)) != "0 0 0"
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
        kinds = ("is a", "are", "have", "can", "do")
        self._lenient = Parser(Claim(kind, (word,) * SLOTS.get(kind, 2)) for word in words for kind in kinds)
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
        end = 0
        for found in self._reader.parser.find(sentence) or self._lenient.find(sentence):
            if found.start < end:
                continue
            end = found.end
            words = sentence[found.start : found.end]
            claim, turned = found.claim, False
            if denied and (other := DENIALS.get(claim.predicate) or DENIAL_OF.get(claim.predicate)):
                claim, turned = Claim(other, claim.arguments), True
            yield "not: " * denied + words, (found.start, found.end), Said(claim, found.backward, denied and not turned)

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence says of a word of the world what takes another word, which is not the world's."""
        known = ({word in self._words for word in match.groups() if word} for match in RELAXED.finditer(sentence))
        return {False, True} in known

    def states_nothing(self, sentence: str) -> bool:
        """Tell whether a sentence only opens a document."""
        return OPENINGS.fullmatch(sentence) is not None

    def judge(self, claim: Said) -> Judgement:
        """Judge a claim in one direction; of a kind or a relation a denial is refuted or unsupported, as no document has one."""
        said = claim.claim
        if said in self._levels:
            if claim.denied:
                return Judgement("contradicted")
            unit = _unit(said, claim.backward)
            return Judgement("entailed", self.closure[unit], (unit,))
        other = DENIALS.get(said.predicate) or DENIAL_OF.get(said.predicate)
        if other and Claim(other, said.arguments) in self._levels:
            return Judgement("contradicted")
        turned = Claim(said.predicate, said.arguments[::-1])
        refuted = said.predicate == "is a" and (turned == said or turned in self._levels)
        return Judgement("contradicted" if refuted and not claim.denied else "unsupported")


def _unit(claim: Claim, backward: bool) -> Unit:
    return (claim.predicate, *claim.arguments, "backward" if backward else "forward")
