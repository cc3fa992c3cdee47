"""What the fuzzer begins with and what it does to it: sound files, and faults that know their structure.

For example the study file ``{"name": "t", "steps": 12, ...}`` becomes ``{"name": "t", "stpes": 12, ...}``, or its ``steps``
become ``-1``, ``!!int abc``, a list of lists of lists, an alias bomb; or the file becomes a folder or a pipe.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

ODD: list[Any] = [
    None, True, "", " ", "x" * 5000, "\x1b[31mred\x07", "a\u2028b\u0085c", "\ud83d\ude00", "\x00", "-", "=1+1", "../..", "/",
    "a/b", ".", "nano", "[bold]", "%s", "{{ x }}", -1, 0, 1, 2**31, 2**64, -(2**70), 10**400, 0.5, -0.0, 1e308, 5e-324,
    float("nan"), float("inf"), [], {}, [None], [[]], {"": None}, {"a": {"b": 1}}, ["x"] * 300,
]  # fmt: skip
DEEP = 3000


@dataclass(frozen=True)
class Given:
    """One file of a target.

    Attributes:
        value: What it holds: a mapping for YAML and JSON, a list of rows for JSON lines.
        kind: ``"yaml"``, ``"json"`` or ``"jsonl"``.
    """

    value: Any
    kind: str


def text_of(given: Given) -> str:
    if given.kind == "yaml":
        return yaml.safe_dump(given.value, allow_unicode=True, width=10**6)
    rows = given.value if given.kind == "jsonl" else [given.value]
    return "".join(json.dumps(row) + "\n" for row in rows)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, entry in inner for path in [(*at, key), *places(entry, (*at, key))]]


@st.composite
def changed(draw: st.DrawFn, given: Given) -> Given:
    """One to three changes of keys and values."""
    value = copy.deepcopy(given.value)
    for _ in range(draw(st.integers(1, 3))):
        known = places(value)
        if not known:
            break
        *parents, last = draw(st.sampled_from(known))
        node = value
        for part in parents:
            node = node[part]
        how = draw(st.sampled_from(["put", "put", "put", "drop", "rename", "add", "wrap", "twin"]))
        if how == "put":
            node[last] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif how == "drop":
            del node[last]
        elif how == "wrap":
            node[last] = draw(st.sampled_from([[node[last]], {"x": node[last]}, str(node[last])]))
        elif how == "twin" and isinstance(node, list):
            node.append(copy.deepcopy(node[last]))
        elif isinstance(node, dict):
            new = draw(st.sampled_from([f"{last}s", str(last)[:-1], "", "api_key", "\x1b[2J", "k" * 3000]))
            node[new] = node.pop(last) if how == "rename" else copy.deepcopy(draw(st.sampled_from(ODD)))
    return Given(value, given.kind)


def _bomb() -> str:
    return "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60))]) + "\n"


def texts(given: Given) -> list[Callable[[str, int], str | bytes]]:
    """Return what may be done to the text of a file; the number says where."""
    common: list[Callable[[str, int], str | bytes]] = [
        lambda text, at: text[: at % (len(text) + 1)],
        lambda text, at: text[: at % (len(text) + 1)] + "\x00" + text[at % (len(text) + 1) :],
        lambda text, at: text.encode()[: at % (len(text) + 1)] + b"\xff\xfe\x80",
        lambda text, at: text.encode("utf-16"),
        lambda text, at: "\ufeff" + text,
        lambda text, at: text + text,
        lambda text, at: text.replace("\n", "\r\n"),
        lambda text, at: text.replace(" ", "\t"),
        lambda text, at: "",
        lambda text, at: "\n" * (at % 50),
        lambda text, at: "[" * DEEP,
        lambda text, at: "[" * DEEP + "]" * DEEP,
        lambda text, at: '{"a":' * DEEP + "1" + "}" * DEEP,
        lambda text, at: "9" * 6000,
        lambda text, at: "null",
        lambda text, at: "[]",
        lambda text, at: '"\\ud800"',
    ]
    if given.kind != "yaml":
        return [
            *common,
            lambda text, at: text.replace(": ", ": NaN, ", 1),
            lambda text, at: text.replace('"', '"\\ud800', 1 + at % 9),
            lambda text, at: text.replace(": 0", f": {'9' * 6000}", 1),
        ]
    tags = [
        "!!int abc",
        "!!float x",
        "!!timestamp 1",
        "2024-13-45",
        "!!binary '*'",
        "!!python/object:os.system x",
        "!!set {a}",
    ]
    tags += [
        "&a [*a]",
        "*nothing",
        "!!omap [a]",
        "{? [a] : b}",
        "<<: 3",
        "1:2:3",
        "0o9",
        "|",
        ">",
        "%YAML 9",
        "@",
        "`",
        "---",
    ]
    return [
        *common,
        lambda text, at: _at_a_value(text, tags[at % len(tags)], at // len(tags)),
        lambda text, at: _at_a_value(text, tags[at % len(tags)], at // len(tags)),
        lambda text, at: _at_a_value(text, tags[at % len(tags)], at // len(tags)),
        lambda text, at: _bomb() + text,
        lambda text, at: text + "? [a, b]\n: c\n",
        lambda text, at: text + '"\\ud800": 1\n',
        lambda text, at: text + text.split("\n")[at % text.count("\n")] + "\n",
    ]


def _at_a_value(text: str, new: str, at: int) -> str:
    """Put something in the place of one value."""
    lines = text.split("\n")
    spots = [i for i, line in enumerate(lines) if ": " in line]
    if spots:
        i = spots[at % len(spots)]
        lines[i] = f"{lines[i].partition(': ')[0]}: {new}"
    return "\n".join(lines)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _itself(path: Path) -> None:
    path.symlink_to(path)


STRANGE: list[Callable[[Path], None]] = [Path.mkdir, _pipe, _itself, lambda path: None]


@st.composite
def harm(draw: st.DrawFn, files: dict[str, Given]) -> tuple[str, str | bytes | Callable[[Path], None]]:
    """Return one of the files, and what is to lie in its place."""
    name = draw(st.sampled_from(sorted(files)))
    given = files[name]
    how = draw(st.integers(0, 19))
    if how == 0:
        return name, draw(st.sampled_from(STRANGE))
    if how < 13:
        given = draw(changed(given))
    text = text_of(given)
    if how > 10:
        return name, draw(st.sampled_from(texts(given)))(text, draw(st.integers(0, 10**4)))
    return name, text
