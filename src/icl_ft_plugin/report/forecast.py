"""What a study will be able to tell, before it is run: power and the smallest detectable effect of each primary claim.

A line of ``icl-ft study demo --dry-run``, for example::

    nano, reversal, reversal: icl beats ft   3 worlds x 1 runs x 20 facts   26%   60%   96%   27 points

How much accuracies vary is measured: ``spreads.yaml`` says on what, and a study's own folder (``--rates``) goes before it. An arm that was
not measured in a family counts as the worst that was, trained or not, answering half its questions. Per arm, what moves both
arms of a world alike is counted for each of them, so that power is rather a little higher than said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from math import sqrt
from pathlib import Path
from statistics import fmean

import yaml

from icl_ft_plugin.families import named
from icl_ft_plugin.families.family import Claim
from icl_ft_plugin.report.stats.components import Components
from icl_ft_plugin.report.stats.power import LEVEL, POWER, Size, Spread, detectable, needed, power, standard_error
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table_rows import Rows
from icl_ft_plugin.report.verdicts import EQUALITIES, MARGIN
from icl_ft_plugin.schema import World

EFFECTS = (0.1, 0.2, 0.4)
UNTRAINED = ("pretrained", "icl")
COIN = 0.5  # standard deviation of an answer that is right every other time: none is larger
HEADER = ["primary claim", "size", *(f"power at {100 * effect:.0f} points" for effect in EFFECTS), "detectable"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One model on one entry of worlds, as a study plans it.

    Attributes:
        name: Model and worlds, as tables call them.
        family: Dataset family.
        worlds: Number of worlds.
        runs: Training runs of a trained arm in each of them.
        facts: By split, the facts that a world asks about.
        arms: What is run.
        orders: Orders of the documents in the prompt of an arm that is not trained.
    """

    name: str
    family: str
    worlds: int
    runs: int
    facts: Mapping[str, int]
    arms: frozenset[str]
    orders: int = 1


@dataclass(frozen=True, slots=True)
class Spreads:
    """How much accuracies vary, by family, split and arm."""

    measured: Mapping[tuple[str, str, str], Spread]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Spreads:
        """Return what ships, and what studies' folders say that comes before it."""
        shipped = yaml.safe_load((files("icl_ft_plugin.report") / "spreads.yaml").read_text(encoding="utf-8"))
        found: dict[tuple[str, str, str], Spread] = {}
        for folder in folders:
            for block in build_blocks(read_study(folder)):
                for (arm, split), record in block.accuracy.items():
                    if (spread := spread_of(record.variance, str(folder))) is not None:
                        found.setdefault((block.family, split, arm), spread)
        for entry in shipped["spreads"]:
            values = Spread(entry["world"], entry["run"], entry["item"], shipped["source"])
            found.setdefault((entry["family"], entry["split"], entry["arm"]), values)
        return cls(found)

    def find(self, family: str, split: str, arm: str) -> Spread:
        """Return what is known of an arm: of all splits together, for few worlds tell little of one; else the worst of its kind."""
        own = {
            of: spread for (name, of, named_arm), spread in self.measured.items() if (name, named_arm) == (family, arm)
        }
        if own:
            world, run = (
                sqrt(fmean(sd**2 for sd in sds)) for sds in zip(*((s.world, s.run) for s in own.values()), strict=True)
            )
            nearest = own.get(split) or max(own.values(), key=lambda spread: spread.item)
            return Spread(world, run, nearest.item, nearest.source)
        kind = [spread for (_, _, of), spread in self.measured.items() if (of in UNTRAINED) == (arm in UNTRAINED)]
        worst = max(kind, key=lambda spread: spread.world**2 + spread.run**2)
        return Spread(max(s.world for s in kind), max(s.run for s in kind), COIN, worst.source)


def spread_of(variance: Components, source: str) -> Spread | None:
    """Return the standard deviations of an arm; None where one world, or a trained arm's single run, cannot tell them."""
    if variance.world is None:
        return None
    item = sqrt(variance.item + (variance.rest or 0.0))
    return Spread(sqrt(variance.world), sqrt(variance.run or 0.0), item, source)


def forecast(planned: Iterable[Planned], spreads: Spreads) -> Rows:
    """Return as text, header first, the power of every primary claim whose arms are run."""
    rows = [HEADER]
    for entry in planned:
        claims = _claims(entry)
        for split, claim in claims:
            size = Size(entry.worlds, entry.runs, entry.facts[split])
            name = f"{entry.name}, {split}: {claim.arm} {claim.text}"
            shape = f"{size.worlds} worlds x {size.runs} runs x {size.questions} facts"
            if size.worlds < 3:
                rows.append([name, shape, *["not tested"] * len(EFFECTS), "three worlds test it"])
                continue
            error, level = standard_error(*_spreads(entry, split, claim, spreads), size), LEVEL / len(claims)
            told = [
                f"{100 * power(_beyond(claim, effect), error, size.worlds, level=level):.0f}%" for effect in EFFECTS
            ]
            least = detectable(error, size.worlds - 1, level=level)
            rows.append([name, shape, *told, f"{100 * (least - _beyond(claim, 0.0)):.0f} points"])
    return rows


def sizes_needed(planned: Iterable[Planned], spreads: Spreads, effect: float, chance: float) -> Rows:
    """Return as text, header first, the smallest study that tells each primary claim.

    Args:
        planned: The study.
        spreads: How much accuracies vary.
        effect: True difference, or distance from the level, as a share.
        chance: Wanted power.
    """
    rows = [["primary claim", "worlds", "training runs", "facts as planned"]]
    for entry in planned:
        claims = _claims(entry)
        for split, claim in claims:
            first, second = _spreads(entry, split, claim, spreads)
            size = needed(
                _beyond(claim, effect), first, second, entry.facts[split], chance=chance, level=LEVEL / len(claims)
            )
            found = [str(size.worlds), str(size.runs)] if size else ["more than 40", "more than 10"]
            rows.append([f"{entry.name}, {split}: {claim.arm} {claim.text}", *found, str(entry.facts[split])])
    return rows


def notes(planned: Sequence[Planned], spreads: Spreads) -> list[str]:
    """Say what the numbers rest on."""
    used = {
        spread.source
        for entry in planned
        for split, claim in _claims(entry)
        for spread in _spreads(entry, split, claim, spreads)
        if spread
    }
    return [
        "One-sided tests at 5%, shared out over the primary claims of a model's worlds; detectable: found four times in five "
        f"({100 * POWER:.0f}%). Of a claim that arms are alike within {100 * MARGIN:.0f} points, the effect counts beyond the margin.",
        *(f"How much accuracies vary is from {source}." for source in sorted(used)),
    ]


def _claims(entry: Planned) -> list[tuple[str, Claim]]:
    return [
        (split, claim)
        for split, asked in named(entry.family).splits.items()
        if split in entry.facts
        for claim in asked.claims
        if claim.primary and {claim.arm, claim.than or claim.arm} <= entry.arms
    ]


def _spreads(entry: Planned, split: str, claim: Claim, spreads: Spreads) -> tuple[Spread, Spread | None]:
    first, second = (spreads.find(entry.family, split, arm) if arm else None for arm in (claim.arm, claim.than))
    assert first
    return _settled(first, claim.arm, entry.orders), second and _settled(second, claim.than, entry.orders)


def _settled(spread: Spread, arm: str, orders: int) -> Spread:
    """Return the spread of an arm whose runs are so many orders of its prompt, whatever the number of trainings."""
    if arm not in UNTRAINED:
        return spread
    return replace(spread, world=sqrt(spread.world**2 + spread.run**2 / orders), run=0.0)


def _beyond(claim: Claim, effect: float) -> float:
    """Return how far the truth lies from what the test must exclude."""
    return effect + MARGIN if claim.kind in EQUALITIES else effect


def plan_entry(
    name: str,
    family: str,
    worlds: Iterable[World],
    runs: Iterable[int | None],
    arms: Iterable[str],
    orders: Iterable[int | None] = (),
) -> Planned:
    """Return what a study plans of one model and entry of worlds.

    Args:
        name: Model and worlds, as tables call them.
        family: Dataset family.
        worlds: The generated worlds.
        runs: Training seeds of the cells; None for untrained ones.
        arms: Arms of the cells.
        orders: Context seeds of the cells; None where none plays.
    """
    listed = list(worlds)
    facts: dict[str, list[int]] = {}
    for world in listed:
        for split in world.splits:
            asked = {question.clusters["fact"] for question in world.questions if question.split == split}
            facts.setdefault(split, []).append(len(asked))
    seeds = {seed for seed in runs if seed is not None}
    drawn = {seed for seed in orders if seed is not None}
    least = {split: min(counts) for split, counts in facts.items()}
    return Planned(name, family, len(listed), max(1, len(seeds)), least, frozenset(arms), max(1, len(drawn)))
