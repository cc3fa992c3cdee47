"""Audits codebooks: "So the femp code gives glon the form trune." is read in the wordings of all banks.

Refuted is a text that the code writes in another way; what has words that are none of the code's is not read. The
closure: every definition restated and reversed.
"""

from __future__ import annotations

from collections.abc import Iterator

from icl_ft_plugin.families.auditor import Auditor, Judgement, Way
from icl_ft_plugin.families.codebook import proof
from icl_ft_plugin.families.codebook.proof import Statement, codes_of, pattern, statement
from icl_ft_plugin.families.codebook.wordings import DOCUMENTS, INFERENCES
from icl_ft_plugin.schema import World

FORWARD = (
    *DOCUMENTS,
    *INFERENCES[False],
    *(form for form in proof.ASKED if form.index("{plain}") < form.index("{code}")),
)
BACKWARD = tuple(form for form in proof.ALL if form not in FORWARD)
Claim = tuple[bool, Statement]


class CodebookAuditor(Auditor):
    """The audit of a world of codebooks."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._codes = codes_of(world)
        self._stated = {said for _, said in proof.statements(world)}
        self._forms = {False: pattern(FORWARD), True: pattern(BACKWARD)}
        single = [(book, (word,), (code,)) for book, words in self._codes.items() for word, code in words.items()]
        self.closure = {
            _unit(backward, said): Way("reversed", 1) if backward else Way("restated", 0)
            for said in single
            for backward in (False, True)
        }

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Claim]]:
        """Yield the statements about the world's codes."""
        text = sentence.removesuffix(".")
        for backward, forms in self._forms.items():
            match = forms.fullmatch(text)
            if match and self._is_known(said := statement(match)):
                yield match[0], match.span(), (backward, said)

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence says of one of the world's codes what has other words."""
        found = (forms.fullmatch(sentence.removesuffix(".")) for forms in self._forms.values())
        return any(match and statement(match)[0] in self._codes for match in found)

    def _is_known(self, said: Statement) -> bool:
        book, plain, code = said
        words = self._codes.get(book, {})
        return len(plain) == len(code) and words.keys() >= {*plain} and {*words.values()} >= {*code}

    def judge(self, claim: Claim) -> Judgement:
        """Judge what a code is said to make of a text."""
        backward, (_, plain, _) = claim
        if proof.holds(self._codes, claim[1]):
            if len(plain) == 1:
                unit = _unit(backward, claim[1])
                return Judgement("entailed", self.closure[unit], (unit,))
            if claim[1] in self._stated:
                return Judgement("entailed", Way("reversed", 1) if backward else Way("restated", 0))
            return Judgement("entailed", Way("reversed", 2) if backward else Way("chained", 1))
        return Judgement("contradicted")


def _unit(backward: bool, said: Statement) -> tuple[str, ...]:
    book, plain, code = said
    return ("reversed" if backward else "restated", book, " ".join(plain), " ".join(code))
