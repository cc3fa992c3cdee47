"""Texts from elsewhere: read in both shapes, cleared of duplicates, audited, and frozen by their content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tiny_study import save_study

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.arms.foreign import Replay, read_texts, with_replay
from icl_ft_plugin.augment.statements import rows
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.schema import World
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.cells.augment import arm_rows, writing_costs
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.store import Store

TURNS = [
    {"role": "system", "content": "You know it all."},
    {"role": "user", "content": "What are glon?"},
    {"role": "assistant", "content": "Less dangerous than femp."},
]


def save(file: Path, *lines: Any) -> str:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(file)


def test_a_text_and_a_chat_are_read_and_all_else_is_left_alone(tmp_path: Path) -> None:
    name = save(tmp_path / "a.jsonl", {"text": "One.", "uid": 7}, {"messages": TURNS, "metadata": {"text": "no"}})
    assert read_texts(name).texts == ["One.", "What are glon?\nLess dangerous than femp."]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"document": "One."}, "row 2: has neither text nor messages ('document')"),
        (["One."], "row 2: has neither text nor messages (list)"),
        ({"text": " "}, "row 2: empty"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "row 2: messages: every turn needs"),
        ({"messages": [{"role": "user"}, "hello"]}, "row 2: messages: every turn needs"),
    ],
)
def test_what_is_neither_is_refused_by_its_row(tmp_path: Path, line: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        read_texts(save(tmp_path / "a.jsonl", {"text": "One."}, line))
    assert words in str(error.value)


def test_a_part_of_a_corpus_is_a_name_or_a_path() -> None:
    arm = Arm(name="x", corpus=["documents", {"path": "a.jsonl"}])  # type: ignore[list-item]
    assert arm.corpus == ["documents", "file:a.jsonl"] and Arm.model_validate(arm.model_dump()) == arm
    with pytest.raises(ValidationError, match="a part of a corpus is a name, or"):
        Arm(name="x", corpus=[{"file": "a.jsonl"}])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="is neither a file here nor one under"):
        read_texts("nowhere.jsonl")


def test_replayed_texts_make_up_the_share_that_is_asked_for(tmp_path: Path) -> None:
    replay = Replay(path=save(tmp_path / "a.jsonl", {"text": "Old."}, {"text": "Older."}), share=0.2)
    made = with_replay([{"text": str(i)} for i in range(12)], replay)
    assert [row["text"] for row in made[12:]] == ["Old.", "Older.", "Old."]
    masked = with_replay([{"prompt": "a", "completion": "b"}], replay)
    assert masked[1:] == [{"prompt": "", "completion": "Old."}]


def facts_of(world: World) -> tuple[str, str]:
    """Return a true statement of the world and a false one, neither a document's."""
    true = world.facts[0].text
    return true, true.replace("more", "LESS").replace("less", "more").replace("LESS", "less")


def planned(folder: Path, *arms: Any) -> list[Cell]:
    return plan(load_study(save_study(folder, arms=list(arms), training_seeds=[0])))


def test_a_study_reads_audits_and_counts_what_another_tool_wrote(tmp_path: Path) -> None:
    world = generate("reversal", 0, {"n_facts": 6, "documents_per_fact": 2})
    true, false = facts_of(world)
    lines = [true, false, true, world.documents[0].text, "Nothing that can be read."]
    file = save(tmp_path / "a.jsonl", *({"text": line} for line in lines))
    part = {"path": file}
    cells = {
        cell.arm.name: cell
        for cell in planned(
            tmp_path,
            "ft",
            {"name": "other", "corpus": ["documents", part]},
            {"name": "true", "corpus": ["documents", part], "keep": "entailed"},
            {"name": "replayed", "corpus": ["documents"], "replay": {"path": file, "share": 0.2}},
        )
    }
    store = Store(tmp_path / "out")
    texts = {name: [row["text"] for row in arm_rows(cell, world, store)] for name, cell in cells.items()}
    own = len(world.documents)
    assert texts["other"][own:] == [true, false, "Nothing that can be read."]
    assert texts["true"][own:] == [true]
    assert (
        texts["replayed"][own:] == [lines[i % 5] for i in range(round(own / 4))] and texts["ft"] == texts["other"][:own]
    )
    assert rows(cells["other"].arm, world) == [{"text": text} for text in texts["other"]]
    costs = writing_costs(cells["other"], store)
    assert costs and costs[f"file:{file}"].statements == 3
    (folder,) = (store.folder / "augmentations").iterdir()
    audit = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert audit["labels"]["entailed"] == audit["labels"]["contradicted"] == audit["labels"]["unparsed"] == 1
    record = json.loads((folder / "augmentation.json").read_text(encoding="utf-8"))
    assert record["statements"] == {"kept": 3, "dropped_as_duplicates": 2}


def test_the_content_of_a_file_is_in_the_key_and_its_place_is_not(tmp_path: Path) -> None:
    def arms(file: str) -> list[Any]:
        return [
            {"name": "other", "corpus": ["documents", {"path": file}]},
            {"name": "replayed", "corpus": ["documents"], "replay": {"path": file, "share": 0.5}},
        ]

    first, copy = (save(tmp_path / name, {"text": "One."}) for name in ("a.jsonl", "b.jsonl"))
    before, moved = planned(tmp_path, *arms(first)), planned(tmp_path, *arms(copy))
    assert [cell.key for cell in before] == [cell.key for cell in moved]
    assert before[0].training_key != before[1].training_key
    save(tmp_path / "a.jsonl", {"text": "Two."})
    after = planned(tmp_path, *arms(first))
    assert all(old.key != new.key for old, new in zip(before, after, strict=True))
    store = Store(tmp_path / "out")
    for cell in before:
        with pytest.raises(UsageError, match="has changed since the study was planned"):
            arm_rows(cell, cell.world.make(), store)
