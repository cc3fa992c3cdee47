import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.families.semantic.documents import Plan, write_documents
from icl_ft_plugin.families.semantic.forms import N_FORMS, Parser, last_word, statement, stem
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.styles import STYLES

CLAIMS = (
    Claim("is a", ("femp", "glon")),
    Claim("are", ("femp", "trune")),
    Claim("have", ("glon", "bilku")),
    Claim("can", ("glon", "zospa")),
    Claim("do", ("femp", "nulki", "glon")),
)


@pytest.mark.parametrize(
    ("claim", "backward", "text"),
    [
        (CLAIMS[0], False, "femp are a kind of glon"),
        (CLAIMS[0], True, "kinds of glon include femp"),
        (CLAIMS[1], True, "kinds of things that are trune include femp"),
        (CLAIMS[3], False, "glon can zospa"),
        (CLAIMS[4], False, "femp nulki glon"),
        (CLAIMS[4], True, "kinds of things that nulki glon include femp"),
    ],
)
def test_the_first_form_of_each_kind(claim, backward, text):
    assert statement(claim, backward, 0) == text


@given(st.sampled_from(CLAIMS), st.booleans(), st.integers(0, N_FORMS - 1))
def test_what_is_written_is_read_back(claim, backward, form):
    text = statement(claim, backward, form)
    assert text == f"{stem(claim, backward, form)} {last_word(claim, backward)}"
    assert Parser(CLAIMS).read(text) == [(claim, backward)]
    assert Parser(CLAIMS).read(f"we know that {text}, and {text}!") == [(claim, backward)] * 2


def test_all_forms_of_all_claims_differ():
    texts = [statement(c, d, f) for c in CLAIMS for d in (False, True) for f in range(N_FORMS)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    "text",
    ["", "femp", "femp are a kind of", "femp are zospa", "trune are femp", "femp. can zospa", "kinds of include femp"],
)
def test_what_is_no_statement_is_not_read(text):
    assert Parser(CLAIMS).read(text) == []


def test_false_claims_over_known_words_are_read_too():
    assert Parser(CLAIMS).read("glon are a type of femp.") == [(Claim("is a", ("glon", "femp")), False)]


def test_there_are_at_least_twelve_styles_and_no_two_write_alike():
    assert len(STYLES) >= 12
    assert len({(s.wrappers, s.separator, s.opening) for s in STYLES.values()}) == len(STYLES)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_states_what_its_documents_list(style):
    plans = [Plan(f"f{i}", claim, (False, True), i % N_FORMS) for i, claim in enumerate(CLAIMS)]
    documents = write_documents(["glon", "femp"], plans, len(STYLES), (6, 6), random.Random(0))
    [document] = [d for d in documents if d.style == style]
    assert len(document.sentences) == 6
    found = [
        sorted({f"f{CLAIMS.index(c)}-{'backward' if b else 'forward'}"}) for c, b in Parser(CLAIMS).read(document.text)
    ]
    assert len(found) == 6 - bool(STYLES[style].opening)
    assert {fact for [fact] in found} == set(document.facts)
