"""A scored question, read from a line of lm-eval's own sample files.

For example ``Item(id="f0-reversal", split="reversal", fact="f0", ways=("f0", "f0", "f0", "", ""), correct=1.0, ...,
question="glon are", choices=("less dangerous than femp.", "more dangerous than femp."), gold=(0,), scores=(-3.1, -4.4))``.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.schema import Doc

ITEMS = "items.parquet"
Pool = dict[Any, Any]
"""Values that many items share, each held once: a question is the same in every cell that it is asked in."""
_PLAIN = ("id", "split", "fact", "correct", "correct_norm", "chance", "question", "premises")


Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Item:
    """One scored question.

    Attributes:
        id: Its name, unique within a world.
        split: Its split.
        fact: The fact it asks about; unique within a world.
        ways: What it shares with others of its world: fact, first premise, last premise, block of options, set of rules. What
            a sample does not name is its fact.
        correct: 1 where the best-scored choice, or the written answer, is right.
        correct_norm: The same by log-likelihood per character; ``correct`` where the answer is written.
        chance: What a uniform guesser gets.
        labels: Breakdown labels.
        question: What was asked, without any context.
        choices: The candidate answers.
        gold: Places of the right ones.
        scores: Log-likelihood of each choice in nats; empty where the answer is written.
        premises: The facts that its answer takes; 0 where it is not known.
        correct_pmi: ``correct`` by what the prompt adds to each choice's log-likelihood; None where it was not asked for.
    """

    id: str
    split: str
    fact: str
    ways: tuple[str, str, str, str, str]
    correct: float
    correct_norm: float
    chance: float
    labels: Mapping[str, str]
    question: str
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    scores: tuple[float, ...]
    premises: int = 0
    correct_pmi: float | None = None


def read_samples(folder: Path, pool: Pool | None = None) -> list[Item]:
    """Read every ``samples_*.jsonl`` under a folder.

    Args:
        folder: Of a cell, or of an evaluation.
        pool: What items of other folders hold, too.

    Raises:
        UsageError: There is none, or a sample is not of one of our tasks.
    """
    files = sorted(folder.rglob("samples_*.jsonl"))
    if not files:
        raise UsageError(f"{folder}: no samples_*.jsonl there")
    return [item_of(sample, file, pool) for file in files for sample in read_jsonl(file)]


def item_of(sample: Mapping[str, Any], place: str | Path, pool: Pool | None = None) -> Item:
    """Return the item of one line of a sample file.

    Names that tables show are fit for a terminal: what cannot be printed is escaped.

    Raises:
        UsageError: It is not of one of our tasks, or a score is no number.
    """
    pool = {} if pool is None else pool
    try:
        doc = sample["doc"]
        written = "exact_match" in sample
        correct = _once(pool, float(sample["exact_match" if written else "acc"]))
        fact = str(doc["clusters"]["fact"])
        labels = {cut(key): cut(str(value)) for key, value in doc["labels"].items() if value is not None}
        item = Item(
            id=_once(pool, str(doc["id"])),
            split=_once(pool, cut(str(doc["split"]))),
            fact=_once(pool, fact),
            ways=_once(pool, _ways(doc, fact)),
            correct=correct,
            correct_norm=correct if written else _once(pool, float(sample["acc_norm"])),
            chance=0.0 if written and "options" not in doc else _once(pool, float(doc["chance"])),
            labels=pool.setdefault(tuple(labels.items()), labels),
            question=_once(pool, str(doc["question"])),
            choices=_once(pool, tuple(map(str, doc["choices"]))),
            gold=_once(pool, tuple(map(int, doc["gold"]))),
            # Behind them stand those of the bare prompt, where it was asked.
            scores=()
            if written
            else tuple(float(score) for score, _ in sample["filtered_resps"][: len(doc["choices"])]),
            premises=len(doc.get("proof") or ()),
            correct_pmi=float(sample["acc_pmi"]) if "acc_pmi" in sample else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UsageError(f"{place}: not a sample of an icl_ft task: {shown(error)}") from error
    _check_finite(item, place)
    return item


def _check_finite(item: Item, place: str | Path) -> None:
    """Refuse what no table can count: of choices scored NaN lm-eval takes the first, which says nothing of the model."""
    scores = [("log-likelihood", score) for score in item.scores]
    for name, value in (
        ("score", item.correct),
        ("score", item.correct_norm),
        ("score", item.correct_pmi or 0),
        *scores,
    ):
        if not isfinite(value):
            raise UsageError(
                f"{place}: question {shown(item.id)}: its {name} is {value}, no number: the model broke down (float16 that "
                "overflowed, a training that diverged); score it again, in bfloat16 or float32, or remove the file"
            )


def _once(pool: Pool, value: Value) -> Value:
    held: Value = pool.setdefault(value, value)
    return held


def _ways(doc: Doc, fact: str) -> tuple[str, str, str, str, str]:
    clusters = doc["clusters"]
    named = [str(clusters.get(key) or fact) for key in ("first", "last")]
    block = str(doc.get("block") or clusters.get("block") or fact)
    return fact, named[0], named[1], block, str(clusters.get("rules") or fact)


def archived(file: Path) -> dict[str, tuple[Item, ...]]:
    """Read the table of ``export.write_table``: the questions of each cell, in the order in which they stood.

    Raises:
        UsageError: The file cannot be read, or is not such a table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, list[Item]] = {}
    try:
        for row in pq.read_table(file).to_pylist():
            values: dict[str, Any] = {key: row[key] for key in _PLAIN}
            values |= {key: tuple(row[key]) for key in ("choices", "gold", "scores")}
            values["ways"] = (row["fact"], row["first"], row["last"], row["block"], row["rules"])
            values |= {"labels": json.loads(row["labels"]), "correct_pmi": row.get("correct_pmi")}
            item = Item(**values)
            found.setdefault(row["cell"], []).append(item)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file}: not the table of a study: {shown(error)}") from error
    return {key: tuple(items) for key, items in found.items()}
