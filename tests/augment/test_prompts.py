from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from icl_ft_plugin.augment.prompts import Prompt, default_prompt, load_prompt, read_prompt
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.paths import models_dir, recipes_dir
from icl_ft_plugin.pretrain.episodes import augmentation_prompt
from icl_ft_plugin.worlds.context import context_documents, context_text

PROMPTS = sorted(file.stem for file in (recipes_dir() / "prompts").glob("*.yaml"))
TEXT = "femp are more dangerous than glon."


def write(folder: Path, **changes: Any) -> str:
    data = {
        "name": "p",
        "version": 1,
        "strategy": "local",
        "unit": "sentence",
        "template": "{{ text }}",
        "max_tokens": 9,
    }
    file = folder / "p.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in {**data, **changes}.items() if value is not None}))
    return str(file)


def test_every_prompt_that_ships_is_valid_and_named_after_its_file() -> None:
    assert len(PROMPTS) >= 13
    for name in PROMPTS:
        prompt = read_prompt(name)
        assert prompt.name == name and prompt.strategy in name
        rendered = prompt.render(TEXT, ["All femp are glon.", "No zost is a femp."])
        text = rendered if isinstance(rendered, str) else rendered[-1]["content"]
        assert TEXT in text
        assert ("No zost is a femp." in text) == (prompt.strategy in ("global", "qa-global"))
    assert len({read_prompt(name).hash for name in PROMPTS}) == len(PROMPTS)


def test_the_embedded_models_prompts_are_its_pretraining_text_to_the_character() -> None:
    world = generate("reversal", 0, {"n_facts": 4})
    documents = [document.text for document in context_documents(world)]
    for name in ("nano-local", "nano-local-document"):
        assert load_prompt(name, "local").render(TEXT) == augmentation_prompt(TEXT)
    rendered = load_prompt("nano-global", "global").render(TEXT, documents)
    # episodes._augmentation: the documents, a blank line, then the text with its marks
    assert rendered == f"{context_text(world)}\n\n{augmentation_prompt(TEXT)}"


def test_few_shot_prompts_end_where_the_model_goes_on() -> None:
    local = load_prompt("base-local", "local").render(TEXT)
    assert isinstance(local, str) and local.endswith(f"Sentence: {TEXT}\n-")
    turns = load_prompt("chat-local", "local").render(TEXT)
    assert turns[-1] == {"role": "user", "content": TEXT}


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("nano-local", " a are b.\nFollows: b are a.", ["a are b.", "b are a."]),
        ("nano-local", "a are b.\nFollows: b are", ["a are b."]),  # cut off by the limit of new tokens
        ("nano-local", "a are b. b a", ["a are b."]),
        ("nano-local", "is it? yes. (so it is.)", ["is it? yes. (so it is.)"]),
        ("nano-local", "the yurnu of x^2 is 1.5*x", []),
        ("nano-local", "", []),
        ("base-local", " One.\n- Two.\n\n- Three!", ["One.", "Two.", "Three!"]),
        ("base-qa", "\nQ: Is a b? A: Yes.\nNo pair.\nQ: And c? A: d", ["Question: Is a b? Answer: Yes."]),
        ("chat-qa", "1. **Q:** Is a b?\n   **A:** Yes.", ["Question: Is a b? Answer: Yes."]),
        ("nano-qa", " a are what? answer: b.\nc are what? answer:", ["Question: a are what? Answer: b."]),
        ("base-qa-global", "a are b.", []),
        ("chat-local", "1. One.\n2) Two.\n* Three.", ["One.", "Two.", "Three."]),
    ],
)
def test_a_generation_is_cut_into_statements(name: str, raw: str, expected: list[str]) -> None:
    assert read_prompt(name).statements(raw) == expected


def test_the_prompt_is_chosen_by_what_the_model_is(tmp_path: Path) -> None:
    nano = {"pretrained": str(models_dir() / "nano")}
    copy = shutil.copytree(models_dir() / "nano", tmp_path / "other")
    assert default_prompt("local", "icl_ft_hf", {"pretrained": str(copy)}) == "nano-local"
    for name, file, text in (
        ("nano", "tokenizer.json", "{}"),
        ("chat", "chat_template.jinja", "{{ messages }}"),
        ("old-chat", "tokenizer_config.json", '{"chat_template": "{{ messages }}"}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text, encoding="utf-8")
        kind = "base" if name == "nano" else "chat"
        assert default_prompt("local", "icl_ft_hf", {"pretrained": str(tmp_path / name)}) == f"{kind}-local"
    assert default_prompt("global", "icl_ft_hf", nano) == "nano-global"
    assert default_prompt("qa-global", "icl_ft_hf", nano) == "nano-qa-global"
    assert default_prompt("local", "local-chat-completions", {"model": "x"}) == "chat-local"
    assert default_prompt("local", "hf", {"pretrained": "elsewhere/nano"}) == "base-local"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"templat": "x"}, ["templat"]),
        ({"strategy": "lokal"}, ["strategy"]),
        ({"template": None}, ["exactly one of template and messages"]),
        ({"template": "{{ text"}, ["p.yaml"]),
        ({"messages": [{"role": "user", "content": "x"}]}, ["exactly one"]),
        ({"marker": "["}, ["p.yaml"]),
        ({"max_tokens": 0}, ["max_tokens"]),
    ],
)
def test_a_wrong_prompt_is_refused_with_its_file_and_key(
    tmp_path: Path, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as error:
        read_prompt(write(tmp_path, **changes))
    assert all(word in str(error.value) for word in words)


def test_an_unknown_prompt_and_one_for_the_other_strategy_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'nano-local'"):
        read_prompt("nano-locl")
    with pytest.raises(UsageError, match="for local augmentation, not for global"):
        load_prompt("nano-local", "global")


def test_templates_run_in_a_sandbox_and_know_no_undefined_names(tmp_path: Path) -> None:
    for template in ("{{ text.__class__.__mro__ }}", "{{ documents.append('x') }}", "{{ nothing }}"):
        with pytest.raises(UsageError, match=r"cannot be rendered|not to be had in a template"):
            read_prompt(write(tmp_path, template=template)).render(TEXT, ["a"])


def test_a_marker_that_never_ends_is_stopped(tmp_path: Path) -> None:
    prompt = read_prompt(write(tmp_path, marker="(a|aa)+$"))
    assert prompt.statements("aaa") == []
    with pytest.raises(UsageError, match=r"marker: '\(a\|aa\)\+\$': a line takes more than 1 s to match"):
        prompt.statements("a" * 40 + "b.")


def test_the_hash_follows_the_wording() -> None:
    prompt = read_prompt("base-local")
    changed = Prompt.model_validate({**prompt.model_dump(), "template": f"{prompt.template} "})
    assert changed.hash != prompt.hash == read_prompt("base-local").hash
