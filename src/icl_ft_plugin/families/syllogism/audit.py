"""Audits simple syllogisms by the Venn models of a document's premises: "every femp is a glon" is read as "all femp are glon".

Entailed is what holds in all models, in both wordings; refuted what holds in none; all else, as a relation between terms
of two documents, is unsupported. From one premise a statement is restated, or reversed if it swaps its terms; what takes
both is chained. A weaker statement that follows (some from all, where every term has members) counts as entailed, and
as one step, but the closure holds the strongest statements over each pair of a document's terms and no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icl_ft_plugin.families.auditor import Auditor, Judgement, Unit, Way
from icl_ft_plugin.families.syllogism.proof import QUANTIFIERS, Premise, Statement, entailed, holds, read_premises
from icl_ft_plugin.schema import World

WORDS = {words.lower(): quantifier for words, quantifier in QUANTIFIERS.items()}
FORM = re.compile(rf"\b({'|'.join(WORDS)}) (\w+) (?:are|is an?) (\w+)\b")
NAMING = re.compile(r"(?:the terms )?\w+(?:, \w+)*,? and \w+ are related[.:]?")


class SyllogismAuditor(Auditor):
    """The audit of a world of simple syllogisms."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._import = bool(world.config.get("existential_import", False))
        self._terms: dict[str, tuple[tuple[str, ...], tuple[Premise, ...]]] = {}
        for document in world.documents:
            stated = read_premises(document)
            terms = tuple(dict.fromkeys(term for _, *pair in stated for term in pair))
            numbered = tuple((q, terms.index(a), terms.index(b)) for q, a, b in stated)
            self._terms |= dict.fromkeys(terms, (terms, numbered))
        self.closure = dict(self._closure())

    def _closure(self) -> Iterator[tuple[Unit, Way]]:
        for terms, premises in self._terms.values():
            for a in range(len(terms)):
                for b in range(a):
                    for premise in entailed(premises, a, b, self._import):
                        statement = (premise[0], terms[premise[1]], terms[premise[2]])
                        yield statement, self._way(premise, premises)

    def _way(self, statement: Premise, premises: tuple[Premise, ...]) -> Way:
        """Return how a statement follows, by the fewest premises and steps."""
        if statement in premises:
            return Way("restated", 0)
        alone = [premise for premise in premises if holds((premise,), statement, self._import)]
        if not alone:
            return Way("chained", 1)
        return Way("restated" if any(premise[1:] == statement[1:] for premise in alone) else "reversed", 1)

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Statement]]:
        """Yield the statements over the world's terms."""
        for match in FORM.finditer(sentence):
            if {match[2], match[3]} <= self._terms.keys():
                yield match[0], match.span(), (WORDS[match[1]], match[2], match[3])

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence relates a term of the world to another word."""
        return any((m[2] in self._terms) != (m[3] in self._terms) for m in FORM.finditer(sentence))

    def states_nothing(self, sentence: str) -> bool:
        """Tell whether a sentence only names terms."""
        return NAMING.fullmatch(sentence) is not None

    def judge(self, claim: Statement) -> Judgement:
        """Judge a statement; of one term alone nothing is supported, nor refuted."""
        quantifier, subject, predicate = claim
        terms, premises = self._terms[subject]
        if subject == predicate or predicate not in terms:
            return Judgement("unsupported")
        statement = (quantifier, terms.index(subject), terms.index(predicate))
        found = holds(premises, statement, self._import)
        if found:
            return Judgement("entailed", self._way(statement, premises), (claim,) if claim in self.closure else ())
        return Judgement("unsupported" if found is None else "contradicted")
