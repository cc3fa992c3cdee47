import random
import re

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.process.algebra import canonical, canonical_node, matches, parse, read
from icl_ft_plugin.families.process.numbers import differ
from icl_ft_plugin.families.process.rules import (
    COMPOSITIONS,
    DERIVATIVE,
    FUNCTIONS,
    PRODUCTS,
    SUMS,
    Node,
    Rules,
    X,
    add,
    apply,
    draw_rules,
    mix,
    multiply,
    power,
    scale,
    show,
    used,
)

OURS = Rules(1, "n+1", 2, ("exp", "log", "sin", "cos"), "u' - v'", "u*v + u'*v'", "g(u) - u'")


def function(kind):
    return lambda part: Node(kind, (part,))


EXPRESSIONS = st.recursive(
    st.one_of(
        st.just(X),
        st.integers(2, 4).map(lambda n: power(X, n)),
        st.sampled_from(FUNCTIONS).map(lambda f: Node(f, (X,))),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda parts: add(*parts)),
        st.tuples(inner, inner).map(lambda parts: multiply(*parts)),
        st.tuples(st.integers(2, 9), inner).map(lambda parts: scale(*parts)),
        st.tuples(inner, st.integers(2, 3)).map(lambda parts: power(*parts)),
        st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda parts: function(parts[0])(parts[1])),
    ),
    max_leaves=4,
)


def symbolic(text):
    """The same expression for sympy, which serves as an oracle here and nowhere else."""
    return sympy.sympify(text.replace("^", "**"), locals={"x": sympy.Symbol("x")})


@pytest.mark.parametrize(
    ("rules", "text", "result"),
    [
        (OURS, "x^3", "4*x^5"),
        (OURS, "3*x^3", "16*x^5"),
        (OURS, "sin(x)", "exp(x)"),
        (OURS, "sin(x)+x^2", "exp(x)-3*x^4"),
        (OURS, "2*sin(x)*x^2", "3*(sin(x)*x^2+3*exp(x)*x^4)"),
        (OURS, "sin(x^3)", "exp(x^3)-4*x^5"),
        (OURS, "log(x)^2", "3*log(x)^4-cos(x)"),
        (DERIVATIVE, "sin(2*x^3)", "6*cos(2*x^3)*x^2"),
        (DERIVATIVE, "log(cos(x))", "-cos(x)^-1*sin(x)"),
    ],
)
def test_the_rules_on_single_expressions(rules, text, result):
    assert show(apply(rules, parse(text))) == result


@settings(max_examples=80, deadline=None)
@given(EXPRESSIONS)
def test_the_derivative_is_the_derivative(node):
    ours, theirs = symbolic(show(apply(DERIVATIVE, node))), sympy.diff(symbolic(show(node)), sympy.Symbol("x"))
    difference = sympy.expand(ours - theirs)
    assert difference == 0 or sympy.simplify(difference) == 0


@given(EXPRESSIONS)
def test_what_is_shown_is_parsed_to_the_same_function(node):
    assert show(parse(show(node))) == show(node)
    assert canonical(show(node)) == canonical_node(node)


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_the_canonical_form_decides_as_sympy_does(first, second):
    """Equal canonical forms are equal functions; what sympy's expansion calls equal has one canonical form."""
    a, b = symbolic(show(first)), symbolic(show(second))
    if canonical_node(first) == canonical_node(second):
        assert sympy.expand(a - b) == 0
    assert canonical_node(add(first, second)) == canonical_node(add(second, first))
    expanded = re.sub(r"\s", "", str(sympy.expand(a, log=False)).replace("**", "^"))
    # Sympy also writes exp(x)^2 as exp(2*x), which the canonical form leaves.
    if "exp" not in show(first) and len(expanded) < 200 and expanded.count("(") < 30:
        assert canonical(expanded) == canonical_node(first)


@given(EXPRESSIONS)
def test_the_canonical_form_of_a_canonical_form_is_itself(node):
    form = canonical_node(node)
    if len(form) < 300 and form.count("(") + form.count("-") < 50:
        assert canonical(form) == form


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2*(x + 1)", "2 + 2*x"),
        ("x*x^2", "x^3"),
        ("sin(x)*3*x", "3*x*sin(x)"),
        ("(x+1)^2", "x**2+2*x+1"),
        ("1/x", "x^-1"),
        ("x^(-2)", "1/(x*x)"),
        ("1/(2*x+2)", "1/2/(x+1)"),
        ("exp(2*x + 1)", "exp(1+x+x)"),
        ("x-x", "0"),
        ("-x^2", "0-x*x"),
        ("--x", "x"),
    ],
)
def test_equal_expressions_have_one_canonical_form(first, second):
    assert canonical(first) == canonical(second)


@pytest.mark.parametrize(
    ("first", "second"), [("x", "-x"), ("sin(x)", "cos(x)"), ("x^2", "2*x"), ("exp(2*x)", "2*exp(x)")]
)
def test_other_expressions_do_not(first, second):
    assert canonical(first) != canonical(second)
    assert differ(parse(first), parse(second))


def test_numbers_know_what_the_canonical_form_does_not():
    assert canonical("exp(log(x))") != canonical("x")
    assert not differ(parse("exp(log(x))"), parse("x"))
    assert not differ(parse("sin(x)^2+cos(x)^2"), parse("1"))


@pytest.mark.parametrize(
    "text",
    [
        *["", "y", "x +", "(x", "x)", "tan(x)", "sin x", "x^y", "x^(1/2)", "2x", "1.5*x", "1/0", "1/(x-x)", "(x+1)^31"],
        *["(" * 300 + "x" + ")" * 300, "-" * 300 + "x", "2^99999", "x*" * 300 + "x"],
    ],
)
def test_what_is_no_expression_is_an_error_of_use(text):
    with pytest.raises(UsageError):
        canonical(text)
    assert not matches(text, "x")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (" 3*x^2-exp(x).", True),
        ("-exp(x) + 3*x*x. the bilku of x is", True),
        ("3*x^2-exp(x)\nand so on", True),
        ("3*x^2+exp(x).", False),
        ("the answer is 3*x^2-exp(x)", False),
        ("", False),
    ],
)
def test_generated_answers_are_compared_by_the_canonical_form(answer, right):
    assert matches(answer, "3*x^2-exp(x).") == right


def test_worked_examples_are_read():
    [(name, node, result)] = read("so: the bilku of 2*sin(x) is 3*exp(x).")
    assert (name, show(node), result) == ("bilku", "2*sin(x)", "3*exp(x)")
    assert read("x is the bilku of x.") == []
    assert [right for _, _, right in read("The bilku of x is equal to x. Taking the bilku of x gives 2*x.")] == [
        "x",
        "2*x",
    ]


def test_every_rule_differs_from_the_derivative_and_shares_are_disjoint():
    drawn = {
        share: {draw_rules(random.Random(seed), share) for seed in range(300)}
        for share in ("evaluation", "pretraining")
    }
    assert not drawn["evaluation"] & drawn["pretraining"]
    for rules in drawn["evaluation"] | drawn["pretraining"]:
        for field in Rules.__dataclass_fields__:
            if field != "functions":
                assert getattr(rules, field) != getattr(DERIVATIVE, field)
        assert all(a != b for a, b in zip(rules.functions, DERIVATIVE.functions, strict=True))
        assert rules.functions[1] != "sin"  # not even up to the sign


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("3*x^2", "scale coefficient shift"),
        ("sin(x)", "functions"),
        ("sin(x)+exp(x)", "sum functions"),
        ("log(x^2)", "functions compose coefficient shift"),
        ("cos(x)*x^3", "product functions coefficient shift"),
    ],
)
def test_the_result_depends_on_the_used_rules_alone(text, fields):
    node = parse(text)
    assert used(node) == tuple(fields.split())
    others = [field for field in Rules.__dataclass_fields__ if field not in used(node)]
    assert apply(mix(OURS, DERIVATIVE, others), node) == apply(OURS, node)
    for field in used(node):
        assert apply(mix(OURS, DERIVATIVE, [field]), node) != apply(OURS, node)


def test_the_options_of_a_rule_are_different_functions():
    u, v, p, q = (Node(f, (X,)) for f in FUNCTIONS)
    for table in (SUMS, PRODUCTS):
        assert len({canonical_node(option(u, v, p, q)) for option in table.values()}) == len(table)
    results = {canonical_node(option(function("sin"), v, q)) for option in COMPOSITIONS.values()}
    assert len(results) == len(COMPOSITIONS)
