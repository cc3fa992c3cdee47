"""What worked examples determine, by hand and against trying all readings."""

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made
from worlds.test_verify import small_world

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.families.process.algebra import canonical, canonical_node, parse, read
from icl_ft_plugin.families.process.expressions import Shape, draw_expression
from icl_ft_plugin.families.process.facts import build, rules_used
from icl_ft_plugin.families.process.identify import MAX_READINGS, everything, identify
from icl_ft_plugin.families.process.proof import answers
from icl_ft_plugin.families.process.rules import apply, draw_rules, show
from icl_ft_plugin.schema import Document
from icl_ft_plugin.worlds.context import context_documents


def readings(*examples):
    return identify([Document("d", tuple(f"the bilku of {left} is {right}." for left, right in examples), ())])


def results(read, text):
    return read.results(parse(text))


def test_the_options_that_examples_leave():
    assert readings() == everything() and not everything().determined
    assert readings(("x^2", "4*x^4")).options["power"] == (("n+2", 2), ("2*n", 2))
    assert readings(("x^2", "4*x^4"), ("x^3", "5*x^5")).options["power"] == (("n+2", 2),)
    # The factor and the rule of powers cannot be told apart by one example, but by a second one.
    both = readings(("3*x^2", "12*x^3")).options
    assert len(both["scale"]) > 1 and len(both["power"]) > 1
    assert readings(("3*x^2", "12*x^3"), ("x^2", "3*x^3")).options["scale"] == (1,)


def test_a_result_may_be_determined_though_a_rule_is_open():
    read = readings(("3*x^2", "12*x^3"), ("sin(x)", "exp(x)"), ("cos(x)", "log(x)"), ("sin(x)+cos(x)", "exp(x)-log(x)"))
    assert not {"scale", "power"} & read.determined
    assert results(read, "3*x^2") == {canonical("12*x^3")}
    # Each option of the factor goes with one of the power's, so that the sum is the same under all.
    assert results(read, "sin(x)+3*x^2") == {canonical("exp(x)-12*x^3")}
    assert len(results(read, "sin(x)+3*x^3")) > 1 and len(results(read, "sin(x)+2*x^2")) > 1


def test_a_rule_seen_at_work_may_be_open():
    """Where v is u', u*u' + v*v' and u*v + u'*v' look the same."""
    read = readings(("sin(x)", "log(x)"), ("log(x)", "exp(x)"), ("sin(x)*log(x)", "sin(x)*log(x)+log(x)*exp(x)"))
    assert read.options["product"] == ("u*u' + v*v'", "u*v + u'*v'")
    assert len(results(read, "sin(x)*log(x)")) == 1
    assert results(read, "log(x)*sin(x)") == {
        canonical("log(x)*exp(x)+sin(x)*log(x)"),
        canonical("log(x)*sin(x)+exp(x)*log(x)"),
    }


def test_contradictions_leave_the_rule_nothing_and_the_others_all():
    read = readings(("sin(x)", "x"), ("cos(x)", "log(x)"))
    assert read.options["sin"] == () and results(read, "sin(x)") == set()
    assert results(read, "cos(x)") == {canonical("log(x)")}


@pytest.mark.parametrize("text", ["5", "x+2", "1/x", "x^-2", "-x", "sin(5)"])
def test_what_the_rules_are_not_about_has_no_result(text):
    world = made("process")
    assert identify(world.documents).determined == everything().options.keys()
    assert results(identify(world.documents), text) == set()


def test_too_many_readings_have_no_result():
    assert results(everything(), "2*x^3+sin(x)*cos(x)") == set()
    assert len(results(everything(), "2*sin(x)")) == 4 * 4


def test_the_documents_determine_every_rule_and_so_do_those_in_the_prompt():
    for seed in range(5):
        world = made("process", seed)
        for documents in (world.documents, context_documents(world)):
            assert identify(documents).determined == everything().options.keys()


# Kinds of node, few enough that all readings of the rules that they need can be tried.
KINDS = {
    ("sin", "log", "product"): ("scale", "sin", "log", "product"),
    ("sin", "power", "sum"): ("scale", "power", "sin", "sum"),
    ("sin", "power"): ("scale", "power", "sin", "compose"),
}


def all_readings(rules, examples):
    """Return, by trying, every choice of options for some rules under which the examples come out as written."""
    options = everything().options
    choices = (dict(zip(rules, chosen, strict=True)) for chosen in product(*(options[rule] for rule in rules)))
    return [c for c in choices if all(show(apply(build(c), node)) == text for node, text in examples)]


@settings(max_examples=50)
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_what_is_left_is_what_trying_all_readings_leaves(kinds, n, seed):
    rng = random.Random(seed)
    operator = draw_rules(rng, "evaluation")
    *_, last = kinds
    outer = [last] if last in ("sum", "product") else kinds
    leaves = [kind for kind in kinds if kind not in ("sum", "product")]
    pairs = [(a, b) for a in outer for b in leaves]
    drawn = [
        draw_expression(rng.choice([*pairs, *leaves]), set(pairs), Shape(2, 4, 4), set(), rng) for _ in range(n + 2)
    ]
    examples = [(node, show(apply(operator, node))) for node in drawn[:n]]
    found = readings(*((show(node), text) for node, text in examples))
    tried = all_readings(KINDS[kinds], examples)
    for rule in KINDS[kinds]:
        assert {*found.options[rule]} == {choice[rule] for choice in tried}
    for node in drawn:
        try:
            expected = {canonical_node(apply(build(choice), node)) for choice in tried}
        except UsageError:
            expected = set()
        too_many = sum(1 for _ in found.over(rules_used(node))) > MAX_READINGS
        assert found.results(node) == (set() if too_many else expected), (show(node), examples)


@pytest.mark.parametrize("seed", [40, 179, 190, 656, 746, 766])
def test_the_oracle_states_and_the_proof_holds_only_what_is_determined(seed):
    """In these worlds the documents leave the rule of products open, though they show it."""
    world = small_world("process", seed)
    found = identify(world.documents)
    assert found.options["product"] == ("u*u' + v*v'", "u*v + u'*v'")
    stated = [example for d in FAMILIES["process"].oracle(world) if d.style == "chain" for example in read(d.text)]
    assert all(found.results(node) == {canonical(result)} for _, node, result in stated)
    assert all(answers(world)[q.id] == frozenset(q.gold) for q in world.questions)
