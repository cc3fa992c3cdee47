r"""What a model has answered so far, in a file that survives being killed at any byte.

One line per chunk of requests, appended and synced to the disk before the next chunk is asked::

    {"answers": {"5c31...": {"raw": "glon are less dangerous than femp.", "prompt_tokens": 21, "generated_tokens": 13}}}

A request's key is the hash of all that its answer depends on, so an answer is never taken for another request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, cut
from icl_ft_plugin.files import read_jsonl


@dataclass(frozen=True, slots=True)
class Answer:
    """One generation.

    Attributes:
        raw: What the model wrote.
        prompt_tokens: Tokens it read, as if no prefix were shared; None where the model has no tokenizer here.
        generated_tokens: Tokens it wrote; None likewise.
    """

    raw: str
    prompt_tokens: int | None
    generated_tokens: int | None


class Journal:
    """An append-only file of answers.

    Args:
        path: The file; it and its folder are made. A last line that was cut off by a kill is dropped.

    Attributes:
        answers: What is there, by the requests' keys.

    Raises:
        UsageError: The file cannot be read or written, or a line before the last one is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_file():
                raise UsageError(f"{path}: not a file; remove it")
            data = path.read_bytes() if path.exists() else b""
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(path, whole)
        except OSError as error:
            raise UsageError(f"{path}: cannot be used as a journal ({error.strerror})") from error
        try:
            lines = read_jsonl(path) if whole else []
        except UsageError as error:
            raise UsageError(f"{error}: damaged; remove the file to ask again") from error
        for number, line in enumerate(lines, start=1):
            try:
                answers = {
                    key: parsed(Answer, answer, "answers", strict=False) for key, answer in line["answers"].items()
                }
            except (UsageError, KeyError, TypeError, AttributeError) as error:
                told = f"{path}, line {number}: damaged ({cut(str(error))}); remove the file to ask again"
                raise UsageError(told) from error
            self.answers |= answers

    def add(self, answers: Mapping[str, Answer]) -> None:
        """Append the answers of one chunk; they are on the disk when this returns.

        Raises:
            UsageError: The file cannot be written.
        """
        line = json.dumps({"answers": {key: asdict(answer) for key, answer in answers.items()}}, ensure_ascii=False)
        try:
            with self.path.open("ab") as file:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.answers.update(answers)
