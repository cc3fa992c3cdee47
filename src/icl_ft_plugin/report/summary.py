"""The numbers of a study: one record per arm and split, and what each arm cost.

For example ``{"model": "nano", "worlds": "reversal", "arm": "ft", "split": "reversal", "n": 60, "facts": 20,
"accuracy": 0.217, "low": 0.092, "high": 0.43, "chance": 0.5, "against_chance": "below", ...}``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from icl_ft_plugin.report.items import Item, ScoredCell, Study
from icl_ft_plugin.report.statistics import clustered_accuracy

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one model on the worlds of one entry of the study.

    Attributes:
        model: Label of the model.
        worlds: Label of the worlds.
        splits: Columns, in the order of the world.
        arms: Rows, in the study's order.
        accuracy: One record per arm and split.
        compute: One record per arm.
    """

    model: str
    worlds: str
    splits: list[str]
    arms: list[str]
    accuracy: dict[tuple[str, str], dict[str, Any]]
    compute: dict[str, dict[str, Any]]


def build_blocks(study: Study) -> list[Block]:
    """Compute all numbers of the table from a study's scored cells."""
    groups = _group(study.cells, lambda cell: (cell.labels["model"], cell.labels["worlds"]))
    return [_block(model, worlds, cells) for (model, worlds), cells in groups.items()]


def _block(model: str, worlds: str, cells: list[ScoredCell]) -> Block:
    by_arm = _group(cells, lambda cell: str(cell.labels["arm"]))
    splits = list(dict.fromkeys(split for cell in cells for split in cell.labels["splits"]))
    accuracy = {}
    for arm, scored in by_arm.items():
        for split in splits:
            items = [(cell, item) for cell in scored for item in cell.items if item.split == split]
            if items:
                accuracy[arm, split] = {"model": model, "worlds": worlds, "arm": arm, "split": split, **_record(items)}
    compute = {
        arm: {"model": model, "worlds": worlds, "arm": arm, **_compute(scored)} for arm, scored in by_arm.items()
    }
    return Block(model, worlds, splits, list(by_arm), accuracy, compute)


def _record(items: Sequence[tuple[ScoredCell, Item]]) -> dict[str, Any]:
    """Return the statistics of one arm on one split."""
    estimate = clustered_accuracy([item.correct for _, item in items], [_cluster(*pair) for pair in items])
    chance = sum(item.chance for _, item in items) / len(items)
    return {
        "n": estimate.n,
        "facts": estimate.clusters,
        "accuracy": estimate.mean,
        # JSON knows no NaN.
        "standard_error": None if estimate.clusters < 2 else estimate.standard_error,
        "low": estimate.low,
        "high": estimate.high,
        "chance": chance,
        "against_chance": estimate.against(chance),
        "accuracy_norm": _mean(item.correct_norm for _, item in items),
        "labels": {
            label: _by_label(items, label) for label in sorted({key for _, item in items for key in item.labels})
        },
        "training_seeds": _by_seed(items, "training_seed"),
        "world_seeds": _by_seed(items, "world_seed"),
    }


def _by_label(items: Sequence[tuple[ScoredCell, Item]], label: str) -> dict[str, dict[str, float]]:
    groups = _group([item for _, item in items if label in item.labels], lambda item: item.labels[label])
    return {value: {"n": len(g), "accuracy": _mean(i.correct for i in g)} for value, g in sorted(groups.items())}


def _by_seed(items: Sequence[tuple[ScoredCell, Item]], key: str) -> dict[str, float]:
    groups = _group([pair for pair in items if pair[0].labels[key] is not None], lambda pair: pair[0].labels[key])
    return {str(seed): _mean(item.correct for _, item in group) for seed, group in sorted(groups.items())}


def _cluster(cell: ScoredCell, item: Item) -> Hashable:
    """A fact of one world: asked again under another training seed it is the same fact."""
    return cell.labels["world_seed"], item.fact


def _compute(cells: list[ScoredCell]) -> dict[str, Any]:
    training = [cell.ledger["training"] for cell in cells if cell.ledger["training"]]
    questions = sum(cell.ledger["evaluation"]["questions"] for cell in cells)
    return {
        "training_runs": len(training),
        "training_tokens": round(_mean(run["tokens"] for run in training)) if training else 0,
        "steps": round(_mean(run["steps"] for run in training)) if training else 0,
        "prompt_tokens": round(sum(cell.ledger["evaluation"]["prompt_tokens"] for cell in cells) / questions),
    }


def _group(values: Iterable[Value], key: Callable[[Value], Any]) -> dict[Any, list[Value]]:
    groups: dict[Any, list[Value]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return dict(groups)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
