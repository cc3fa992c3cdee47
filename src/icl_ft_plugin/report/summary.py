"""The numbers of a study: one record per arm and split, what each arm cost, and how the arms compare.

For example ``{"model": "nano", "worlds": "reversal", "arm": "ft", "split": "reversal", "n": 60, "facts": 20,
"accuracy": 0.217, "low": 0.092, "high": 0.43, "chance": 0.5, "against_chance": "below", ...}``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import isfinite
from typing import Any, TypeVar

from icl_ft_plugin.report.orderings import judge
from icl_ft_plugin.report.read import Item, ScoredCell, Study, together
from icl_ft_plugin.report.stats.accuracy import Estimate, clustered_accuracy
from icl_ft_plugin.report.stats.compare import Comparison, compare, holm
from icl_ft_plugin.report.stats.gap import gap_closed
from icl_ft_plugin.report.stats.grids import Arms, grids_of
from icl_ft_plugin.report.stats.spread import Grid, split_variance, widened

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one model on the worlds of one entry of the study.

    Attributes:
        model: Label of the model.
        worlds: Label of the worlds.
        family: Their dataset family.
        splits: Columns, in the order of the world.
        arms: Rows, in the study's order.
        accuracy: One record per arm and split.
        compute: One record per arm.
        comparisons: One record per split and pair of arms, p-values Holm-corrected over all of them.
        gaps: One record per split and arm besides ``ft`` and ``icl``; empty where either was not run.
        orderings: One record per claim of the paper (``orderings``).
    """

    model: str
    worlds: str
    family: str
    splits: list[str]
    arms: list[str]
    accuracy: dict[tuple[str, str], dict[str, Any]]
    compute: dict[str, dict[str, Any]]
    comparisons: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    orderings: list[dict[str, Any]]


def build_blocks(study: Study) -> list[Block]:
    """Compute all numbers of the table from a study's scored cells."""
    return [_block(model, worlds, cells) for (model, worlds), cells in together(study).items()]


def _block(model: str, worlds: str, cells: list[ScoredCell]) -> Block:
    by_arm = _group(cells, lambda cell: str(cell.labels["arm"]))
    splits = list(dict.fromkeys(split for cell in cells for split in cell.labels["splits"]))
    who = {"model": model, "worlds": worlds}
    grids = {split: grids_of(cells, split) for split in splits}
    accuracy, estimates = {}, {}
    for arm, scored in by_arm.items():
        for split in splits:
            items = [(cell, item) for cell in scored for item in cell.items if item.split == split]
            if items:
                record, wide = _record(items, list(grids[split].get(arm, {}).values()))
                accuracy[arm, split] = {**who, "arm": arm, "split": split, **record}
                estimates[arm, split] = (wide, record["chance"])
    pairs = _compare(grids)
    family = str(cells[0].labels["family"])
    return Block(
        **who,
        family=family,
        splits=splits,
        arms=list(by_arm),
        accuracy=accuracy,
        compute={arm: {**who, "arm": arm, **_compute(scored)} for arm, scored in by_arm.items()},
        comparisons=[{**who, **record} for record in _comparison_records(pairs)],
        gaps=[{**who, **record} for record in _gap_records(grids)],
        orderings=[{**who, "family": family, **record} for record in judge(family, estimates, pairs)],
    )


def _compare(grids: dict[str, Arms]) -> dict[tuple[str, str, str], Comparison]:
    """Compare every later arm with every earlier one, by (split, later, earlier)."""
    return {
        (split, later, earlier): compare(arms[later], arms[earlier])
        for split, arms in grids.items()
        for earlier, later in combinations(arms, 2)
        if arms[earlier].keys() & arms[later].keys()
    }


def _comparison_records(pairs: dict[tuple[str, str, str], Comparison]) -> list[dict[str, Any]]:
    corrected = holm([found.p for found in pairs.values()])
    return [
        _plain({"split": split, "arm": arm, "than": than, **asdict(found), "p_holm": p})
        for ((split, arm, than), found), p in zip(pairs.items(), corrected, strict=True)
    ]


def _gap_records(grids: dict[str, Arms]) -> list[dict[str, Any]]:
    return [
        _plain({"split": split, "arm": arm, **asdict(gap_closed(arms[arm], arms["ft"], arms["icl"]))})
        for split, arms in grids.items()
        if "ft" in arms and "icl" in arms
        for arm in arms
        if arm not in ("ft", "icl", "pretrained")
        and "baseline" not in arm
        and arms[arm].keys() & arms["ft"].keys() & arms["icl"].keys()
    ]


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON does not know: NaN and infinity."""
    return {key: None if isinstance(value, float) and not isfinite(value) else value for key, value in record.items()}


def _record(items: Sequence[tuple[ScoredCell, Item]], grids: Sequence[Grid]) -> tuple[dict[str, Any], Estimate]:
    """Return the statistics of one arm on one split, and the estimate that other runs and worlds are allowed for."""
    estimate = clustered_accuracy([item.correct for _, item in items], [_cluster(*pair) for pair in items])
    wide = widened(estimate, grids) if grids else estimate
    chance = sum(item.chance for _, item in items) / len(items)
    record = {
        "n": estimate.n,
        "facts": estimate.clusters,
        "accuracy": estimate.mean,
        # JSON knows no NaN.
        "standard_error": None if estimate.clusters < 2 else estimate.standard_error,
        "low": estimate.low,
        "high": estimate.high,
        "wide_low": wide.low,
        "wide_high": wide.high,
        "chance": chance,
        "against_chance": estimate.against(chance),
        "accuracy_norm": _mean(item.correct_norm for _, item in items),
        "variance": asdict(split_variance(grids)) if grids else {},
        "labels": {
            label: _by_label(items, label) for label in sorted({key for _, item in items for key in item.labels})
        },
        "training_seeds": _by_seed(items, "training_seed"),
        "world_seeds": _by_seed(items, "world_seed"),
    }
    return record, wide


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
    retrieved = [found for cell in cells if (found := cell.ledger["evaluation"].get("retrieved"))]
    return {
        "training_runs": len(training),
        "training_tokens": round(_mean(run["tokens"] for run in training)) if training else 0,
        "augmentation_tokens": round(_mean(_augmentation_tokens(cell.ledger) for cell in cells)),
        "steps": round(_mean(run["steps"] for run in training)) if training else 0,
        "prompt_tokens": round(sum(cell.ledger["evaluation"]["prompt_tokens"] for cell in cells) / questions),
        **({"retrieved": retrieved[0]} if retrieved else {}),
    }


def _augmentation_tokens(ledger: Mapping[str, Any]) -> int:
    """Return the tokens a model read and wrote to augment a cell's documents."""
    return sum(cost["prompt_tokens"] + cost["generated_tokens"] for cost in (ledger.get("augmentation") or {}).values())


def _group(values: Iterable[Value], key: Callable[[Value], Any]) -> dict[Any, list[Value]]:
    groups: dict[Any, list[Value]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return dict(groups)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
