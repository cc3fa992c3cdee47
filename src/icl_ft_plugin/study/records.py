"""What the folder of a complete cell says that it took: ``ledger.json``.

The ledger of a trained cell, shortened::

    {"training": {"steps": 200, "tokens": 68436, "seconds": 31.9, ...},
     "augmentation": {"local": {"hash": "77b0c1...", "prompt_tokens": 4210, "generated_tokens": 5120, ...}},
     "evaluation": {"questions": 80, "prompt_tokens": 410}, "verbatim": {"reversal": {"questions": 20, "standing": 0}, ...},
     "seconds": 71.2}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json

LEDGER = "ledger.json"
CONFIG = "config.json"
INFERRED = "inferred.json"  # of how many facts the corpus has inferences, and which questions are about them
RETENTION = "retention.jsonl"  # what else was asked, before the training and after


class Record(BaseModel):
    """A part of a file; keys of other versions do not disturb it."""

    model_config = ConfigDict(frozen=True)


Kind = TypeVar("Kind", bound=Record)


class TrainingCost(Record):
    """What the training took; the rest of the trained model's own ledger is carried along.

    Attributes:
        tokens: Tokens seen.
        seconds: Wall time.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    tokens: int = 0
    seconds: float = 0.0


class WritingCost(Record):
    """What a model has written, counted in full for every cell that uses it, though it was written once.

    Attributes:
        hash: Of all that it depends on.
        prompt: Name and version of the prompt; empty for what was read from a file.
        requests: Answered ones.
        prompt_tokens: Tokens read.
        generated_tokens: Tokens written.
        statements: Statements kept.
    """

    hash: str
    prompt: str
    requests: int
    prompt_tokens: int | None
    generated_tokens: int | None
    statements: int


class PromptCost(Record):
    """What was asked.

    Attributes:
        questions: Their number.
        prompt_tokens: Of their prompts, as if no prefix were shared; the choices are not counted; None where the model's
            tokenizer is not known.
        retrieved: Where documents were chosen per question, what ``retrieval.summary`` says of them.
    """

    questions: int = 0
    prompt_tokens: int | None = 0
    retrieved: Mapping[str, object] | None = None


class Verbatim(Record):
    """Of one split, the questions, and those of them that stand with their answer in the rows trained on (``verbatim``)."""

    questions: int
    standing: int


class CellLedger(Record):
    """What a cell took, and what it was given.

    Attributes:
        training: None for an untrained arm.
        augmentation: By strategy; None where the model has written nothing for the arm.
        evaluation: The questions.
        verbatim: By split; None where there are no rows, or an older version did not count.
        seconds: Of the whole cell, without what an earlier cell had made.
    """

    training: TrainingCost | None = None
    augmentation: Mapping[str, WritingCost] | None = None
    evaluation: PromptCost = PromptCost()
    verbatim: Mapping[str, Verbatim] | None = None
    seconds: float | None = None


def read(file: Path, kind: type[Kind]) -> Kind | None:
    """Return a record; None where there is none, as of a cell that is being removed."""
    try:
        return parsed(kind, read_json(file), str(file), strict=False)
    except UsageError:
        return None
