"""Corpora: rows that TRL reads, in-context documents that keep every fact, worlds that survive a round trip."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_ft_plugin.arms.corpus import training_documents, training_rows
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, generate, generated
from icl_ft_plugin.files import atomic_folder, read_jsonl, write_jsonl
from icl_ft_plugin.worlds.context import context_documents, context_text
from icl_ft_plugin.worlds.folder import load_world, save_world

SMALL = {
    "reversal": {"n_facts": 6},
    "syllogism": {"n_documents": 5},
    "celebrity": {"n_name_first": 2, "n_description_first": 2, "n_both": 2, "n_phrasings": 3},
    "semantic": {"n_categories": 30, "n_documents": 60, "n_holdout": 4, "n_choices": 2},
    "codebook": {"n_groups": 1, "n_sets": 3},
    "process": {"n_documents": 20, "n_questions": 4},
}


def test_every_family_is_covered() -> None:
    assert set(SMALL) == set(generated())


@pytest.mark.parametrize("family", sorted(SMALL))
@pytest.mark.parametrize("name", ["documents", "completion"])
def test_rows_hold_the_documents_and_nothing_else(family: str, name: str) -> None:
    world = generate(family, 1, SMALL[family])
    rows = training_rows(world, rows=name)
    assert [row.get("text") or row["prompt"] + row["completion"] for row in rows] == [d.text for d in world.documents]
    assert {frozenset(row) for row in rows} == {
        frozenset(["text"] if name == "documents" else ["prompt", "completion"])
    }


def test_a_reversals_completion_never_holds_its_first_entity() -> None:
    world = generate("reversal", 0, SMALL["reversal"])
    for row, document in zip(training_rows(world, rows="completion"), world.documents, strict=True):
        fact = next(f for f in world.facts if f.id == document.facts[0])
        assert row["prompt"].endswith(f"{fact.arguments[0]} are")
        assert fact.arguments[0] not in row["completion"]


@pytest.mark.parametrize("family", sorted(SMALL))
def test_oracle_parts_add_documents(family: str) -> None:
    world = generate(family, 1, SMALL[family])
    styles = sorted({document.style for document in FAMILIES[family].oracle(world)})
    assert len(training_documents(world, ["documents", *styles])) > len(world.documents)
    with pytest.raises(UsageError, match="'gossip'"):
        training_documents(world, ["documents", "gossip"])


@pytest.mark.parametrize("family", sorted(SMALL))
@pytest.mark.parametrize("copies", [0, 1, 2])
def test_the_context_keeps_every_fact(family: str, copies: int) -> None:
    world = generate(family, 2, SMALL[family])
    kept = context_documents(world, copies)
    assert {fact for d in kept for fact in d.facts} == {fact for d in world.documents for fact in d.facts}
    assert len({d.id for d in kept}) == len(kept)
    if copies == 0:
        assert len(kept) == len(world.documents)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_facts=st.integers(2, 12), documents=st.integers(1, 5))
def test_one_copy_is_one_document_per_fact(seed: int, n_facts: int, documents: int) -> None:
    world = generate("reversal", seed, {"n_facts": n_facts, "documents_per_fact": documents, "misleading": 0})
    assert len(context_text(world).splitlines()) == n_facts


@pytest.mark.parametrize("family", sorted(SMALL))
def test_a_saved_world_loads_the_same_and_with_datasets(family: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    world = generate(family, 3, SMALL[family])
    save_world(world, tmp_path / "world")
    assert load_world(tmp_path / "world").hash == world.hash
    loaded = load_dataset(str(tmp_path / "world"), cache_dir=str(tmp_path / "cache"))["train"]
    assert [row["prompt"] for row in loaded] == [question.prompt for question in world.questions]
    with pytest.raises(UsageError, match="exists already"):
        save_world(world, tmp_path / "world")


def test_a_damaged_world_is_refused(tmp_path: Path) -> None:
    save_world(generate("reversal", 0, SMALL["reversal"]), tmp_path / "w")
    facts = tmp_path / "w/facts.jsonl"
    facts.write_text(facts.read_text().replace("more", "less", 1))
    with pytest.raises(UsageError, match="do not match the hash"):
        load_world(tmp_path / "w")
    facts.write_text("{oops\n")
    with pytest.raises(UsageError, match=r"facts\.jsonl, line 1"):
        load_world(tmp_path / "w")


def test_a_row_may_hold_any_line_separator(tmp_path: Path) -> None:
    rows = [{"text": "one\u2028two\nthree"}, {"text": "four"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_jsonl(tmp_path / "rows.jsonl") == rows
    (tmp_path / "latin.jsonl").write_bytes('{"text": "é"}\n'.encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_jsonl(tmp_path / "latin.jsonl")


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "out") as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
