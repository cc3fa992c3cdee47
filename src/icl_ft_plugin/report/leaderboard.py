"""Models ranked on results that others made: folders of ``lm_eval --output_path DIR --log_samples``.

Any number of models under any number of folders::

    DIR/my__model/results_2026-11-22T21-31-32.577590.json
    DIR/my__model/samples_icl_ft_reversal_icl_2026-11-22T21-31-32.577590.jsonl

A line of the table is one model on one split of a family under one condition. ``contamination`` says whether the model,
untouched and with a bare question, is above chance: then it knew the answers, or guesses better than it should, before
it read anything. Where a task was run more than once for a world, the newest run counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.report.read import Item, item_of
from icl_ft_plugin.report.stats.accuracy import clustered_accuracy
from icl_ft_plugin.report.stats.compare import compare, holm
from icl_ft_plugin.report.stats.grids import stacked

CONDITIONS = ("closed", "icl")


@dataclass(frozen=True, slots=True)
class Scored:
    """One task of one model on one world.

    Attributes:
        model: As lm-eval named it.
        family: Dataset family.
        config: Its knobs as JSON; other knobs make another dataset.
        world: World seed.
        condition: ``"closed"``, ``"icl"`` or, with more than one document per fact, ``"icl, 2 documents per fact"``; with
            the prompt, where it is not the usual one: ``"closed, prompt quiz"``.
        written: ``""`` where answers were chosen, ``"written"``, or ``"written, options shown"``.
        stamp: When the file was written, as in its name.
        items: Its questions.
    """

    model: str
    family: str
    config: str
    world: int
    condition: str
    written: str
    stamp: str
    items: tuple[Item, ...]


def read_results(folders: Sequence[Path]) -> list[Scored]:
    """Read all our tasks' samples under some folders; other tasks' are left alone.

    Raises:
        UsageError: None is there, or one is not complete.
    """
    newest: dict[tuple[Any, ...], Scored] = {}
    for folder in folders:
        for file in sorted(folder.rglob("samples_icl_ft_*.jsonl")):
            for scored in _read(file):
                of = (scored.model, scored.family, scored.config, scored.world)
                key = (*of, scored.condition, scored.written, scored.items[0].split)
                if key not in newest or newest[key].stamp < scored.stamp:
                    newest[key] = scored
    if not newest:
        named = ", ".join(map(str, folders))
        raise UsageError(f"{named}: no samples_icl_ft_*.jsonl there; run lm_eval with --output_path and --log_samples")
    return list(newest.values())


def _read(file: Path) -> list[Scored]:
    task, _, stamp = file.stem.removeprefix("samples_").rpartition("_")
    condition = task.rpartition("_")[2]
    if condition not in CONDITIONS:
        raise UsageError(f"{file}: {task!r} ends in none of {', '.join(CONDITIONS)}")
    model = _model(file, stamp)
    by_world: dict[tuple[str, str], list[Item]] = {}  # a task on own documents asks several splits
    written = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            sample = json.loads(line)
            key = str(sample["doc"]["world"]), str(sample["doc"]["split"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file}: not a sample of an icl_ft task: {error!r}") from error
        if "exact_match" in sample:
            written = "written, options shown" if "options" in sample["doc"] else "written"
        by_world.setdefault(key, []).append(item_of(sample, file))
    return [_scored(model, condition, written, stamp, world, items, file) for (world, _), items in by_world.items()]


def _scored(model: str, condition: str, written: str, stamp: str, world: str, items: list[Item], file: Path) -> Scored:
    try:
        spec = json.loads(world)
        text = json.dumps(spec["config"], sort_keys=True)
        copies = int(spec["context_copies"])
        if condition == "icl" and copies != 1:
            condition = f"icl, {copies or 'all'} documents per fact"
        usual = "instruct" if written else PLAIN
        if (prompt := str(spec.get("prompt", PLAIN))) != usual:
            condition += f", prompt {prompt}"
        return Scored(model, spec["family"], text, int(spec["seed"]), condition, written, stamp, tuple(items))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: its world is not one of ours: {error!r}") from error


def _model(file: Path, stamp: str) -> str:
    """Return the model's name from the results beside the samples; the folder's name where they are missing."""
    results = file.with_name(f"results_{stamp}.json")
    if not results.is_file():
        return file.parent.name
    try:
        data = json.loads(results.read_text(encoding="utf-8"))
        arguments = data.get("config", {}).get("model_args") or {}
        adapter = arguments.get("peft") if isinstance(arguments, dict) else None
        name = f"{arguments.get('pretrained', '')} + {adapter}" if adapter else str(data["model_name"])
        name += ", chat template" if data.get("chat_template") else ""
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{results}: not a results file of lm-eval: {error!r}") from error
    return name


def rank(results: Iterable[Scored]) -> list[dict[str, Any]]:
    """Rank the models per family, split and condition.

    Args:
        results: What ``read_results`` returned.

    Returns:
        One record per model, split and condition, best first: ``family``, ``config``, ``condition``, ``split``, ``rank``,
        ``model``, ``n``, ``facts``, ``accuracy``, ``low``, ``high``, ``chance``, ``against_chance``, ``contamination``
        (``"none seen"``, ``"above chance"`` or ``"not run"``), ``p_best``: of the difference to the first of the list on
        the questions both were asked, paired, clustered by fact, Holm-corrected over the list; None for the first.
    """
    lists: dict[tuple[str, str, str, str, str], dict[str, list[Scored]]] = {}
    for scored in results:
        key = (scored.family, scored.config, scored.items[0].split, scored.condition, scored.written)
        lists.setdefault(key, {}).setdefault(scored.model, []).append(scored)
    closed = {
        (family, config, split, model): _record(several)["against_chance"]
        for (family, config, split, condition, written), models in lists.items()
        if condition == "closed" and not written
        for model, several in models.items()
    }
    ranked = []
    for (family, config, split, condition, written), models in sorted(lists.items()):
        name = f"{split} ({written})" if written else split
        about = {"family": family, "config": config, "split": name, "condition": condition}
        for record in _ranked(models):
            seen = closed.get((family, config, split, record["model"]))
            contamination = {"above": "above chance", None: "not run"}.get(seen, "none seen")
            ranked.append({**about, **record, "contamination": contamination})
    return ranked


def _record(several: Sequence[Scored]) -> dict[str, Any]:
    pairs = [(scored.world, item) for scored in several for item in scored.items]
    estimate = clustered_accuracy([i.correct for _, i in pairs], [(world, i.fact) for world, i in pairs])
    chance = sum(item.chance for _, item in pairs) / len(pairs)
    return {
        "n": estimate.n,
        "facts": estimate.clusters,
        "worlds": len(several),
        "accuracy": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "chance": chance,
        "against_chance": estimate.against(chance),
    }


def _ranked(models: dict[str, list[Scored]]) -> list[dict[str, Any]]:
    """Return the records of one list, best first."""
    records = [{"model": model, **_record(several)} for model, several in models.items()]
    records.sort(key=lambda record: (-record["accuracy"], record["model"]))
    best, *others = (record["model"] for record in records)
    p_values = [_p(models[best], models[other]) for other in others]
    corrected = [None if p != p else p for p in holm(p_values)]
    return [
        {"rank": place, **record, "p_best": p}
        for place, (record, p) in enumerate(zip(records, [None, *corrected], strict=True), start=1)
    ]


def _p(first: Sequence[Scored], second: Sequence[Scored]) -> float:
    """Return the p-value of the difference between two models on the questions that both were asked."""
    pairs = stacked({s.world: s.items for s in first}, {s.world: s.items for s in second})
    if not pairs:
        return float("nan")
    return compare({w: a for w, (a, _) in pairs.items()}, {w: b for w, (_, b) in pairs.items()}).p


def shortened(results: Sequence[Scored]) -> list[Scored]:
    """Give models that are named by a path the shortest end of it that tells them apart."""
    names = sorted({scored.model for scored in results})
    short = {}
    for name in names:
        parts = name.split("/")
        ends = ("/".join(parts[-k:]) for k in range(1, len(parts) + 1))
        short[name] = next(
            (end for end in ends if end and sum(other == end or other.endswith(f"/{end}") for other in names) == 1),
            name,
        )
    return [replace(scored, model=short[scored.model]) for scored in results]
