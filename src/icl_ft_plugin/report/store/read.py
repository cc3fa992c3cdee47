"""Reads what a study's folder holds: its plan, and the labels, costs and scored questions of each complete cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.files import damage, read_json, read_jsonl
from icl_ft_plugin.report.store.items import ITEMS, Item, Pool, archived, read_samples

CELLS = "cells.jsonl"
"""Of an archive (``archive``): what is told of a cell beside its questions."""


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
        context_seed: Of the order of the documents in its prompt; None where none plays.
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
    context_seed: int | None = None

    @property
    def run(self) -> int | None:
        """The seed that tells the runs of an arm on one world apart: of its training, else of the order of its prompt."""
        return self.context_seed if self.training_seed is None else self.training_seed


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
    """What a model read and wrote to augment a cell's documents, and the hash that begins with the name of its folder."""

    hash: str | None = None
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


class Verbatim(Record):
    """Of one split, the questions, and those of them that stand with their answer in the rows trained on."""

    questions: int
    standing: int


class Ledger(Record):
    """What a cell took; ``training`` is None where nothing was trained, ``verbatim`` also in cells of older versions."""

    training: Training | None = None
    augmentation: Mapping[str, Writing] | None = None
    evaluation: Evaluation
    verbatim: Mapping[str, Verbatim] | None = None

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
    faults: dict[Path, str] = {}
    if (folder / CELLS).is_file():
        held = _archived(folder)
    else:
        made = [*(path for _, path in entries if path.is_dir()), *sorted(folder.glob("augmentations/[!.]*"))]
        faults = {path: reason for path in made if (reason := damage(path))}
        pool: Pool = {}
        held = {path.name: _held(path, pool) for _, path in entries if path.is_dir() and path not in faults}
    cells = tuple(_cell(entry, path, file, held[path.name]) for entry, path in entries if path.name in held)
    damaged = tuple(f"{path}: damaged: {reason}; run the study again" for path, reason in faults.items())
    if not cells:
        whole = f"{folder}: none of the {len(entries)} cells is complete; run the study again"
        raise UsageError("\n".join([whole, *damaged[:2]]))
    return Study(name, version, len(entries), cells, folder, damaged)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the files of a cell hold, and which one its ledger stands in."""

    place: str
    ledger: object
    items: tuple[Item, ...]
    again: Sequence[object]
    inferred: object


def _held(path: Path, pool: Pool) -> _Held:
    again, inferred = path / "retention.jsonl", path / "inferred.json"
    return _Held(
        f"{path / 'ledger.json'}",
        read_json(path / "ledger.json"),
        tuple(read_samples(path, pool)),
        read_jsonl(again) if again.is_file() else (),
        read_json(inferred) if inferred.is_file() else None,
    )


def _archived(folder: Path) -> dict[str, _Held]:
    """Return what the cells of an archive hold, by their keys."""
    file, items = folder / CELLS, archived(folder / ITEMS)
    held = {}
    for number, row in enumerate(read_jsonl(file), start=1):
        place = f"{file}, row {number}"
        try:
            held[row["key"]] = _Held(place, row["ledger"], items[row["key"]], row["again"], row["inferred"])
        except (KeyError, TypeError) as error:
            raise UsageError(f"{place}: not a cell of the archive of a study: {error!r}") from error
    return held


def _cell(entry: Mapping[str, object], path: Path, plan: Path, held: _Held) -> ScoredCell:
    again = [(row, f"{held.place}: retention, row {n}") for n, row in enumerate(held.again, start=1)]
    labels = parsed(Labels, _printable(entry), f"{plan}", strict=False)
    if others := {item.split for item in held.items} - set(labels.splits):
        raise UsageError(f"{path}: a sample is of split {shown(min(others))}, which the cell was not asked")
    return ScoredCell(
        labels,
        parsed(Ledger, held.ledger, held.place, strict=False),
        held.items,
        path,
        tuple(parsed(Again, _printable(row), place, strict=False) for row, place in again),
        None if held.inferred is None else parsed(Inferred, held.inferred, f"{held.place}: inferred", strict=False),
    )


def _printable(value: object) -> object:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, Mapping):
        return {key: _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value
