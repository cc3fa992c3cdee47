from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from augment_models import RuleLM
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.augment.journal import Answer, Journal
from icl_ft_plugin.augment.prompts import load_prompt
from icl_ft_plugin.augment.run import Augmentation, infer
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate

WORLD = generate("reversal", 0, {"n_facts": 4, "documents_per_fact": 2, "misleading": 0})
KNOBS = Settings(chunk=3, n_samples=2, temperature=1.0)


def run(path: Path) -> tuple[Augmentation, RuleLM]:
    lm = RuleLM()
    return infer(WORLD, load_prompt("nano-local", "local"), KNOBS, lm, "rule", Journal(path)), lm


@lru_cache(maxsize=1)
def whole() -> tuple[Augmentation, bytes, int]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        augmentation, lm = run(path)
        return augmentation, path.read_bytes(), len(lm.asked)


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "journal.jsonl")
    journal.add({"a": Answer("é\n\u2028", 3, None), "b": Answer("", None, 0)})
    journal.add({"c": Answer("z", 1, 1)})
    assert Journal(journal.path).answers == journal.answers == {
        "a": Answer("é\n\u2028", 3, None), "b": Answer("", None, 0), "c": Answer("z", 1, 1),
    }  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_cut_at_any_byte_it_leads_to_the_same_corpus_and_asks_for_nothing_twice(data: st.DataObject) -> None:
    augmentation, written, asked = whole()
    cut = data.draw(st.integers(0, len(written)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(written[:cut])
        again, lm = run(path)
        assert again == augmentation
        assert path.read_bytes() == written
    there = sum(
        len(json.loads(line)["answers"]) for line in written[:cut].splitlines(keepends=True) if line.endswith(b"\n")
    )
    assert len(lm.asked) == asked - there


def test_a_complete_journal_asks_for_nothing() -> None:
    augmentation, written, asked = whole()
    assert asked == 16 and len(augmentation.statements) == 16  # the second samples say nothing new
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(written)
        assert run(path)[1].calls == 0


def test_damage_before_the_last_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"{}\n" + whole()[1])
    with pytest.raises(UsageError, match=r"journal\.jsonl, line 1: damaged"):
        Journal(path)
    path.write_bytes(b"{]\n" + whole()[1])
    with pytest.raises(UsageError, match=r"journal\.jsonl, line 1: not JSON .*remove the file to ask again"):
        Journal(path)


def test_a_journal_that_cannot_be_made_is_an_error_of_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used as a journal"):
        Journal(tmp_path / "file" / "journal.jsonl")
