"""The numbers of a study: accuracies, comparisons, gaps closed, joint accuracies and what each arm cost.

``build_blocks(read_study(folder))`` gives one ``Block`` per model and entry of worlds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

import numpy as np

from icl_ft_plugin.families import Family, named
from icl_ft_plugin.report.measures.corrected import corrected
from icl_ft_plugin.report.measures.kept import kept
from icl_ft_plugin.report.measures.matched import matched
from icl_ft_plugin.report.measures.names import is_baseline, joint_name
from icl_ft_plugin.report.measures.partial import parts_of_facts
from icl_ft_plugin.report.measures.verbatim import verbatim
from icl_ft_plugin.report.records import (
    GATE,
    Accuracy,
    Block,
    Compute,
    GapClosed,
    Gate,
    Joint,
    Pair,
    Part,
    number,
)
from icl_ft_plugin.report.stats.components import split_variance
from icl_ft_plugin.report.stats.gap import gap_closed
from icl_ft_plugin.report.stats.mean import Difference, Mean, accuracy, difference, within
from icl_ft_plugin.report.stats.of_items import Arms, Grids, grids_of, joint_grids
from icl_ft_plugin.report.stats.power import detectable
from icl_ft_plugin.report.store.items import Item
from icl_ft_plugin.report.store.read import ScoredCell, Study, together
from icl_ft_plugin.report.verdicts import Evidence, contamination, judge

Value = TypeVar("Value")
Key = TypeVar("Key")
ALONE = 0.05  # level of the test against the best baseline


def build_blocks(study: Study) -> list[Block]:
    """Compute all numbers of the report from a study's scored cells."""
    return [_block(model, worlds, cells) for (model, worlds), cells in together(study).items()]


def _block(model: str, worlds: str, cells: list[ScoredCell]) -> Block:
    by_arm = _group(cells, lambda cell: cell.labels.arm)
    splits = list(dict.fromkeys(split for cell in cells for split in cell.labels.splits))
    family = named(cells[0].labels.family)
    grids = {split: grids_of(cells, split) for split in splits}
    count = len({cell.labels.world_seed for cell in cells})
    pairs = _compare(grids, count)
    means = {(arm, split): _mean_of(of, count) for split, arms in grids.items() for arm, of in arms.items()}
    records = {
        (arm, split): _accuracy(
            arm, split, scored, grids[split][arm], means[arm, split], _baseline(arm, split, means, pairs)
        )
        for arm, scored in by_arm.items()
        for split in splits
        if arm in grids[split]
    }
    gates = _gates(family.learned, records)
    sizes = {split: max(grid.values[..., 0].size * grid.values.shape[-1] for of in arms.values() for grid in of.values())
             for split, arms in grids.items() if arms}  # fmt: skip
    chances = {key: record.chance for key, record in records.items()}
    evidence = Evidence(means, chances, pairs, sizes, frozenset(gate.arm for gate in gates))
    return Block(
        model=model,
        worlds=worlds,
        family=family.name,
        world_count=count,
        splits=splits,
        arms=list(by_arm),
        accuracy=records,
        compute={arm: _compute(arm, scored) for arm, scored in by_arm.items()},
        pairs=[_pair(*names, found) for names, found in [*pairs.items(), *_joint_pairs(cells, family, count)]],
        gaps=_gaps(grids, count),
        joint=_joint(cells, family, count),
        verdicts=judge(family, evidence),
        contamination=contamination(evidence, splits),
        gates=gates,
        parts=parts_of_facts(cells, splits),
        kept=kept(cells),
        matched=matched(cells),
    )


def _mean_of(grids: Grids, worlds: int) -> Mean:
    return accuracy(list(grids.values())).beside(worlds)


def _compare(grids: Mapping[str, Arms], worlds: int) -> dict[tuple[str, str, str], Difference]:
    """Compare every later arm with every earlier one, by (split, later, earlier)."""
    return {
        (split, later, earlier): difference(arms[later], arms[earlier]).beside(worlds)
        for split, arms in grids.items()
        for earlier, later in combinations(arms, 2)
        if arms[earlier].keys() & arms[later].keys()
    }


def _pair(split: str, arm: str, than: str, found: Difference) -> Pair:
    error = float(np.sqrt(found.moments.variance))
    shown = found.tested and error > 0
    return Pair(
        split=split,
        arm=arm,
        than=than,
        questions=found.questions,
        worlds=found.moments.worlds,
        difference=float(found.mean),
        low=number(found.low),
        high=number(found.high),
        why=found.moments.why,
        p=number(found.p) if found.tested else None,
        detectable=detectable(error, found.moments.degrees) if shown else None,
    )


def _baseline(
    arm: str, split: str, means: Mapping[tuple[str, str], Mean], pairs: Mapping[tuple[str, str, str], Difference]
) -> bool | None:
    """Say whether an arm is above the best baseline: by a test where there is one, else by its accuracy."""
    rivals = [other for other, of in means if of == split and is_baseline(other)]
    if is_baseline(arm) or not rivals:
        return None
    best = max(rivals, key=lambda other: float(means[other, split].mean))
    found = pairs.get((split, arm, best)) or (turned.reversed() if (turned := pairs.get((split, best, arm))) else None)
    if found is None:
        return None
    return float(found.p_above()) < ALONE if found.tested else float(found.mean) > 0


def _gates(learned: str | None, records: Mapping[tuple[str, str], Accuracy]) -> list[Gate]:
    """Return the arms that the learned split shows not to have learned, or not to read, what they were told."""
    return [
        Gate(arm, split, record.accuracy)
        for (arm, split), record in records.items()
        if split == learned and arm != "pretrained" and not is_baseline(arm) and record.accuracy < GATE
    ]


def _gaps(grids: Mapping[str, Arms], worlds: int) -> list[GapClosed]:
    found = []
    for split, arms in grids.items():
        if "ft" not in arms or "icl" not in arms:
            continue
        for arm in arms:
            told = arm not in ("ft", "icl", "pretrained") and not is_baseline(arm)
            shared = arms[arm].keys() & arms["ft"].keys() & arms["icl"].keys()
            if told and len(shared) >= min(3, worlds):
                gap = gap_closed(arms[arm], arms["ft"], arms["icl"])
                found.append(GapClosed(split, arm, number(gap.closed), number(gap.low), number(gap.high), gap.reason))
    return found


def _joint(cells: Sequence[ScoredCell], family: Family, worlds: int) -> list[Joint]:
    main, learned, asked = family.main, family.learned, _models(cells)
    if main is None or learned is None or main == learned:
        return []
    found = []
    for arm, grids in joint_grids(asked, main, learned).items():
        known = joint_grids(_models(asked, arm), main, learned, [arm]).get(arm, {})
        right, turned = _mean_of(grids, worlds), _mean_of(known, worlds) if known else None
        found.append(
            Joint(
                arm=arm,
                both=float(right.mean),
                both_low=number(right.low),
                both_high=number(right.high),
                given=float(turned.mean) if turned else None,
                given_low=number(turned.low) if turned else None,
                given_high=number(turned.high) if turned else None,
                given_facts=sum(len(grid.values) for grid in known.values()),
            )
        )
    return found


def _joint_pairs(
    cells: Sequence[ScoredCell], family: Family, worlds: int
) -> list[tuple[tuple[str, str, str], Difference]]:
    """Compare the arms on facts: both questions right; the main one, where every run of both arms has learned the fact."""
    main, learned, asked = family.main, family.learned, _models(cells)
    if main is None or learned is None or main == learned:
        return []
    both = joint_grids(asked, main, learned)
    found = list(_compare({joint_name(main, learned): both}, worlds).items())
    for pair in combinations(both, 2):
        known = joint_grids(_models(asked, *pair), main, learned, pair)
        found += _compare({joint_name(main, learned, given=True): known}, worlds).items()
    return found


def _models(cells: Iterable[ScoredCell], *arms: str) -> list[ScoredCell]:
    """Return the cells that a model answered; of some arms only, where any are named."""
    asked = (cell for cell in cells if not is_baseline(cell.labels.arm))
    return [cell for cell in asked if not arms or cell.labels.arm in arms]


def _accuracy(
    arm: str, split: str, cells: Sequence[ScoredCell], grids: Grids, found: Mean, above_baseline: bool | None
) -> Accuracy:
    items = [(cell, item) for cell in cells for item in cell.items if item.split == split]
    chance = _mean(item.chance for _, item in items)
    narrow = within(list(grids.values()))
    sign = int(found.against(chance))
    return Accuracy(
        arm=arm,
        split=split,
        n=sum(grid.values.size for grid in grids.values()),
        facts=len({(cell.labels.world_seed, item.fact) for cell, item in items}),
        worlds=found.moments.worlds,
        accuracy=float(found.mean),
        low=number(found.low),
        high=number(found.high),
        why=found.moments.why,
        facts_low=number(narrow[0]),
        facts_high=number(narrow[1]),
        chance=chance,
        against_chance=("at", "above", "below")[sign] if found.tested else "not tested",
        above_baseline=above_baseline,
        accuracy_norm=_mean(item.correct_norm for _, item in items),
        variance=split_variance(list(grids.values())),
        labels={
            label: _by_label([item for _, item in items if label in item.labels], label)
            for label in sorted({key for _, item in items for key in item.labels})
        },
        training_seeds=_by_seed(items, lambda cell: cell.labels.training_seed),
        context_seeds=_by_seed(items, lambda cell: cell.labels.context_seed),
        world_seeds=_by_seed(items, lambda cell: cell.labels.world_seed),
        pmi=corrected(cells, split),
        verbatim=verbatim(cells, split),
    )


def _by_label(items: Sequence[Item], label: str) -> dict[str, Part]:
    groups = _group(items, lambda item: item.labels[label])
    return {value: Part(len(group), _mean(item.correct for item in group)) for value, group in sorted(groups.items())}


def _by_seed(items: Sequence[tuple[ScoredCell, Item]], seed: Callable[[ScoredCell], int | None]) -> dict[str, float]:
    groups = _group([(found, item) for cell, item in items if (found := seed(cell)) is not None], lambda pair: pair[0])
    return {str(number): _mean(item.correct for _, item in group) for number, group in sorted(groups.items())}


def _compute(arm: str, cells: Sequence[ScoredCell]) -> Compute:
    ledgers = [cell.ledger for cell in cells]
    training = [ledger.training for ledger in ledgers if ledger.training]
    questions = sum(ledger.evaluation.questions for ledger in ledgers)
    read = [ledger.evaluation.prompt_tokens for ledger in ledgers]
    known = [tokens for tokens in read if tokens is not None]
    return Compute(
        arm=arm,
        training_runs=len(training),
        context_orders=len({cell.labels.context_seed for cell in cells} - {None}),
        training_tokens=round(_mean(run.tokens for run in training)) if training else 0,
        augmentation_tokens=round(_mean(ledger.augmentation_tokens for ledger in ledgers)),
        verbatim=verbatim(cells),
        steps=round(_mean(run.steps for run in training)) if training else 0,
        prompt_tokens=round(sum(known) / questions) if len(known) == len(read) else None,
        retrieved=next((found for ledger in ledgers if (found := ledger.evaluation.retrieved)), None),
    )


def _group(values: Iterable[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    groups: dict[Key, list[Value]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return dict(groups)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)
