"""What the report says of a study: one record per arm and split, pair of arms, claim and check.

For example ``Accuracy(arm="ft", split="reversal", n=60, facts=60, worlds=3, accuracy=0.217, low=0.11, high=0.38, ...)``. A
number that a study of this size cannot give is None, and ``why`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, SupportsFloat

from icl_ft_plugin.report.measures.kinds import Corrected, Kept, Matched, PartOfFacts
from icl_ft_plugin.report.stats.components import Components
from icl_ft_plugin.report.store.read import Retrieved

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


GATE = 0.8
"""Accuracy on the split that tells whether the facts were learned (or can be restated) below which an arm is not interpretable."""


@dataclass(frozen=True, slots=True)
class Part:
    """The answers with one value of a label: their number and accuracy."""

    n: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One arm on one split.

    Attributes:
        arm: Its name.
        split: The split.
        n: Answers, over all worlds and runs.
        facts: Facts that they are about.
        worlds: Worlds.
        accuracy: Mean of the worlds' means.
        low: Lower end of the 95% interval: for new worlds, facts and runs; with one world for new facts of it, these runs.
        high: Upper end.
        why: Why there is no interval.
        facts_low: The same for these worlds and these runs alone, over new facts.
        facts_high: Upper end.
        chance: What a uniform guesser gets.
        against_chance: ``"above"``, ``"below"``, ``"at"``, or ``"not tested"``.
        above_baseline: Whether it is above the best baseline of the split; None for a baseline, or where none was run.
        accuracy_norm: By log-likelihood per character.
        variance: Of a single answer, by source.
        labels: Parts by label and value.
        training_seeds: Accuracy by training seed.
        context_seeds: Accuracy by the seed of the order of the documents in the prompt.
        world_seeds: Accuracy by world.
        pmi: By what the prompt adds to each choice's log-likelihood; None where it was not asked for.
        verbatim: Share of the questions that stand with their answer in the rows that the arm was trained on; None where there are
            none, or it was not counted.
    """

    arm: str
    split: str
    n: int
    facts: int
    worlds: int
    accuracy: float
    low: float | None
    high: float | None
    why: str
    facts_low: float | None
    facts_high: float | None
    chance: float
    against_chance: str
    above_baseline: bool | None
    accuracy_norm: float
    variance: Components
    labels: Mapping[str, Mapping[str, Part]]
    training_seeds: Mapping[str, float]
    context_seeds: Mapping[str, float]
    world_seeds: Mapping[str, float]
    pmi: Corrected | None = None
    verbatim: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms on the questions that both were asked.

    Attributes:
        split: The split.
        arm: The first arm.
        than: The second.
        questions: Their number.
        worlds: Worlds that both were asked about.
        difference: Accuracy of the first minus that of the second.
        low: Lower end of the 95% interval.
        high: Upper end.
        why: Why there is no interval.
        p: Two-sided, of "no difference"; None where nothing is tested.
        detectable: The true difference that a study of this size finds at the 5% level four times in five.
    """

    split: str
    arm: str
    than: str
    questions: int
    worlds: int
    difference: float
    low: float | None
    high: float | None
    why: str
    p: float | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class GapClosed:
    """The share of the gap between ft and icl that an arm closes; None where it is undefined, and ``reason`` says why."""

    split: str
    arm: str
    closed: float | None
    low: float | None
    high: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Joint:
    """Whether what was learned can be turned round, fact by fact.

    Attributes:
        arm: Its name.
        both: Facts that are right on both splits, in the same run.
        both_low: Lower end of the 95% interval.
        both_high: Upper end.
        given: Of the facts that are right on the learned split in every run, the share right on the main split; None where
            there is none.
        given_low: Lower end.
        given_high: Upper end.
        given_facts: The number of those facts.
    """

    arm: str
    both: float
    both_low: float | None
    both_high: float | None
    given: float | None
    given_low: float | None
    given_high: float | None
    given_facts: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim of the paper, judged.

    Attributes:
        split: The split.
        arm: The arm it is about.
        claim: In words.
        primary: Whether it is the one that its split is there to tell.
        verdict: ``"reproduced"``, ``"not reproduced"``, ``"differs, within the margin"``, ``"cannot be told"``, ``"cannot be
            reached with ..."``, ``"not interpretable"``, ``"not tested"`` or ``"not run"``.
        p: One-sided, of the claim; corrected by Holm over the primary claims for these.
        p_contrary: Of its contrary, likewise.
    """

    split: str
    arm: str
    claim: str
    primary: bool
    verdict: str
    p: float | None
    p_contrary: float | None


@dataclass(frozen=True, slots=True)
class Contamination:
    """The untouched model with a bare question, on one split.

    Attributes:
        split: The split.
        verdict: ``"clean"`` (shown to be less than the margin above chance), ``"above chance"``, ``"above chance, within the
            margin"``, ``"cannot be told"``, ``"cannot be reached with ..."`` or ``"not tested"``.
        p_above: Of "above chance", corrected by Holm over the splits.
        p_within: Of "less than the margin above chance".
    """

    split: str
    verdict: str
    p_above: float | None
    p_within: float | None


@dataclass(frozen=True, slots=True)
class Gate:
    """An arm that has not learned what it was told, or icl that cannot restate it: nothing else of it can be interpreted."""

    arm: str
    split: str
    accuracy: float


@dataclass(frozen=True, slots=True)
class Compute:
    """What an arm cost, a run or a question on average.

    Attributes:
        arm: Its name.
        training_runs: Their number, over all worlds.
        context_orders: The number of orders in which documents stood in its prompts; 0 where none did, or their author's.
        training_tokens: Tokens that a run was trained on.
        augmentation_tokens: Tokens that a model read and wrote to augment the documents.
        verbatim: As in ``Accuracy``, of all its questions.
        steps: Gradient steps.
        prompt_tokens: Of a question; None where the model's tokenizer is not known.
        retrieved: Where documents were chosen per question, how.
    """

    arm: str
    training_runs: int
    context_orders: int
    training_tokens: int
    augmentation_tokens: int
    verbatim: float | None
    steps: int
    prompt_tokens: int | None
    retrieved: Retrieved | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """All about one model on the worlds of one entry of the study.

    Attributes:
        model: Label of the model.
        worlds: Label of the worlds.
        family: Their dataset family.
        world_count: Number of worlds.
        splits: Columns, in the order of the world.
        arms: Rows, in the study's order.
        accuracy: By arm and split.
        compute: By arm.
        pairs: Every pair of arms on every split.
        gaps: Per split and arm besides ``ft`` and ``icl``; empty where either was not run.
        joint: Per arm, where the family has a split that it is about and one that tells whether the facts were learned.
        verdicts: The paper's claims.
        contamination: Per split, where the untouched model was run.
        gates: The arms that are not interpretable.
        parts: By arm with the inferences of a part of the facts, and split.
        kept: By trained arm, and what it was asked before its training, too.
        matched: By trained arm and split, at the step where it has learned as much as the others; empty without learning curves.
    """

    model: str
    worlds: str
    family: str
    world_count: int
    splits: list[str]
    arms: list[str]
    accuracy: dict[tuple[str, str], Accuracy]
    compute: dict[str, Compute]
    pairs: list[Pair]
    gaps: list[GapClosed]
    joint: list[Joint]
    verdicts: list[Verdict]
    contamination: list[Contamination]
    gates: list[Gate]
    parts: list[PartOfFacts]
    kept: list[Kept]
    matched: list[Matched]

    @property
    def scope(self) -> str:
        """What the numbers are about where that is less than new worlds; empty with three or more."""
        return {1: "this world only", 2: "these two worlds only"}.get(self.world_count, "")


def plain(record: DataclassInstance) -> dict[str, object]:
    """Return a record as JSON knows it."""
    values = {
        key: value for key, value in asdict(record).items() if value is not None or key not in ("retrieved", "pmi")
    }
    if isinstance(retrieved := values.get("retrieved"), Retrieved):
        values["retrieved"] = retrieved.model_dump()
    return values


def number(value: SupportsFloat) -> float | None:
    """Return a number; None where there is none."""
    return float(value) if isfinite(value) else None
