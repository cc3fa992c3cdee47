from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made

from icl_ft_plugin.arms.transforms import MASK, MASKED_COPIES, masked, names_of, reverse, reverse_words
from icl_ft_plugin.families import generated
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
    world = made(family)
    documents = world.documents[:40]
    rows = reverse(world, documents)
    assert check_rows(rows) == "full" and len(rows) == 80
    names = names_of(world)
    for document, row, mirror in zip(documents, rows[:40], rows[40:], strict=True):
        assert row["text"] == document.text == reverse_words(mirror["text"], names)
        assert sorted(mirror["text"].split()) == sorted(document.text.split())
        for name in names:
            assert (name in document.text) <= (name in mirror["text"])


def test_masked_rows_hide_words_and_ask_for_the_text() -> None:
    world = made("syllogism")
    rows = masked(world, world.documents)
    assert check_rows(rows) == "completion" and len(rows) == MASKED_COPIES * len(world.documents)
    assert rows == masked(world, world.documents)
    shares = []
    for row in rows[len(world.documents) :]:
        hidden = row["prompt"].removeprefix("Masked: ").removesuffix("\nText:").split()
        words = row["completion"].split()
        assert len(hidden) == len(words) and all(a in (MASK, b) for a, b in zip(hidden, words, strict=True))
        shares.append(hidden.count(MASK) / len(words))
    assert min(shares) < 0.2 and max(shares) > 0.8 and 0.4 < sum(shares) / len(shares) < 0.6
    assert [row["prompt"] for row in rows[: len(world.documents)]] == [""] * len(world.documents)
