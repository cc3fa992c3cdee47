"""What is refuted, what is open and what cannot be read, family by family."""

import random
from itertools import product

import pytest
from families.test_reversal_curse import folder  # noqa: F401 (a fixture)
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made
from worlds.test_verify import small_world

from icl_ft_plugin.families import FAMILIES, generate
from icl_ft_plugin.families.celebrity.generate import DOCUMENTS as PHRASINGS
from icl_ft_plugin.families.celebrity.generate import INFERENCES, ORDERS, TESTS, fill, people_of
from icl_ft_plugin.families.celebrity.reversal_curse import load
from icl_ft_plugin.families.process.algebra import parse, read
from icl_ft_plugin.families.process.expressions import Shape, draw_expression, universe
from icl_ft_plugin.families.process.facts import rules_of, rules_used
from icl_ft_plugin.families.process.generate import steps
from icl_ft_plugin.families.process.identify import identify
from icl_ft_plugin.families.process.rules import FUNCTIONS, apply, show
from icl_ft_plugin.families.reversal import phrases
from icl_ft_plugin.families.reversal.audit import PLURALS, SINGULARS
from icl_ft_plugin.families.reversal.phrases import DIMENSIONS
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.hierarchy import DENIALS, Claim
from icl_ft_plugin.families.semantic.wordings import BANKS, DOCUMENTS, N_FORMS
from icl_ft_plugin.families.syllogism import phrases as wordings
from icl_ft_plugin.families.syllogism.generate import statement as sentence
from icl_ft_plugin.families.syllogism.proof import CHOSEN, statement_of
from icl_ft_plugin.worlds.audit import audit, summarize

WORDINGS = (wordings.DOCUMENTS, wordings.INFERENCES, wordings.TESTS)
SEEDS = st.integers(0, 2**32 - 1)


def judged(world, text):
    return [verdict.label if verdict.label != "entailed" else verdict.inference for verdict in audit(world, [text])]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_comparisons(seed):
    world = small_world("reversal", seed)
    rng = random.Random(seed)
    (a, b), (c, _) = (fact.arguments for fact in world.facts[:2])
    word, dimension = world.facts[0].predicate.split(" ")
    other = "less" if word == "more" else "more"
    elsewhere = next(d for d in DIMENSIONS if d != dimension)
    assert judged(world, f"The {a} is {word} {dimension} than the {b}.") == ["restated"]
    assert judged(world, f"A {b} is {other} {dimension} than a {a}.") == ["reversed"]
    assert {"is", "is said to be", "turns out to be", "has to be", "must be"} <= SINGULARS
    for verb in sorted(PLURALS | SINGULARS):
        frame = rng.choice(phrases.DOCUMENTS).format
        assert judged(world, frame(f"{a} {verb} {word} {dimension} than {b}")) == ["restated"]
        assert judged(world, frame(f"{b} {verb} {other} {dimension} than {a}")) == ["reversed"]
        assert judged(world, frame(f"{a} {verb} {other} {dimension} than {b}")) == ["contradicted"]
        assert judged(world, frame(f"{b} {verb} {word} {dimension} than {a}")) == ["contradicted"]
        assert judged(world, frame(f"{a} {verb} {word} {dimension} than {a}")) == ["contradicted"]
        assert judged(world, frame(f"{a} {verb} {word} {elsewhere} than {b}")) == ["unsupported"]
        assert judged(world, frame(f"{c} {verb} {word} {dimension} than {a}")) == ["unsupported"]
        assert judged(world, frame(f"{a} {verb} {word} {dimension} than")) == ["unparsed"]
        assert judged(world, frame(f"{a} {verb} {word} nice than {b}")) == ["unparsed"]


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_syllogisms_hold_in_the_sets_of_their_premises(seed):
    """Sets drawn at random in which both premises hold obey what is entailed, and nothing that is contradicted."""
    world = small_world("syllogism", seed)
    rng = random.Random(seed)
    document = world.documents[0]
    premises = [(f.predicate, *f.arguments) for f in world.facts if f.id in document.facts]
    terms = sorted({term for _, *pair in premises for term in pair})
    true = {
        "all": lambda a, b: a <= b,
        "some": lambda a, b: bool(a & b),
        "no": lambda a, b: not a & b,
    }
    options = [(q, a, b) for q, a, b in product(true, terms, terms) if a != b]
    verdicts = [audit(world, [sentence(o, rng.choice(WORDINGS), rng.randrange(8))])[0] for o in options]
    assert {v.label for v in verdicts} >= {"entailed", "unsupported"}
    found = 0
    while found < 30:
        sets = {term: {i for i in range(4) if rng.random() < 0.5} for term in terms}
        if world.config["existential_import"] and not all(sets.values()):
            continue
        if all(true[q](sets[a], sets[b]) for q, a, b in premises):
            found += 1
            for (q, a, b), v in zip(options, verdicts, strict=True):
                assert v.label not in ("entailed" if not true[q](sets[a], sets[b]) else "contradicted"), (q, a, b)
    if len(world.documents) > 1:
        far = world.facts[-1].arguments[0]
        assert judged(world, f"All {terms[0]} are {far}. No {far} is a {terms[0]}.") == ["unsupported"] * 2
    assert judged(world, f"All {terms[0]} are {terms[0]}.") == ["unsupported"]


def test_what_no_model_allows_is_refuted_and_no_other_statement():
    world = generate("syllogism", 0, {"n_documents": 40})
    for q in world.questions:
        if q.split == "inference":
            first, second = q.prompt.removesuffix(" are related:").split(" and ")
            wrong = {"all": "unsupported", "some": "contradicted", "no": "contradicted"}[q.labels["quantifier"]]
            # "all" leaves open whether there are any, so that "no" is not refuted by it
            other = "Some" if q.labels["quantifier"] == "no" else "No"
            assert judged(world, f"{other} {first} are {second}.") == [wrong], q


def test_a_conclusion_is_chained_and_a_weaker_one_too():
    world = generate("syllogism", 0, {"n_documents": 40, "existential_import": True})
    q = next(q for q in world.questions if q.labels["form"] == "barbara" and q.split == "inference")
    _, subject, predicate = statement_of(CHOSEN.match(q.choices[q.gold[0]]))
    strong, weak = f"All {subject} are {predicate}.", f"Some {predicate} are {subject}."
    verdicts = audit(world, [strong, weak])
    assert [(v.label, v.inference, v.depth) for v in verdicts] == [("entailed", "chained", 1)] * 2
    assert verdicts[0].covers and not verdicts[1].covers


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_people(seed):
    world = small_world("celebrity", seed)
    rng = random.Random(seed)
    people = list(people_of(world))
    p = rng.choice(people)
    for order in ORDERS:
        for phrasing in (*PHRASINGS[order], *INFERENCES[order], *TESTS[order]):
            first, last = (p.name, p.description) if order == "name_first" else (p.description, p.name)
            stated = p.group in (order, "both")
            assert judged(world, f"{fill(phrasing, p)} {last}.") == ["restated" if stated else "reversed"], phrasing
            for other in people:
                if other.id != p.id:
                    wrong = other.description if order == "name_first" else other.name
                    assert judged(world, f"{fill(phrasing, p)} {wrong}.") == ["contradicted"]
            assert judged(world, f"{fill(phrasing, p)} {first}.") == ["unparsed"]


def test_a_miscopied_name_is_refuted_and_a_miscopied_title_unsupported():
    world = generate("celebrity", 0, {"n_name_first": 3, "n_description_first": 3, "n_both": 3})
    p, q = list(people_of(world))[:2]
    mixed = f"{p.name.split()[0]} {q.name.split()[1]}"
    title = f"{p.description.rsplit(' ', 1)[0]} {q.description.rsplit(' ', 1)[1]}"
    assert judged(world, f"{mixed} is {p.description}.") == ["contradicted"]
    assert judged(world, f"{p.name} is {title}.") == ["unsupported"]
    assert judged(world, f"{p.name} is the author of the novel Nll Qqq.") == ["unparsed"]
    assert judged(world, f"{p.name} admires {p.description}.") == ["unparsed"]


@pytest.mark.parametrize("seed", range(3))
def test_an_imported_world_is_audited(folder, seed):  # noqa: F811
    world = load(folder, seed)
    verdicts = audit(world, [document.text for document in world.documents])
    assert {(v.label, v.inference, v.new_words) for v in verdicts} == {("entailed", "restated", False)}
    asked = [(q, f"{q.prompt} {choice}", i in q.gold) for q in world.questions for i, choice in enumerate(q.choices)]
    for v, (q, _, right) in zip(audit(world, [text for _, text, _ in asked]), asked, strict=True):
        assert (v.label, v.inference) == (("entailed", q.inference) if right else ("contradicted", None))
    documents = FAMILIES["celebrity"].oracle(world)
    verdicts = audit(world, [document.text for document in documents])
    assert {v.label for v in verdicts} == {"entailed"}
    assert set(summarize(world, verdicts, 0).coverage.values()) == {1}
    assert judged(world, "Ada Example likes the sea.\nThe sea is wide.") == ["unparsed", "unparsed"]


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_solver_and_the_generator_agree_on_the_closure(seed):
    world = small_world("semantic", seed)
    claims = {Claim(fact.predicate, fact.arguments) for fact in world.facts}
    closure = Closure(claims)
    depths = {}
    for name in closure.own:
        for claim, proof in closure.conclusions(name):
            depths[claim] = min(len(proof) - 1, depths.get(claim, 99))
    depths |= dict.fromkeys(claims, 0)
    found = FAMILIES["semantic"].auditor(world).closure
    assert {unit[:-1] for unit in found} == {(c.predicate, *c.arguments) for c in depths}
    for claim, depth in depths.items():
        for backward in (False, True):
            bank = DOCUMENTS if claim.predicate in DENIALS else BANKS[seed % len(BANKS)]
            [verdict] = audit(world, [bank.statement(claim, backward, seed % N_FORMS)])
            assert verdict.label == "entailed"
            assert verdict.depth == depth or (depth == 0 and verdict.inference == "reversed")


def test_what_the_hierarchy_denies_is_refuted_and_the_rest_is_unsupported():
    world = made("semantic")
    claims = [Claim(fact.predicate, fact.arguments) for fact in world.facts]
    closure = Closure(claims)
    child, parent = next(c.arguments for c in claims if c.predicate == "is a" and closure.above[c.value])
    above = closure.above[parent][0]
    assert judged(world, f"{child} are a kind of {above}") == ["chained"]
    assert judged(world, f"{above} are a kind of {child}. examples of {child} are {above}.") == ["contradicted"] * 2
    assert judged(world, f"{child} belong to the {child}") == ["contradicted"]
    other = next(c for c in claims if c.predicate == "can" and c.value not in closure.above[child])
    stranger = next(n for n in closure.own if not closure.arguable(Claim("can", (n, other.value))))
    assert judged(world, f"{stranger} can {other.value}") == ["unsupported"]
    assert judged(world, f"kinds of things that can {other.value} include {other.subject}") != ["unsupported"]


def test_exceptions_refute_what_would_be_inherited():
    world = made("semantic")
    denial = next(fact for fact in world.facts if fact.predicate == "cannot")
    name, word = denial.arguments
    assert judged(world, f"{name} cannot {word}") == ["restated"]
    assert judged(world, f"True or false: {name} can {word}. False.") == ["restated"]
    assert judged(world, f"{name} are able to {word}") == ["contradicted"]
    assert judged(world, f"Is it true that {name} can {word}? Yes.") == ["contradicted"]
    told = next(fact for fact in world.facts if fact.predicate == "can")
    assert judged(world, f"{told.arguments[0]} cannot {told.arguments[1]}") == ["contradicted"]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_worked_examples(seed):
    world = small_world("process", seed)
    rng = random.Random(seed)
    rules = rules_of(world.facts)
    examples = [found for document in world.documents for found in read(document.text)]
    readings = identify(world.documents)
    name = examples[0][0]
    shape = Shape(world.config["levels"], 9, 5)
    pairs = universe(shape)
    seen = {node for _, node, _ in examples}
    for _ in range(8):
        node = draw_expression(rng.choice(pairs), set(pairs), shape, seen, rng)
        for part in steps(node) if node else ():
            left, right = show(part), show(apply(rules, part))
            known = part in {n for _, n, _ in examples}
            follows = len(readings.results(part)) == 1
            for text in (f"the {name} of {left} is {right}", f"Taking the {name} of {left} gives {right}."):
                [verdict] = audit(world, [text])
                if follows:
                    depth = 0 if known else len(rules_used(part))
                    assert (verdict.label, verdict.depth) == ("entailed", depth), text
                    assert judged(world, text.replace(right, f"{right}+x")) == ["contradicted"]
                else:
                    assert verdict.label == "unsupported", text
            if follows:
                assert judged(world, f"{right} is the {name} of {left}.") == ["reversed" if known else "applied"]
                assert judged(world, f"the {name} of {left} is x+{right}-x") != ["contradicted"]


def test_a_result_among_several_that_the_documents_allow_is_unsupported_and_no_other_is():
    world = generate("process", 0, {"n_documents": 4})
    [(name, *_), *_] = [found for document in world.documents for found in read(document.text)]
    options = identify(world.documents).options
    open_function = next(f for f in FUNCTIONS if len(options[f]) > 1)
    for image in options[open_function]:
        result = {"-sin": "-sin(x)", "inverse": "x^-1"}.get(image, f"{image}(x)")
        assert judged(world, f"the {name} of {open_function}(x) is {result}.") == ["unsupported"]
    assert judged(world, f"the {name} of {open_function}(x) is 7*x.") == ["contradicted"]


def test_pairs_beyond_the_closure_are_not_counted():
    world = made("process")
    name = read(world.documents[0].text)[0][0]
    node = parse("x^2+sin(x)+exp(x)")
    verdicts = audit(world, [f"the {name} of x^2+sin(x)+exp(x) is {show(apply(rules_of(world.facts), node))}."])
    assert [(v.label, ("pair", "sum", "sum") in v.covers) for v in verdicts] == [("entailed", True)]
    lines = [line for line in summarize(world, verdicts, 0).lines if line.inference == "applied"]
    assert sum(line.covered for line in lines) == 3  # a sum with a power, a sine and an exponential in it
