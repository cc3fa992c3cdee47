from families.test_auditors import judged
from families.test_reversal_curse import folder  # noqa: F401 (a fixture)
from grouped import each
from made import made

from icl_ft_plugin.families import generate, generated
from icl_ft_plugin.families.celebrity.generate import people_of
from icl_ft_plugin.families.process.algebra import read
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.worlds.audit import audit, summarize

DENIED = (
    "It is not true that {}.",
    "Is it true that {}?",
    "If {}, then so.",
    "{}, which is wrong.",
    "Few {}.",
    "Nobody says that {}.",
    "{} unless told otherwise.",
    "I don't think {}.",
)


@each("family", generated())
def test_what_is_denied_or_asked_or_doubted_is_not_stated(family):
    world = made(family)
    told = world.facts[0].text.rstrip(".") if family != "process" else world.documents[0].text.rstrip(".")
    assert judged(world, told) == ["restated"]
    assert {frame: judged(world, frame.format(told)) for frame in DENIED} == {frame: ["unparsed"] for frame in DENIED}


def test_the_answers_of_quiz_and_interview_decide_what_is_stated():
    world = made("semantic")
    a, b = world.facts[0].text.rstrip("."), world.facts[5].text.rstrip(".")
    for told, expected in {
        f"true or false: {a}. true.": ["restated"],
        f"true or false: {a}. false.": ["contradicted"],
        f"is it true that {a}? yes.": ["restated"],
        f"is it true that {a}?\nno": ["contradicted"],
        f"true or false: {a}.": ["unparsed"],
        f"is it true that {a}?": ["unparsed"],
        f"true or false: {a}. true.\ntrue or false: {b}. false.": ["restated", "contradicted"],
        f"true or false: {a}.\ntrue or false: {b}. true.": ["unparsed", "restated"],
        f"true or false: {a}. true or false: {b}. true.": ["unparsed", "restated"],
        f"is it true that {a}? is it true that {b}? no.": ["unparsed", "contradicted"],
    }.items():
        assert judged(world, told) == expected, told


def test_what_no_rule_is_about_is_unsupported_and_what_is_no_expression_unparsed():
    world = made("process")
    name = read(world.documents[0].text)[0][0]
    assert judged(world, f"the {name} of 1/x is x.") == ["unsupported"]
    assert judged(world, f"the {name} of 3 is x.") == ["unsupported"]
    for text in (
        f"the {name} of x^2 is",
        f"the {name} of x^2 is 3*x^",
        "the xqxq of x^2 is x.",
        f"the {name} of (x is x.",
        f"the {name} of x is xylophone.",
        f"the {name} of x is {'x+' * 3000}x.",
        f"the {name} of {'(' * 90}x is x.",
    ):
        assert judged(world, text) == ["unparsed"], text
    assert judged(world, f"the {name} of x/0 is x.") == ["unsupported"]


def test_words_from_elsewhere_in_a_form_of_the_world_are_counted_apart():
    reversal = generate("reversal", 0, {"n_facts": 4})
    a, b = reversal.facts[0].arguments
    syllogism = generate("syllogism", 0, {"n_documents": 4})
    s, p = syllogism.facts[0].arguments
    celebrity = made("celebrity")
    person = next(people_of(celebrity))
    semantic = made("semantic")
    child, parent = next(fact.arguments for fact in semantic.facts if fact.predicate == "is a")
    process = made("process")
    operator = read(process.documents[0].text)[0][0]
    cases = [
        (reversal, f"{a} are more famous than xqxq.", True),
        (reversal, f"xqxq seem to be more famous than {a}.", True),
        (reversal, f"{a} are more square than {b}.", True),
        (reversal, "xqxq are more famous than wxwx.", False),
        (reversal, f"{a} are not more famous than {b}.", False),
        (syllogism, f"All {s} are xqxq.", True),
        (syllogism, f"Not one xqxq is a {p}.", True),
        (syllogism, "All xqxq are wxwx.", False),
        (syllogism, f"Not all {s} are {p}.", False),
        (celebrity, f"{person.name} is the author of the novel Nll Qqq.", True),
        (celebrity, f"{person.description} goes by the name Qqq Wxwx.", True),
        (celebrity, f"{person.name} is not {person.description}.", False),
        (celebrity, f"{person.name} is well.", False),
        (semantic, f"{child} are known to have xqxq.", True),
        (semantic, f"kinds of xqxq include {parent}.", True),
        (semantic, "xqxq are a kind of wxwx.", False),
        (semantic, f"true or false: {child} are a kind of {parent}.", False),
        (process, f"the {operator} of x^2 is 3*).", True),
        (process, f"x^^2 is the {operator} of x.", True),
        (process, "the xqxq of x^2 is x.", False),
        (process, f"the {operator} of x^2", False),
    ]
    for world, text, foreign in cases:
        [verdict] = audit(world, [text])
        assert (verdict.label, verdict.foreign) == ("unparsed", foreign), text
    told = [case[1] for case in cases if case[0] is reversal]
    report = summarize(reversal, audit(reversal, [*told, reversal.facts[0].text]), 0)
    assert (report.foreign, report.precision, report.strict_precision) == (3, 1, 1 / 4)


def test_words_of_the_world_in_the_place_of_others_are_unsupported():
    world = made("semantic")
    claims = [Claim(fact.predicate, fact.arguments) for fact in world.facts]
    child, parent = next(c.arguments for c in claims if c.predicate == "is a")
    verb = next(c.arguments[1] for c in claims if c.predicate == "do")
    for text in (
        f"{child} are by nature {parent}.",
        f"among things that have {verb} are {child}.",
        f"{verb} can {parent}",
    ):
        assert judged(world, text) == ["unsupported"], text


def test_a_title_before_a_sentence_is_not_in_the_way():
    world = generate("syllogism", 0, {"n_documents": 3})
    assert judged(world, f"Follows: {world.documents[0].text}") == ["restated"] * 2
    world = made("semantic")
    told = world.facts[0]
    assert judged(world, f"Follows: Dear friend, I learned that {told.text}") == ["restated"]
    assert judged(world, f"Follows: Lesson on {told.arguments[0]}. {told.text}") == ["restated"]
    assert judged(world, f"Follows: lesson on the sea. {told.text}") == ["unparsed", "restated"]
