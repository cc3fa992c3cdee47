"""Audits simple syllogisms by the Venn models of a document's premises: "each femp is a glon" is read as "all femp are glon".

Entailed is what holds in all models, in any wording; refuted what holds in none; all else, as a relation between terms
of two documents, is unsupported. From one premise a statement is restated, or reversed if it swaps its terms; what takes
both is chained. A weaker statement that follows (some from all, where every term has members) counts as entailed, and
as one step, but the closure holds the strongest statements over each pair of a document's terms and no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icl_ft_plugin.families.auditor import Auditor, Judgement, Unit, Way
from icl_ft_plugin.families.syllogism.logic import Premise, Statement, entailed, holds
from icl_ft_plugin.families.syllogism.phrases import DOCUMENTS, INFERENCES, TESTS
from icl_ft_plugin.families.syllogism.proof import pattern, read_premises, statement_of
from icl_ft_plugin.schema import World

WORDS = {"all": ("All", "Every", "Each"), "some": ("Some", "At least one"), "no": ("No", "Not one")}
# As a model may write, in one number or the other.
WRITTEN = {q: [f"{word} {{a}} {verb} {{b}}." for word in WORDS[q] for verb in ("are", "is a")] for q in WORDS}
FORM = pattern(WRITTEN, DOCUMENTS, INFERENCES, TESTS)
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
            statement = statement_of(match)
            if self._terms.keys() >= set(statement[1:]):
                yield match[0], match.span(), statement

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence relates a term of the world to another word."""
        found = map(statement_of, FORM.finditer(sentence))
        return any((first in self._terms) != (second in self._terms) for _, first, second in found)

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
