"""Models ranked on the same questions.

A list is one split of a family under one condition, of the runs that were asked the same questions of the same worlds: a model that
was asked about other worlds, or with ``lm_eval --limit``, stands in a list of its own, which says so, and
is compared with the first of the largest list on the questions that both were asked. Intervals and tests are those of a
study (``stats.mean``): over worlds where there are three, and with one world nothing is tested. ``contamination`` says whether the model,
untouched and with a bare question, is above chance on these questions: then it knew the answers, or guesses better than it should.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from icl_ft_plugin.report.leaderboard.read import Scored
from icl_ft_plugin.report.records import number
from icl_ft_plugin.report.stats.holm import holm
from icl_ft_plugin.report.stats.mean import accuracy, difference
from icl_ft_plugin.report.stats.of_items import grid_of, stacked

Asked = frozenset[tuple[int, str, str]]
"""The questions of a run: world seed, id and words, for own documents of one name may be others elsewhere."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One model in a list.

    Attributes:
        rank: Its place, by accuracy.
        model: Its name.
        n: Questions.
        facts: Facts that they are about.
        accuracy: Mean of the worlds' means.
        low: Lower end of the 95% interval; None where there is none.
        high: Upper end.
        chance: What a uniform guesser gets.
        against_chance: ``"above"``, ``"below"``, ``"at"``, or ``"not tested"``.
        contamination: ``"none seen"``, ``"above chance"``, ``"not tested"`` or ``"not run"``.
        p_best: Of the difference to the first of the list, Holm-corrected over the list; None for the first, or where nothing is tested.
    """

    rank: int
    model: str
    n: int
    facts: int
    accuracy: float
    low: float | None
    high: float | None
    chance: float
    against_chance: str
    contamination: str
    p_best: float | None


@dataclass(frozen=True, slots=True)
class Shared:
    """A model of a list apart beside the first of the largest list, on the questions that both were asked.

    Attributes:
        model: The model.
        than: The first of the largest list.
        questions: Their number.
        accuracy: Of the model.
        other: Of the first.
        difference: The model's minus the first's, paired by question.
        low: Lower end of the 95% interval; None where there is none.
        high: Upper end.
    """

    model: str
    than: str
    questions: int
    accuracy: float
    other: float
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """A list.

    Attributes:
        family: Dataset family.
        config: Its knobs as JSON.
        split: The split, and how it was answered where that was not by choosing.
        condition: How it was asked.
        worlds: Seeds of the worlds.
        questions: Number of questions.
        note: What sets it apart from the largest list of the kind; empty for that one.
        ranks: Best first.
        shared: Of a list apart, how its models compare with the first of the largest list.
    """

    family: str
    config: str
    split: str
    condition: str
    worlds: tuple[int, ...]
    questions: int
    note: str
    ranks: tuple[Rank, ...]
    shared: tuple[Shared, ...] = ()

    @property
    def scope(self) -> str:
        """What the numbers are about where that is less than new worlds."""
        return {1: "this world only", 2: "these two worlds only"}.get(len(self.worlds), "")


def rank(results: Iterable[Scored]) -> list[Ranking]:
    """Rank the models per family, split, condition and set of questions; the list of most questions of a kind comes first."""
    kinds: dict[tuple[str, str, str, str], dict[str, list[Scored]]] = {}
    for scored in results:
        kind = (scored.family, scored.config, scored.split, scored.condition)
        kinds.setdefault(kind, {}).setdefault(scored.model, []).append(scored)
    closed = {
        (family, config, split, model, _asked(several)): _record(several).against_chance
        for (family, config, split, condition), models in kinds.items()
        if condition == "closed"
        for model, several in models.items()
    }
    found = []
    for (family, config, split, condition), models in sorted(kinds.items()):
        groups: dict[Asked, dict[str, list[Scored]]] = {}
        for model, several in models.items():
            groups.setdefault(_asked(several), {})[model] = several
        whole = max(groups, key=len)
        best = min(groups[whole].values(), key=lambda of: (-_record(of).accuracy, of[0].model))
        for asked, of in sorted(groups.items(), key=lambda entry: (-len(entry[0]), sorted(entry[0]))):
            seen = {model: closed.get((family, config, split, model, asked), "not run") for model in of}
            worlds = tuple(sorted({world for world, *_ in asked}))
            note = "" if asked == whole else _apart(asked, whole, of)
            shared = () if asked == whole else tuple(filter(None, (_shared(model, best) for model in of.values())))
            found.append(Ranking(family, config, split, condition, worlds, len(asked), note, _ranked(of, seen), shared))
    return found


def _asked(several: Sequence[Scored]) -> Asked:
    return frozenset((scored.world, item.id, item.question) for scored in several for item in scored.items)


def _shared(ours: Sequence[Scored], best: Sequence[Scored]) -> Shared | None:
    """Compare a model with another on what both were asked; None where that is nothing."""
    both = _asked(ours) & _asked(best)
    first, second = (
        {s.world: [item for item in s.items if (s.world, item.id, item.question) in both] for s in several}
        for several in (ours, best)
    )
    grids = stacked(first, second)
    if not grids[0]:
        return None
    found = difference(*grids)
    ends = number(found.low), number(found.high)
    right, other = (float(accuracy(list(of.values())).mean) for of in grids)
    return Shared(ours[0].model, best[0].model, len(both), right, other, float(found.mean), *ends)


def _apart(asked: Asked, whole: Asked, models: dict[str, list[Scored]]) -> str:
    """Say why some runs cannot be ranked with the others."""
    limits = sorted({scored.limit for several in models.values() for scored in several if scored.limit})
    if limits:
        return f"ranked apart: run with --limit {', '.join(limits)}"
    return f"ranked apart: {len(asked)} questions, {len(asked & whole)} of which are among the {len(whole)} of the first list"


def _record(several: Sequence[Scored]) -> Rank:
    items = [(scored.world, item) for scored in several for item in scored.items]
    by_world = [{item.id: item for item in scored.items} for scored in several]
    found = accuracy([grid_of(sorted(questions), [questions]) for questions in by_world])
    chance = sum(item.chance for _, item in items) / len(items)
    sign = ("at", "above", "below")[int(found.against(chance))]
    return Rank(
        rank=0,
        model=several[0].model,
        n=len(items),
        facts=len({(world, item.fact) for world, item in items}),
        accuracy=float(found.mean),
        low=number(found.low),
        high=number(found.high),
        chance=chance,
        against_chance=sign if found.tested else "not tested",
        contamination="",
        p_best=None,
    )


def _ranked(models: dict[str, list[Scored]], seen: dict[str, str]) -> tuple[Rank, ...]:
    """Return one list, best first."""
    records = sorted((_record(several) for several in models.values()), key=lambda each: (-each.accuracy, each.model))
    best, *others = (record.model for record in records)
    corrected = holm([_p(models[best], models[other]) for other in others])
    words = {"above": "above chance", "at": "none seen", "below": "none seen"}
    return tuple(
        Rank(place, *_middle(record), words.get(seen[record.model], seen[record.model]), number(p))
        for place, (record, p) in enumerate(zip(records, [float("nan"), *corrected], strict=True), start=1)
    )


def _middle(record: Rank) -> tuple[str, int, int, float, float | None, float | None, float, str]:
    return (
        record.model,
        record.n,
        record.facts,
        record.accuracy,
        record.low,
        record.high,
        record.chance,
        record.against_chance,
    )


def _p(first: Sequence[Scored], second: Sequence[Scored]) -> float:
    """Return the p-value of the difference between two models; NaN where nothing is tested."""
    found = difference(*stacked({s.world: s.items for s in first}, {s.world: s.items for s in second}))
    return float(found.p) if found.tested else float("nan")
