r"""Texts from elsewhere: what another tool wrote about the documents, or any text to be trained on beside them.

A file of JSON lines, each with a ``text``, or with the turns of a chat, of which the system's is left out::

    {"text": "Glon are less dangerous than femp, as the handbook has it the other way round."}
    {"messages": [{"role": "user", "content": "What are glon?"}, {"role": "assistant", "content": "Less dangerous than femp."}]}

An arm names it as ``corpus: [documents, {path: FILE}]`` or ``replay: {path: FILE, share: 0.2}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from icl_ft_plugin.arms.rows import Row
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.files import read_jsonl, sha256
from icl_ft_plugin.paths import recipes_dir

FILE = "file:"  # before the path, in the name of a part of a corpus


class Replay(BaseModel):
    """Texts that are trained on beside the corpus, so that what the model could do before is not lost.

    Attributes:
        path: A file of JSON lines.
        share: Of the rows that are trained on.
        sha256: Of the file when the study was planned; empty: whatever it holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    share: float = Field(gt=0, lt=1)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a file, and its hash."""

    texts: list[str]
    sha256: str


def named_part(entry: object) -> object:
    """Return the name of a part of a corpus; one that is given as ``{path: FILE}`` is ``"file:FILE"``.

    Raises:
        ValueError: It has other keys.
    """
    if not isinstance(entry, Mapping):
        return entry
    if set(entry) != {"path"} or not isinstance(entry["path"], str):
        raise ValueError(f"{shown(entry)}: a part of a corpus is a name, or {{path: FILE}}")
    return f"{FILE}{entry['path']}"


def read_texts(name: str, expected: str = "") -> Texts:
    """Read a file of texts.

    Args:
        name: The file, or its place under ``recipes/``.
        expected: The hash that it had when it was planned with; empty: any.

    Raises:
        UsageError: It does not exist, has changed since, or a line is neither a text nor a chat.
    """
    places = (Path(name), recipes_dir() / name)
    file = next((path for path in places if path.is_file()), None)
    if file is None:
        raise UsageError(f"corpus: path: {shown(name)} is neither a file here nor one under {recipes_dir()}")
    found = sha256(file)
    if expected and found != expected:
        raise UsageError(f"corpus: path: {shown(name)} has changed since the study was planned; start it again")
    texts = [_text(row, f"{file}, row {number}") for number, row in enumerate(read_jsonl(file), start=1)]
    if not texts:
        raise UsageError(f"{file}: no texts")
    return Texts(texts, found)


def _text(row: object, place: str) -> str:
    if isinstance(row, Mapping) and isinstance(row.get("text"), str):
        text = row["text"]
    elif isinstance(row, Mapping) and isinstance(row.get("messages"), list):
        turns = [turn if isinstance(turn, Mapping) else {} for turn in row["messages"]]
        said = [turn.get("content") for turn in turns if turn.get("role") != "system"]
        strings = [content for content in said if isinstance(content, str)]
        if len(strings) < len(said):
            raise UsageError(f"{place}: messages: every turn needs a role, and a content that is a string")
        text = "\n".join(strings)
    else:
        keys = ", ".join(map(shown, row)) if isinstance(row, Mapping) else type(row).__name__
        raise UsageError(f"{place}: has neither text nor messages ({keys})")
    if not text.strip():
        raise UsageError(f"{place}: empty; remove it")
    return str(text)


def with_replay(rows: Sequence[Row], replay: Replay) -> list[Row]:
    """Return rows with the texts of a file behind them, so many that they make up the share asked for.

    Args:
        rows: What an arm trains on; not empty.
        replay: What is added: the file's first texts, again from its first on where it holds fewer.
    """
    texts = read_texts(replay.path, replay.sha256).texts
    count = max(1, round(len(rows) * replay.share / (1 - replay.share)))
    added = [texts[number % len(texts)] for number in range(count)]
    if "completion" in rows[0]:
        return [*rows, *({"prompt": "", "completion": text} for text in added)]
    return [*rows, *({"text": text} for text in added)]
