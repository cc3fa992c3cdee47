"""Reads expressions and decides whether two are equal: ``canonical("2*(x + 1)")`` and ``canonical("2 + 2*x")`` agree.

The canonical form is a sum of monomials over x, sin(...), cos(...), exp(...), log(...) and inverses of sums, with
whole exponents and rational factors. It multiplies out and collects terms, and knows no identity between functions
(sin(x)^2 + cos(x)^2 stays). Generated answers are compared by it.
"""

from __future__ import annotations

import re
from fractions import Fraction

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.process.rules import FUNCTIONS, Node, X, add, multiply, power, scale, subtract
from icl_ft_plugin.families.process.wordings import VERBS

SENTENCE = re.compile(rf"\b[Tt]he (\w+) of (\S+) (?:{VERBS}) (\S+)\.")
MAX_LENGTH = 400
MAX_NESTING = 60
MAX_EXPONENT = 30
MAX_TERMS = 2000
_Monomial = tuple[tuple[str, int], ...]
_Sum = dict[_Monomial, int | Fraction]


def parse(text: str) -> Node:
    """Return the expression that ``text`` writes.

    Raises:
        UsageError: ``text`` is not an expression of whole numbers, x, + - * / ^, the four functions and parentheses.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"expression of {len(text)} characters: at most {MAX_LENGTH}")
    if text.count("(") + text.count("-") > MAX_NESTING:
        raise UsageError(f"{text!r} has more than {MAX_NESTING} parentheses and minus signs")
    tokens = re.findall(r"\d+|[a-z]+|\S", text.replace("**", "^"))
    try:
        node, rest = _sum(tokens)
    except (IndexError, ValueError) as error:
        raise UsageError(f"{text!r} is not an expression") from error
    if rest:
        raise UsageError(f"{text!r} is not an expression: cannot read from {' '.join(rest)!r} on")
    return node


def _sum(tokens: list[str]) -> tuple[Node, list[str]]:
    node, rest = _product(tokens)
    while rest and rest[0] in "+-":
        other, after = _product(rest[1:])
        node, rest = (add if rest[0] == "+" else subtract)(node, other), after
    return node, rest


def _product(tokens: list[str]) -> tuple[Node, list[str]]:
    node, rest = _signed(tokens)
    while rest and rest[0] in "*/":
        other, after = _signed(rest[1:])
        node, rest = multiply(node, other if rest[0] == "*" else Node("power", (other,), -1)), after
    return node, rest


def _signed(tokens: list[str]) -> tuple[Node, list[str]]:
    if tokens[0] == "-":
        node, rest = _signed(tokens[1:])
        return scale(-1, node), rest
    node, rest = _atom(tokens)
    if rest and rest[0] == "^":
        match = re.match(r"\( - (\d+) \)|\( (\d+) \)|- (\d+)|(\d+)", " ".join(rest[1:]))
        if not match:
            raise ValueError("an exponent is a whole number")
        minus = match[1] or match[3]
        value = int(match[match.lastindex or 0])
        return power(node, -value if minus else value), rest[1 + len(match[0].split()) :]
    return node, rest


def _atom(tokens: list[str]) -> tuple[Node, list[str]]:
    first = tokens[0]
    if first == "x":
        return X, tokens[1:]
    if first.isdigit():
        return Node("number", (), int(first)), tokens[1:]
    opening = 1 if first in FUNCTIONS else 0
    if tokens[opening] != "(":
        raise ValueError(f"{first} is neither x nor a number nor one of the functions")
    node, rest = _sum(tokens[opening + 1 :])
    if rest[0] != ")":
        raise ValueError("a parenthesis is missing")
    return (Node(first, (node,)) if opening else node), rest[1:]


def read(text: str) -> list[tuple[str, Node, str]]:
    """Return (operator's name, expression, text of the result) of every worked example in a text.

    Raises:
        UsageError: What stands in the place of an expression is none.
    """
    return [(name, parse(left), right) for name, left, right in SENTENCE.findall(text)]


def canonical(expression: str) -> str:
    """Return the canonical form of an expression; equal polynomials in the functions give equal strings.

    Raises:
        UsageError: Not an expression, a division by zero, or one too large to multiply out.
    """
    return canonical_node(parse(expression))


def canonical_node(node: Node) -> str:
    """Return the canonical form of a parsed expression."""
    return _write(_expand(node))


def matches(answer: str, gold: str) -> bool:
    """Tell whether a generated answer equals the gold expression.

    Args:
        answer: A model's text; its first line counts, up to the first full stop.
        gold: An expression, with or without a full stop.
    """
    try:
        return canonical(answer.strip().split("\n")[0].split(".")[0]) == canonical(gold.rstrip("."))
    except UsageError:
        return False


def _expand(node: Node) -> _Sum:
    if node.kind == "number":
        return {(): node.number} if node.number else {}
    if node.kind == "x":
        return {(("x", 1),): 1}
    if node.kind in FUNCTIONS:
        return {((f"{node.kind}({_write(_expand(node.parts[0]))})", 1),): 1}
    parts = [_expand(part) for part in node.parts]
    if node.kind == "sum":
        return _plus(*parts)
    if node.kind == "product":
        return _times(*parts)
    if node.kind == "scale":
        return _times({(): node.number}, parts[0])
    return _raise(parts[0], node.number)


def _plus(left: _Sum, right: _Sum) -> _Sum:
    total = dict(left)
    for monomial, factor in right.items():
        total[monomial] = total.get(monomial, 0) + factor
    return {monomial: factor for monomial, factor in total.items() if factor}


def _times(left: _Sum, right: _Sum) -> _Sum:
    if len(left) * len(right) > MAX_TERMS:
        raise UsageError(f"expression of more than {MAX_TERMS} terms")
    total: _Sum = {}
    for first, a in left.items():
        for second, b in right.items():
            exponents = dict(first)
            for base, exponent in second:
                exponents[base] = exponents.get(base, 0) + exponent
            monomial = tuple(sorted((base, exponent) for base, exponent in exponents.items() if exponent))
            total[monomial] = total.get(monomial, 0) + a * b
    return {monomial: factor for monomial, factor in total.items() if factor}


def _raise(base: _Sum, exponent: int) -> _Sum:
    if len(base) == 1:
        [(monomial, factor)] = base.items()
        if (
            abs(exponent) > 1
            and max(factor.numerator.bit_length(), factor.denominator.bit_length()) * abs(exponent) > 9999
        ):
            raise UsageError(f"exponent {exponent} of a number is too large")
        return {tuple((name, e * exponent) for name, e in monomial): Fraction(factor) ** exponent}
    if abs(exponent) > MAX_EXPONENT:
        raise UsageError(f"exponent {exponent} of a sum is not between -{MAX_EXPONENT} and {MAX_EXPONENT}")
    if exponent < 0:
        if not base:
            raise UsageError("division by zero")
        # One factor is taken out, so that 1/(2*x + 2) and 1/2/(x + 1) agree.
        factor = base[min(base)]
        inverse = f"({_write({monomial: Fraction(f) / factor for monomial, f in base.items()})})"
        return {((inverse, exponent),): Fraction(factor) ** exponent}
    total: _Sum = {(): 1}
    for _ in range(exponent):
        total = _times(total, base)
    return total


def _write(terms: _Sum) -> str:
    written = []
    for monomial, factor in sorted(terms.items()):
        names = [name if exponent == 1 else f"{name}^{exponent}" for name, exponent in monomial]
        written.append("*".join([str(factor), *names]))
    return " + ".join(written) or "0"
