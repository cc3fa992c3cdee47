"""Reads what a study's folder holds: its plan, and the labels, costs and scored questions of each complete cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, cut
from icl_ft_plugin.files import damage, read_json, read_jsonl
from icl_ft_plugin.report.items import Item, read_samples


class Record(BaseModel):
    """A part of a file; keys of other versions do not disturb it."""

    model_config = ConfigDict(frozen=True)


class Labels(Record):
    """What tables call a cell; what cannot be printed is escaped.

    Attributes:
        model: Label of the base model.
        worlds: Label of the study's entry of worlds.
        family: Dataset family.
        world_seed: The world's seed.
        arm: The way of learning.
        training_seed: None for an untrained arm.
        splits: Splits it was asked.
        hyperparameters: The study's entry that the recipe follows; None where there is none.
        scale: Where the worlds and the arm stand on each scale of the study.
    """

    model: str
    worlds: str
    family: str
    world_seed: int
    arm: str
    training_seed: int | None = None
    splits: tuple[str, ...]
    hyperparameters: str | None = None
    scale: Mapping[str, float] = {}


class Training(Record):
    """What a training run took.

    Attributes:
        tokens: Tokens seen.
        steps: Gradient steps.
        losses: Pairs of step and loss in nats per target token.
    """

    tokens: int
    steps: int
    losses: tuple[tuple[int, float], ...] = ()


class Writing(Record):
    """What a model read and wrote to augment a cell's documents."""

    prompt_tokens: int | None = None
    generated_tokens: int | None = None


class Retrieved(Record):
    """Where the documents of a prompt were chosen per question: by what, how many, and whether the evidence was there."""

    by: str
    least: int
    most: int
    mean: float
    documents: int
    context_tokens: int | None = None
    evidence_whole: int = 0
    with_evidence: int = 0


class Evaluation(Record):
    """What was asked."""

    questions: int
    prompt_tokens: int | None
    retrieved: Retrieved | None = None


class Ledger(Record):
    """What a cell took; ``training`` is None where nothing was trained."""

    training: Training | None = None
    augmentation: Mapping[str, Writing] | None = None
    evaluation: Evaluation

    @property
    def augmentation_tokens(self) -> int:
        """Tokens that a model read and wrote to augment the documents."""
        writings = (self.augmentation or {}).values()
        return sum((each.prompt_tokens or 0) + (each.generated_tokens or 0) for each in writings)


class Again(Record):
    """A question that a trained model was asked before its training, too (``retention``).

    Attributes:
        task: What it belongs to: ``"reading"``, or a task of lm-eval.
        id: Its name, unique among those of the cell.
        ways: As those of an item.
        chance: What a uniform guesser gets; None where it is not known.
        before: The score of the base model.
        after: That of the trained one.
    """

    task: str
    id: str
    ways: tuple[str, str, str, str, str]
    chance: float | None = None
    before: float
    after: float


class Inferred(Record):
    """Of how many facts in a hundred the corpus has inferences, and the questions that take none but these."""

    percent: int
    with_: frozenset[str] = Field(alias="with")


@dataclass(frozen=True, slots=True)
class ScoredCell:
    """A complete cell.

    Attributes:
        labels: What tables call it.
        ledger: What it took.
        items: Its scored questions.
        folder: Where it lies.
        again: What it was asked before its training, too.
        inferred: Of which facts its corpus has inferences; None: of all, or of none.
    """

    labels: Labels
    ledger: Ledger
    items: tuple[Item, ...]
    folder: Path
    again: tuple[Again, ...] = ()
    inferred: Inferred | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A study as far as it has come.

    Attributes:
        name: From the study file.
        version: Of the package that ran it.
        planned: Number of cells in the plan.
        cells: The complete ones, in the plan's order.
        folder: Where it lies.
        damaged: What of it is not as it was written; such cells are none of ``cells``.
    """

    name: str
    version: str
    planned: int
    cells: tuple[ScoredCell, ...]
    folder: Path
    damaged: tuple[str, ...] = ()


def together(study: Study) -> dict[tuple[str, str], list[ScoredCell]]:
    """Return the cells that stand in tables together, by the labels of their model and worlds.

    Each entry of a study's hyper-parameters has tables of its own, with the untrained arms in each of them::

        {("nano", "reversal, rate 3e-3"): [pretrained, icl, ft, ...], ("nano", "reversal, rate 1e-3"): [pretrained, ...]}
    """
    groups: dict[tuple[str, str], list[ScoredCell]] = {}
    for cell in study.cells:
        groups.setdefault((cell.labels.model, cell.labels.worlds), []).append(cell)
    found: dict[tuple[str, str], list[ScoredCell]] = {}
    for (model, worlds), cells in groups.items():
        names = dict.fromkeys(name for cell in cells if (name := cell.labels.hyperparameters))
        for name in names or [None]:
            key = (model, f"{worlds}, {name}" if name else worlds)
            found[key] = [cell for cell in cells if cell.labels.hyperparameters in (None, name)]
    return found


def read_study(folder: Path) -> Study:
    """Read the complete cells of a study's plan; others that lie in the store are left out.

    Raises:
        UsageError: The folder holds no study, or no complete cell, or a file of it is not what it should be.
    """
    file = folder / "study.json"
    if not file.is_file():
        raise UsageError(f"{folder}: no study there (no study.json)")
    plan = read_json(file)
    try:
        entries = [(entry, folder / "cells" / entry["key"]) for entry in plan["cells"]]
        name, version = cut(str(plan["name"])), cut(str(plan["version"]))
    except (KeyError, TypeError) as error:
        raise UsageError(f"{file}: not the plan of a study: {error!r}") from error
    made = [*(path for _, path in entries if path.is_dir()), *sorted(folder.glob("augmentations/[!.]*"))]
    faults = {path: reason for path in made if (reason := damage(path))}
    cells = tuple(_read_cell(entry, path, file) for entry, path in entries if path.is_dir() and path not in faults)
    damaged = tuple(f"{path}: damaged: {reason}; run the study again" for path, reason in faults.items())
    if not cells:
        whole = f"{folder}: none of the {len(entries)} cells is complete; run the study again"
        raise UsageError("\n".join([whole, *damaged[:2]]))
    return Study(name, version, len(entries), cells, folder, damaged)


def _read_cell(entry: Mapping[str, Any], path: Path, plan: Path) -> ScoredCell:
    ledger = path / "ledger.json"
    try:
        labels = Labels.model_validate(_printable(entry))
        place = ledger
        read = Ledger.model_validate(read_json(ledger))
    except ValidationError as error:
        (first, *_) = error.errors()
        place = ledger if error.title == Ledger.__name__ else plan
        raise UsageError(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    again, inferred = path / "retention.jsonl", path / "inferred.json"
    rows = read_jsonl(again) if again.is_file() else []
    return ScoredCell(
        labels,
        read,
        tuple(read_samples(path)),
        path,
        tuple(parsed(Again, _printable(row), f"{again}, row {n}", strict=False) for n, row in enumerate(rows, start=1)),
        parsed(Inferred, read_json(inferred), str(inferred), strict=False) if inferred.is_file() else None,
    )


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, Mapping):
        return {key: _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value
