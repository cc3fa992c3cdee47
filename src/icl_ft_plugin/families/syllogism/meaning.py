"""Written answers to syllogisms: "each femp is a glon" says what "All femp are glon." says, and any conclusion is right."""

from __future__ import annotations

import re
from functools import cached_property

from icl_ft_plugin.families.meaning import Meaning, normalized
from icl_ft_plugin.families.syllogism.audit import WRITTEN
from icl_ft_plugin.families.syllogism.logic import Statement, holds
from icl_ft_plugin.families.syllogism.phrases import DOCUMENTS, INFERENCES, QUANTIFIERS, TESTS
from icl_ft_plugin.families.syllogism.proof import pattern, statement_of
from icl_ft_plugin.schema import Doc


def _bare(wording: str) -> str:
    """Return a wording as ``normalized`` leaves what is written in it."""
    return normalized(wording.format(a="first", b="second")).replace("first", "{a}").replace("second", "{b}")


FORM = pattern(
    {q: [_bare(w) for bank in (WRITTEN, DOCUMENTS, INFERENCES, TESTS) for w in bank[q]] for q in QUANTIFIERS}
)


class SyllogismMeaning(Meaning):
    """A statement about the question's two terms is right if it holds whenever the premises of its proof do."""

    def read(self, split: str, answer: str) -> Statement | None:
        """Return the statement, or None where there is none."""
        match = FORM.fullmatch(normalized(answer))
        return statement_of(match) if match else None

    def right(self, doc: Doc, meaning: Statement) -> bool:
        """Tell whether a statement follows."""
        quantifier, *pair = meaning
        if set(pair) != set(re.findall(r"\w+", doc["question"])[0:3:2]):
            return False
        premises = [self._facts[fact] for fact in doc["proof"]]
        terms = list(dict.fromkeys(term for _, *stated in premises for term in stated))
        numbered = tuple((stated, terms.index(a), terms.index(b)) for stated, a, b in premises)
        existential_import = bool(self.world.config.get("existential_import", False))
        return bool(holds(numbered, (quantifier, terms.index(pair[0]), terms.index(pair[1])), existential_import))

    @cached_property
    def _facts(self) -> dict[str, tuple[str, ...]]:
        return {fact.id: (fact.predicate, *fact.arguments) for fact in self.world.facts}
