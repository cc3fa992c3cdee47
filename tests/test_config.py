"""YAML is read strictly: whatever is wrong is one short message with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from icl_ft_plugin.config import overrides_from, parsed, read_yaml, set_key
from icl_ft_plugin.errors import UsageError, shown

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"steps: !!int abc", "line 1: not YAML: 'abc' is no int"),
        (b"day: 2024-13-45", "'2024-13-45' is no timestamp"),
        (b"a: 1\nday: !!timestamp 1", "line 2: not YAML: '1' is no timestamp"),
        (b"steps: " + b"9" * 5000, "999' is no int"),
        (b"? [a, b]\n: 1", "line 1: not YAML: a key is no plain word"),
        (b"? {a: b}\n: 1", "line 1: not YAML: a key is no plain word"),
        (b"a: 1\nb: 2\na: 3", "line 3: not YAML: key 'a' is written twice"),
        (b"a: " + b"[" * 2000 + b"]" * 2000, "nested too deep"),
        (BOMB.encode(), "more than 100000 values"),
        (b"a: &a [*a]", "more than 100000 values"),
        (b"rate: .nan", "rate: nan is not a finite number"),
        (b"rate: -.inf", "rate: -inf is not a finite number"),
        (b'name: "\\uD800"', "half a character"),
        ("a: 1".encode("utf-16"), "not UTF-8"),
        (b"a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (b"a: \x07", "special characters are not allowed"),
        (b"- a", "not a mapping"),
        (b"", "not a mapping"),
        (b"1: a", "not a mapping"),
        (b"a: [1", "line 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_one_short_message_with_its_place(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(data)
    with pytest.raises(UsageError) as refusal:
        read_yaml(file)
    message = str(refusal.value).replace(str(tmp_path), "")
    assert message.startswith("/study.yaml: ") and words in message
    assert len(message) < 300 and message.isprintable()


def test_aliases_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("pair", ["a=[", "a=!!int x", "a=.nan", "a", f"b={'9' * 5000}", f"{'k' * 5000}"])
def test_an_override_that_is_wrong_is_named_briefly(pair: str) -> None:
    with pytest.raises(UsageError, match="override '") as refusal:
        overrides_from([pair])
    assert len(str(refusal.value)) < 400


def test_a_value_is_shown_briefly_and_without_control_characters() -> None:
    assert shown("a\x1b[31mb") == r"'a\x1b[31mb'"
    assert len(shown(["x" * 10_000] * 10_000)) <= 120


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seeds: list[int] = []


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    worlds: list[Inner] | None = None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "a.yaml: name is missing"),
        ({"name": "x", "wolrds": []}, "a.yaml: unknown key 'wolrds' (value []) (did you mean 'worlds'?)"),
        (
            {"name": "x", "worlds": [{}, {"sedes": 1}]},
            "a.yaml: unknown key 'worlds[1].sedes' (value 1) (did you mean 'seeds'?)",
        ),
        (
            {"name": "x", "worlds": [{"seeds": ["1"]}]},
            "a.yaml: worlds[0].seeds[0]: '1': Input should be a valid integer",
        ),
    ],
)
def test_what_a_schema_does_not_take_is_named_with_its_place_and_the_nearest_key(
    data: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        parsed(Outer, data, "a.yaml")
    assert str(refusal.value) == message
    assert parsed(Outer, {"name": "x", "worlds": [{"seeds": [1]}]}, "a.yaml").worlds == [Inner(seeds=[1])]


def test_a_setting_reaches_into_lists_and_makes_the_mappings_it_names() -> None:
    data: dict[str, Any] = {"worlds": [{"seeds": [0]}]}
    set_key(data, "worlds.0.seeds.0=7", "the file")
    set_key(data, "a.b=[x, 2]", "the file")
    assert data == {"worlds": [{"seeds": [7]}], "a": {"b": ["x", 2]}}
    for setting, words in (
        ("worlds", "write key=value"),
        ("worlds.1.seeds=3", "there is no such place in the file"),
        ("worlds.x=3", "there is no such place in the file"),
        ("a.b.c.d=[", "not YAML"),
    ):
        with pytest.raises(UsageError, match="--set") as refusal:
            set_key(data, setting, "the file")
        assert words in str(refusal.value)
