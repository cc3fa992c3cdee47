"""Reads results that others made: folders of ``lm_eval --output_path DIR --log_samples``.

Any number of models under any number of folders::

    DIR/my__model/results_2026-11-22T21-31-32.577590.json
    DIR/my__model/samples_icl_ft_reversal_icl_2026-11-22T21-31-32.577590.jsonl

Where a task was run more than once for a world, the newest run counts; one of a part of the questions (``--limit``) only where there
is no whole one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.files import read_json, read_jsonl
from icl_ft_plugin.paths import PLAIN, called
from icl_ft_plugin.report.store.items import Item, item_of

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
        limit: What ``lm_eval --limit`` was; empty where all questions were asked.
        stamp: When the file was written, as in its name.
        items: Its questions.
    """

    model: str
    family: str
    config: str
    world: int
    condition: str
    written: str
    limit: str
    stamp: str
    items: tuple[Item, ...]

    @property
    def weight(self) -> tuple[bool, str]:
        """What counts more is larger: a whole run, then the newer one."""
        return not self.limit, self.stamp

    @property
    def split(self) -> str:
        """The split, and how it was answered where that was not by choosing."""
        return f"{self.items[0].split} ({self.written})" if self.written else self.items[0].split


def read_results(folders: Sequence[Path]) -> list[Scored]:
    """Read all our tasks' samples under some folders; other tasks' are left alone.

    Raises:
        UsageError: None is there, or one is not complete.
    """
    newest: dict[tuple[str, str, str, int, str, str], Scored] = {}
    for folder in folders:
        for file in sorted(folder.rglob("samples_icl_ft_*.jsonl")):
            for scored in _read(file):
                key = (scored.model, scored.family, scored.config, scored.world, scored.condition, scored.split)
                if key not in newest or newest[key].weight < scored.weight:
                    newest[key] = scored
    if not newest:
        named = ", ".join(map(str, folders))
        raise UsageError(f"{named}: no samples_icl_ft_*.jsonl there; run lm_eval with --output_path and --log_samples")
    return _shortened(list(newest.values()))


def _read(file: Path) -> list[Scored]:
    task, _, stamp = file.stem.removeprefix("samples_").rpartition("_")
    condition = task.rpartition("_")[2]
    if condition not in CONDITIONS:
        raise UsageError(f"{file}: {task!r} ends in none of {', '.join(CONDITIONS)}")
    model, limit = _run(file, stamp)
    by_world: dict[tuple[str, str], list[Item]] = {}  # a task on own documents asks several splits
    written = ""
    for sample in read_jsonl(file):
        try:
            key = str(sample["doc"]["world"]), str(sample["doc"]["split"])
        except (KeyError, TypeError) as error:
            raise UsageError(f"{file}: not a sample of an icl_ft task: {shown(error)}") from error
        if "exact_match" in sample:
            written = "written, options shown" if "options" in sample["doc"] else "written"
        by_world.setdefault(key, []).append(item_of(sample, file))
    return [
        _scored(world, file, condition, model=model, written=written, limit=limit, stamp=stamp, items=tuple(items))
        for (world, _), items in by_world.items()
    ]


def _scored(
    world: str, file: Path, condition: str, *, model: str, written: str, limit: str, stamp: str, items: tuple[Item, ...]
) -> Scored:
    try:
        spec = json.loads(world)
        text = json.dumps(spec["config"], sort_keys=True)
        copies = int(spec["context_copies"])
        if condition == "icl" and copies != 1:
            condition = f"icl, {copies or 'all'} documents per fact"
        usual = "instruct" if written else PLAIN
        if (prompt := str(spec.get("prompt", PLAIN))) != usual:
            condition += f", prompt {cut(prompt)}"
        seed, family = int(spec["seed"]), cut(str(spec["family"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UsageError(f"{file}: its world is not one of ours: {shown(error)}") from error
    return Scored(model, family, cut(text, 1000), seed, condition, written, limit, stamp, items)


def _run(file: Path, stamp: str) -> tuple[str, str]:
    """Return the model's name and the limit from the results beside the samples; the folder's name where they are missing."""
    results = file.with_name(f"results_{stamp}.json")
    if not results.is_file():
        return cut(file.parent.name), ""
    data = read_json(results)
    try:
        config = data.get("config") or {}
        arguments = config.get("model_args") or {}
        adapter = arguments.get("peft") if isinstance(arguments, dict) else None
        base = called(str(arguments.get("pretrained", ""))) if isinstance(arguments, dict) else ""
        name = f"{base} + {called(adapter)}" if adapter else called(str(data["model_name"]))
        name += ", chat template" if data.get("chat_template") else ""
        limit = config.get("limit")
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{results}: not a results file of lm-eval: {shown(error)}") from error
    return cut(name), "" if limit is None else cut(str(limit))


def _shortened(results: Sequence[Scored]) -> list[Scored]:
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
