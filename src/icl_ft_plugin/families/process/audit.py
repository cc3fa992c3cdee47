"""Audits a process: "Taking the bilku of 2*sin(x^3) gives 3*(exp(x^3)-9*x^5)" is worked out again by the documents' rules.

Entailed is a result that equals, as an expression, what all readings of the documents give; refuted is any other. Where
the documents leave a choice and the result is one of them, or where the expression is outside of what the rules are
about (division, a bare number), it is unsupported. An example of the documents is restated, or reversed if its result comes
first; another expression is applied, at the depth of the rules it takes. Of the endless closure coverage is taken of
the documents' examples in both orders and, for applied, of the nested pairs of rules ("a sum with a sine in it", those
that documents show and those that they never do) that correct examples of other expressions show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.auditor import Auditor, Judgement, Unit, Way
from icl_ft_plugin.families.process.algebra import canonical, parse, read
from icl_ft_plugin.families.process.expressions import Pair, Shape, nested, universe
from icl_ft_plugin.families.process.facts import rules_used
from icl_ft_plugin.families.process.generate import ProcessConfig
from icl_ft_plugin.families.process.identify import identify
from icl_ft_plugin.families.process.rules import FUNCTIONS, Node, show
from icl_ft_plugin.families.process.wordings import VERBS
from icl_ft_plugin.schema import World

EXPRESSION = rf"(?<![\w^*/+()-])((?:(?:{'|'.join(FUNCTIONS)})(?=\s*\()|x|\d|[-+*/^() ])++)"
END = r"(?:(?<= )|(?![a-z]))"
FORWARD = re.compile(rf"\bthe (\w+) of {EXPRESSION}(?:{VERBS}) {EXPRESSION}{END}")
BACKWARD = re.compile(rf"{EXPRESSION}is the (\w+) of {EXPRESSION}{END}")
SAID = re.compile(rf"\bthe (\w+) of .+ (?:{VERBS}) \S|\S is the (\w+) of \S")
PAIR_DEPTH = 2


class Worked(NamedTuple):
    """A worked example: an expression, the canonical form of the result given, and whether that comes first."""

    node: Node
    result: str
    backward: bool


class ProcessAuditor(Auditor):
    """The audit of a process."""

    def __init__(self, world: World) -> None:
        super().__init__()
        examples = [found for document in world.documents for found in read(document.text)]
        self._operators = {name for name, _, _ in examples}
        self._stated = {node: canonical(result) for _, node, result in examples}
        self._readings = identify(world.documents)
        self._found: dict[Node, set[str]] = {}
        self._forms: dict[str, str | None] = {}
        determined = self._readings.determined
        config = ProcessConfig(**world.config)
        pairs = universe(Shape(config.levels, config.max_coefficient, config.max_exponent))
        self.closure = {
            **{("forward", show(node)): Way("restated", 0) for node in self._stated},
            **{("backward", show(node)): Way("reversed", 1) for node in self._stated},
            **{_pair(pair): Way("applied", PAIR_DEPTH) for pair in pairs if determined.issuperset(_rules(pair))},
        }

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Worked]]:
        """Yield the worked examples of the world's operator."""
        for form, backward in ((FORWARD, False), (BACKWARD, True)):
            for match in form.finditer(sentence):
                name, left, right = (match[2], match[3], match[1]) if backward else match.groups()
                result = self._canonical(right)
                if name in self._operators and result is not None:
                    try:
                        yield match[0].strip(), match.span(), Worked(parse(left), result, backward)
                    except UsageError:
                        continue

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence says of the world's operator what is no expression."""
        return any({match[1], match[2]} & self._operators for match in SAID.finditer(sentence))

    def judge(self, claim: Worked) -> Judgement:
        """Judge a worked example."""
        node, result, backward = claim
        results = {self._stated[node]} if node in self._stated else self._results(node)
        if result not in results:
            return Judgement("contradicted" if results else "unsupported")
        if len(results) > 1:
            return Judgement("unsupported")
        if node in self._stated:
            unit = ("backward" if backward else "forward", show(node))
            return Judgement("entailed", self.closure[unit], (unit,))
        return Judgement("entailed", Way("applied", len(rules_used(node))), tuple(map(_pair, nested(node))))

    def _results(self, node: Node) -> set[str]:
        """Return the canonical forms of all results that the documents allow; none if they do not say."""
        if node not in self._found:
            self._found[node] = self._readings.results(node)
        return self._found[node]

    def _canonical(self, text: str) -> str | None:
        if text not in self._forms:
            try:
                self._forms[text] = canonical(text)
            except UsageError:
                self._forms[text] = None
        return self._forms[text]


def _pair(pair: Pair) -> Unit:
    return ("pair", *pair)


def _rules(pair: Pair) -> tuple[str, ...]:
    """Return the ids of the rules that meet in a nested pair."""
    return (*pair, "compose") if pair[0] in ("power", *FUNCTIONS) else pair
