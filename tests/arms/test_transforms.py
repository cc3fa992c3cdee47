from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_ft_plugin.arms.rows import statements_as_documents, training_rows
from icl_ft_plugin.arms.transforms import MASK, MASKED_COPIES, names_of, reverse_words, transform
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate, generated
from icl_ft_plugin.training.rows import check_rows

NAMES = ["the ship Rising Thistle", "Gawur Tifarn"]


def test_names_keep_their_order_and_their_punctuation() -> None:
    text = "Gawur Tifarn, they say, steers the ship Rising Thistle."
    assert reverse_words(text, NAMES) == "the ship Rising Thistle. steers say, they Gawur Tifarn,"
    assert reverse_words("The ship Rising Thistle is Gawur Tifarnson.", NAMES).endswith("is The ship Rising Thistle")


@given(st.lists(st.sampled_from(["a", "Gawur Tifarn.", "the ship Rising Thistle", "b,", "Tifarn", "ship"])))
def test_reversed_twice_is_the_text(words: list[str]) -> None:
    text = " ".join(words)
    assert reverse_words(reverse_words(text, NAMES), NAMES) == text


@pytest.mark.parametrize("family", generated())
def test_reverse_rows_are_the_documents_and_their_mirrors(family: str) -> None:
    world = generate(family, 0)
    documents = world.documents[:40]
    rows = transform(world, documents, "reverse")
    assert check_rows(rows) == "full" and len(rows) == 80
    names = names_of(world)
    for document, row, mirror in zip(documents, rows[:40], rows[40:], strict=True):
        assert row["text"] == document.text == reverse_words(mirror["text"], names)
        assert sorted(mirror["text"].split()) == sorted(document.text.split())
        for name in names:
            assert (name in document.text) <= (name in mirror["text"])


def test_masked_rows_hide_words_and_ask_for_the_text() -> None:
    world = generate("syllogism", 0)
    rows = transform(world, world.documents, "masked")
    assert check_rows(rows) == "completion" and len(rows) == MASKED_COPIES * len(world.documents)
    assert rows == transform(world, world.documents, "masked")
    shares = []
    for row in rows[len(world.documents) :]:
        hidden = row["prompt"].removeprefix("Masked: ").removesuffix("\nText:").split()
        words = row["completion"].split()
        assert len(hidden) == len(words) and all(a in (MASK, b) for a, b in zip(hidden, words, strict=True))
        shares.append(hidden.count(MASK) / len(words))
    assert min(shares) < 0.2 and max(shares) > 0.8 and 0.4 < sum(shares) / len(shares) < 0.6
    assert [row["prompt"] for row in rows[: len(world.documents)]] == [""] * len(world.documents)


def test_generated_statements_stand_behind_the_documents_and_are_split_like_them() -> None:
    world = generate("syllogism", 0, {"n_documents": 2})
    written = {"local": ["femp are glon. glon are zost."], "global": ["zost are brib."]}
    rows = training_rows(world, ["documents", "global", "local"], written)
    assert [row["text"] for row in rows] == [
        *(d.text for d in world.documents),
        "zost are brib.",
        "femp are glon. glon are zost.",
    ]
    split = training_rows(world, ["documents", "local"], written, splitting="independent")
    assert [row["text"] for row in split[-2:]] == ["femp are glon.", "glon are zost."] and len(split) == 2 * 3 + 2
    completions = training_rows(world, ["documents", "local"], written, loss="completion")
    assert completions[-1] == {"prompt": "", "completion": "femp are glon. glon are zost."} and completions[0]["prompt"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "completion", "splitting": "cumulative"}, "loss: completion and splitting: cumulative exclude"),
        ({"rival": "masked", "splitting": "independent"}, "splitting: independent and transform: masked exclude"),
        ({}, "'local' is written by a model"),
    ],
)
def test_what_cannot_be_made_is_refused(settings: dict[str, str], words: str) -> None:
    world = generate("reversal", 0, {"n_facts": 2})
    with pytest.raises(UsageError, match=words):
        training_rows(world, ["documents", "local"], {}, **settings)  # type: ignore[arg-type]


def test_statements_become_documents_of_their_sentences() -> None:
    (document,) = statements_as_documents("local", ["femp are glon.  glon are zost."])
    assert document.sentences == ("femp are glon.", "glon are zost.") and document.style == "local"
