import hashlib
import random
import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import words
from icl_ft_plugin.families.celebrity import phrases as celebrity_data
from icl_ft_plugin.families.celebrity.generate import names, titles

SCRIPTS = Path(__file__).parents[2] / "scripts"


def read(name: str) -> str:
    return files("icl_ft_plugin").joinpath(f"families/data/{name}.txt").read_text(encoding="utf-8")


def test_the_pool_is_the_frozen_one():
    assert hashlib.sha256(read("words").encode()).hexdigest() == words.POOL_SHA256


@pytest.mark.slow
def test_the_pool_holds_no_real_word():
    """The shipped file against the lists again, so that an edited line cannot slip in."""
    wordfreq, english_words = pytest.importorskip("wordfreq"), pytest.importorskip("english_words")
    real = english_words.get_english_words_set(["web2", "gcide"], lower=True, alpha=True)
    for language in ("en", "de", "es", "fr", "it", "nl", "pt", "sv", "pl"):
        real |= set(wordfreq.get_frequency_dict(language, wordlist="best"))
    pool = set(read("words").split())
    assert not pool & real
    assert not {word + "s" for word in pool} & real
    assert "table" in real


def test_no_word_is_the_beginning_or_the_plural_of_another():
    pool = sorted(read("words").split())
    assert len(pool) == len(set(pool)) == 12_000
    assert all(re.fullmatch("[a-z]{4,5}", word) for word in pool)
    # In sorted order a word that begins another stands right before one that it begins.
    assert not any(after.startswith(word) for word, after in pairwise(pool))


def test_the_shares_are_disjoint_and_nearly_even():
    evaluation, pretraining = words.pool("evaluation"), words.pool("pretraining")
    assert not set(evaluation) & set(pretraining)
    assert len(evaluation) + len(pretraining) == 12_000
    assert 5_700 < len(evaluation) < 6_300


def test_the_share_of_a_word_never_changes():
    """Literal values: a changed hash would leak pretraining words into the evaluation of a shipped model."""
    shares = {word: words.share_of(word) for word in ("femp", "glon", "trune", "Golden")}
    assert shares == {"femp": "evaluation", "glon": "evaluation", "trune": "pretraining", "Golden": "evaluation"}
    assert words.share_of("") == "pretraining"  # e3b0c442...: 0xe3 is odd


def test_an_unknown_share_is_an_error_of_use():
    with pytest.raises(UsageError, match="training"):
        words.pool("training")


@given(st.integers(), st.sampled_from(words.SHARES), st.integers(0, 200))
def test_a_lexicon_draws_words_of_its_share_without_repetition(seed, share, n):
    drawn = words.Lexicon(random.Random(seed), share).words(n)
    assert len(set(drawn)) == n
    assert set(drawn) <= set(words.pool(share))


def test_a_lexicon_says_when_it_is_exhausted():
    lexicon = words.Lexicon(random.Random(0))
    assert sorted(lexicon.words(len(words.pool()))) == list(words.pool())
    with pytest.raises(UsageError, match="evaluation share"):
        lexicon.word()


def test_the_names_are_the_frozen_ones():
    assert {kind: hashlib.sha256(read(f"{kind}_names").encode()).hexdigest() for kind in ("first", "last")} == {
        "first": "bbd8417b29ac1ac0fe3e0fa7d8e8065da232cfec666c1304094cc419e17fba93",
        "last": "b72259b68241efe4b3e0ac1541b6d701c80bbb216e36ddbd4e4fdab37032d3ca",
    }


@pytest.mark.slow
def test_no_name_is_real_or_close_to_another(monkeypatch):
    pytest.importorskip("wordfreq"), pytest.importorskip("english_words")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import build_names

    known = build_names.known_words()
    assert {"maria", "smith"} <= known  # the lists do hold people's names
    for kind, size in build_names.SIZES.items():
        listed = read(f"{kind}_names").split()
        assert not {name.lower() for name in listed} & known
        blanked = [name[:i] + "_" + name[i + 1 :] for name in listed for i in range(len(name))]
        assert len(blanked) == len(set(blanked))
        assert len(listed) == size


def test_names_and_titles_of_the_two_shares_are_disjoint():
    for kind in ("first", "last"):
        assert not set(names(kind, "evaluation")) & set(names(kind, "pretraining"))
    halves = {share: {word for title in titles(share) for word in title.split()} for share in words.SHARES}
    assert not halves["evaluation"] & halves["pretraining"]
    assert min(map(len, halves.values())) > 90
    assert not set(celebrity_data.TITLE_FIRST) & set(celebrity_data.TITLE_SECOND)
