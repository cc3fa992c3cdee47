from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import FACTS, RECIPE, save_tiny

from icl_ft_plugin.arms.rows import REQUEST, ROWS
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.schema import Document
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.rows import check_rows

CHATML = """{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<eos>
{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"""
CHATS = [
    {"messages": [{"role": "user", "content": fact[: fact.index(" are ") + 4]}, {"role": "assistant", "content": fact}]}
    for fact in FACTS
]


def chatting(folder: Path, template: str = CHATML) -> str:
    from transformers import AutoTokenizer

    model = save_tiny(folder / "chat", window=128)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(model)
    return str(model)


def prepared(model: str, rows: Any, folder: Path, **values: Any) -> Any:
    from icl_ft_plugin.training.train import prepare

    (folder / "r.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 128"), encoding="utf-8")
    return prepare(model=model, rows=rows, recipe=recipe.load(folder / "r.yaml", values), folder=folder / "work")


def test_the_loss_is_on_the_assistants_turn_token_by_token(tmp_path: Path) -> None:
    trainer = prepared(chatting(tmp_path), CHATS, tmp_path).trainer
    tokenizer = trainer.processing_class
    for row, chat in zip(trainer.train_dataset, CHATS, strict=True):
        user, assistant = (turn["content"] for turn in chat["messages"])
        asked = tokenizer(f"<|user|>{user}<eos>\n<|assistant|>")["input_ids"]
        told = tokenizer(f"{assistant}<eos>\n")["input_ids"]
        assert row["input_ids"] == asked + told
        assert row["labels"] == [-100] * len(asked) + told
        assert tokenizer.eos_token_id in told, "it learns to stop"


def test_earlier_turns_are_read_and_not_learned(tmp_path: Path) -> None:
    long = {"messages": [*CHATS[0]["messages"], *CHATS[1]["messages"]]}
    trainer = prepared(chatting(tmp_path), [long], tmp_path).trainer
    [row] = trainer.train_dataset
    learned = [token for token in row["labels"] if token != -100]
    assert trainer.processing_class.decode(learned) == f"{FACTS[1]}<eos>\n"


def test_what_is_trained_on_is_what_is_asked(tmp_path: Path) -> None:
    from icl_ft_plugin.harness.prompts import as_turn

    document = Document("d", ("femp are more dangerous than glon.",), (), completion_start=len("femp are"))
    rows = ROWS["messages"](generate("reversal", 0, {"n_facts": 2}), [document])
    trainer = prepared(chatting(tmp_path), rows, tmp_path).trainer
    [row] = trainer.train_dataset
    begun = row["labels"].count(-100)
    assert trainer.processing_class.decode(row["input_ids"][:begun]) == as_turn("femp are", trainer.processing_class)


def test_a_document_without_a_beginning_is_asked_for() -> None:
    [row] = ROWS["messages"](generate("reversal", 0, {"n_facts": 2}), [Document("d", ("All of it.",), ())])
    assert row == {
        "messages": [{"role": "user", "content": REQUEST}, {"role": "assistant", "content": "All of it."}],
    }
    assert check_rows([row]) == "assistant"


def test_a_chat_is_trained_and_said_so(tmp_path: Path) -> None:
    from icl_ft_plugin.training.train import train

    model = chatting(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 128"), encoding="utf-8")
    made = train(model, CHATS, recipe=tmp_path / "r.yaml", output=tmp_path / "ft", max_steps=2)
    assert made.loss_mask == "assistant"
    assert 0 < made.target_tokens < made.tokens
    assert "the assistant" in (tmp_path / "ft" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "it has no chat template, so that rows of messages cannot be laid out"),
        (CHATML.replace("<|assistant|>{%", "<|assistant|><think>{%"), r"is no beginning of the assistant's turn"),
    ],
)
def test_a_template_that_cannot_be_trained_with_is_refused(tmp_path: Path, template: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepared(chatting(tmp_path, template), CHATS, tmp_path)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ("hello", "is no list of turns"),
        ([{"role": "user", "content": "a"}], "is no list of turns"),
        ([{"role": "user"}, {"role": "assistant", "content": "a"}], r"messages\[0\]: .* is not of the form"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}], r"messages\[1\]\.content"),
        ([{"role": "assistant", "content": "a"}, {"role": "user", "content": "a"}], "the last turn is 'user'"),
    ],
)
def test_a_bad_chat_is_named(turns: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"rows: row 0: .*{message}"):
        check_rows([{"messages": turns}])
