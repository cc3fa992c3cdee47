import random
import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families import generate
from icl_ft_plugin.families.semantic.documents import Plan, write_documents
from icl_ft_plugin.families.semantic.forms import Parser
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.styles import STYLES
from icl_ft_plugin.families.semantic.wordings import BANKS, DOCUMENTS, INFERENCES, N_FORMS, TESTS, last_word

CLAIMS = (
    Claim("is a", ("femp", "glon")),
    Claim("are", ("femp", "trune")),
    Claim("have", ("glon", "bilku")),
    Claim("can", ("glon", "zospa")),
    Claim("do", ("femp", "nulki", "glon")),
)
DENIED = (Claim("are not", ("glon", "trune")), Claim("have no", ("femp", "bilku")), Claim("cannot", ("femp", "zospa")))


def wordings(bank, claims=(*CLAIMS, *DENIED)):
    return {
        (claim, backward, form): bank.statement(claim, backward, form)
        for claim in claims
        if claim.predicate in bank.forward
        for backward in (False, True)
        for form in range(N_FORMS)
    }


@pytest.mark.parametrize(
    ("bank", "claim", "backward", "text"),
    [
        (DOCUMENTS, CLAIMS[0], False, "femp are a kind of glon"),
        (DOCUMENTS, CLAIMS[0], True, "kinds of glon include femp"),
        (DOCUMENTS, CLAIMS[1], True, "kinds of things that are trune include femp"),
        (DOCUMENTS, CLAIMS[4], False, "femp nulki glon"),
        (DOCUMENTS, DENIED[2], False, "femp cannot zospa"),
        (TESTS, CLAIMS[3], False, "glon are able to zospa"),
        (INFERENCES, CLAIMS[4], True, "the class of things that nulki glon includes femp"),
    ],
)
def test_the_first_wording_of_each_kind(bank, claim, backward, text):
    assert bank.statement(claim, backward, 0) == text


@given(st.sampled_from(BANKS), st.sampled_from((*CLAIMS, *DENIED)), st.booleans(), st.integers(0, N_FORMS - 1))
def test_what_is_written_is_read_back(bank, claim, backward, form):
    if claim.predicate not in bank.forward:
        return
    text = bank.statement(claim, backward, form)
    assert text == f"{bank.stem(claim, backward, form)} {last_word(claim, backward)}"
    assert Parser(CLAIMS).read(text) == [(claim, backward)]
    assert Parser(CLAIMS).read(f"We know that {text}, and {text}!") == [(claim, backward)] * 2
    for lead in bank.leads:
        assert Parser(CLAIMS).read(f"{lead}{text}.") == [(claim, backward)]


def test_no_wording_of_a_question_stands_in_one_of_documents_or_inferences():
    asked = wordings(TESTS).values()
    for bank in (DOCUMENTS, INFERENCES):
        told = " | ".join(wordings(bank).values())
        assert [text for text in asked if re.search(rf"\\b{text}\\b", told)] == []
    for one, other in combinations(BANKS, 2):
        assert not set(wordings(one).values()) & set(wordings(other).values())
        assert not set(one.leads) & set(other.leads)


def test_all_wordings_of_all_claims_differ():
    texts = [text for bank in BANKS for text in wordings(bank).values()]
    assert len(set(texts)) == len(texts) == N_FORMS * 2 * (3 * len(CLAIMS) + 2 * len(DENIED))


@pytest.mark.parametrize(
    "text",
    ["", "femp", "femp are a kind of", "femp are zospa", "trune are femp", "femp. can zospa", "kinds of include femp"],
)
def test_what_is_no_statement_is_not_read(text):
    assert Parser(CLAIMS).read(text) == []


def test_false_claims_over_known_words_are_read_too():
    assert Parser(CLAIMS).read("glon are a type of femp.") == [(Claim("is a", ("glon", "femp")), False)]


def test_prose_has_paragraphs_about_one_category_or_more_and_lines_have_none():
    world = generate("semantic", 0, {"n_categories": 30, "n_documents": 200, "min_sentences": 8, "n_holdout": 4})
    parser = Parser(Claim(fact.predicate, fact.arguments) for fact in world.facts)
    several = 0
    for document in world.documents:
        style = STYLES[document.style]
        assert "\n\n" not in document.text and " \n" not in document.text
        subjects = [claim.subject for claim, _ in parser.read(document.text)]
        runs = [name for i, name in enumerate(subjects) if i == 0 or subjects[i - 1] != name]
        assert len(runs) == len(set(runs)), "what is said of one category stands together"
        if style.turns:
            paragraphs = document.text.split("\n")
            several += len(paragraphs) > 1
            assert all(len(parser.read(text)) >= 2 for text in paragraphs)
        else:
            assert [sentence for sentence in document.sentences if "\n" in sentence] == []
    assert several > 80


def test_there_are_at_least_twelve_styles_and_no_two_write_alike():
    assert len(STYLES) >= 12
    assert len({(s.first, s.then, s.separator, s.title) for s in STYLES.values()}) == len(STYLES)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_states_what_its_documents_list_in_sentences(style):
    claims = (*CLAIMS, DENIED[2])
    plans = [Plan(f"f{i}", claim, (False, True)) for i, claim in enumerate(claims)]
    documents = write_documents(["glon", "femp"], plans, len(STYLES), (6, 6), random.Random(0))
    [document] = [d for d in documents if d.style == style]
    assert len(document.sentences) == 6
    found = [f"f{claims.index(c)}-{'backward' if b else 'forward'}" for c, b in Parser(claims).read(document.text)]
    assert len(found) == 6 - bool(STYLES[style].title) and set(found) == set(document.facts)
    for sentence in document.sentences:
        assert sentence.lstrip("\n")[0].isupper() and sentence[-1] in ".?:,", sentence
        assert len(Parser(claims).read(sentence)) == (sentence is not document.sentences[0] or not STYLES[style].title)
