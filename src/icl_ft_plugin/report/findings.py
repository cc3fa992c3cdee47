"""What a study found, in sentences; the report begins with them.

For example "In context, nano answers 100% of the reversal questions; finetuned on the same documents, 48% (chance 50%).
The difference of 52 points (95% interval 31 to 72) is significant (p = 0.008 after Holm's correction)."
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from icl_ft_plugin.families import named
from icl_ft_plugin.report.orderings import LEVEL, is_augmented
from icl_ft_plugin.report.summary import Block

WIDE = 5.0
"""Length of an interval of the gap closed (500 points) beyond which the share itself says nothing."""


def title(block: Block) -> str:
    """Return a heading for a block, e.g. ``"Simple reversals, nano"``."""
    return f"{named(block.family).title}{'' if block.worlds == block.family else f' ({block.worlds})'}, {block.model}"


def main_split(block: Block) -> str:
    """Return the split that the block's first sentence is about."""
    wanted = named(block.family).main
    return wanted if wanted in block.splits else block.splits[0]


def findings(block: Block) -> list[str]:
    """Return what was found about one model on one entry of worlds, most important first."""
    # Of documents of the user's own nobody knows which split matters.
    splits = [main_split(block)] if named(block.family).main else block.splits
    return [
        *(line for split in splits for line in _ways(block, split)),
        *_learned(block),
        *(line for split in splits for line in _augmented(block, split)),
        *_untouched(block),
        *_orderings(block),
        *retrieval_notes(block),
    ]


def retrieval_notes(block: Block) -> list[str]:
    """Return for each arm whose prompt held documents chosen per question how many, and whether the evidence was there."""
    notes = []
    for arm, cost in block.compute.items():
        if found := cost.get("retrieved"):
            text = (
                f"{arm}: not all documents stand in the prompt. {found['by']} chose {found['least']} to {found['most']} of "
                f"{found['documents']} for each question (mean {found['mean']:.1f}), within {found['context_tokens']:,} tokens"
            )
            if found["with_evidence"]:
                text += (
                    f"; all evidence was among them for {found['evidence_whole']} of {found['with_evidence']} questions"
                )
            notes.append(f"{text}.")
    return notes


def spaced(name: str) -> str:
    """Return the name of a split as words."""
    return name.replace("_", " ")


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def p_text(p: float | None) -> str:
    """Return a p-value for a sentence, e.g. ``"p = 0.008"`` or ``"p < 0.001"``."""
    if p is None:
        return "p not known"
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
    return text.replace(" ", "\u00a0")


def _ways(block: Block, split: str) -> list[str]:
    icl, ft = block.accuracy.get(("icl", split)), block.accuracy.get(("ft", split))
    said = f"of the {spaced(split)} questions"
    if icl is None or ft is None:
        return [
            f"{record['arm']}: {_percent(record['accuracy'])} {said} right (chance {_percent(record['chance'])}"
            f"{_below(record)})."
            for (_, of), record in block.accuracy.items()
            if of == split
        ]
    first = (
        f"In context, {block.model} answers {_percent(icl['accuracy'])} {said}{_below(icl, ' (below chance)')}; finetuned "
        f"on the same documents, {_percent(ft['accuracy'])} (chance {_percent(ft['chance'])}{_below(ft)})."
    )
    return [first, *_difference(block, split)]


def _below(record: dict[str, Any], text: str = ": this is below chance") -> str:
    return text if record["against_chance"] == "below" else ""


def _difference(block: Block, split: str) -> list[str]:
    for record in block.comparisons:
        if (
            record["split"] == split
            and {record["arm"], record["than"]} == {"icl", "ft"}
            and record["p_holm"] is not None
        ):
            sign = 1 if record["arm"] == "icl" else -1
            low, high = sorted((sign * record["low"], sign * record["high"]))
            text = (
                f"The difference of {100 * sign * record['difference']:.0f} points (95% interval {100 * low:.0f} to "
                f"{100 * high:.0f}) is {_judged(record, len(block.comparisons))}."
            )
            if record["p"] >= LEVEL and record["detectable"]:
                text += f" A study of this size finds a true difference of {100 * record['detectable']:.0f} points four times in five."
            return [text]
    return []


def _judged(record: Mapping[str, Any], pairs: int) -> str:
    if record["p_holm"] < LEVEL:
        return f"significant ({p_text(record['p_holm'])} after Holm's correction)"
    if record["p"] >= LEVEL:
        return f"not significant ({p_text(record['p_holm'])} after Holm's correction)"
    return (
        f"significant taken alone ({p_text(record['p'])}), and not after Holm's correction for all {pairs} pairs of arms "
        f"and splits ({p_text(record['p_holm'])})"
    )


def _learned(block: Block) -> list[str]:
    split = named(block.family).learned
    record = block.accuracy.get(("ft", split)) if split else None
    if split is None or record is None or split == main_split(block):
        return []
    known = "learned the facts" if record["against_chance"] == "above" else "is not shown to have learned the facts"
    return [
        f"Finetuning {known}: {_percent(record['accuracy'])} of the {spaced(split)} questions, chance {_percent(record['chance'])}."
    ]


def _augmented(block: Block, split: str) -> list[str]:
    said = []
    on = "" if named(block.family).main else f" on {spaced(split)}"
    for record in block.gaps:
        if record["split"] == split and is_augmented(record["arm"]):
            if record["closed"] is None:
                said.append(f"{record['arm']}: no gap to close{on}, since {record['reason']}.")
                continue
            said.append(_closed(record, f"of the gap between the two{on}"))
    return said


def is_share(record: Mapping[str, Any]) -> bool:
    """Say whether the share of the gap that an arm closes is known well enough to be named."""
    low, high = record["low"], record["high"]
    return low is not None and high is not None and high - low <= WIDE


def _closed(record: Mapping[str, Any], gap: str) -> str:
    """Say how much of the gap an arm closes, or no more than is known where the gap may be next to nothing."""
    arm, low, high = (record[key] for key in ("arm", "low", "high"))
    if is_share(record):
        return f"{arm} closes {_percent(record['closed'])} {gap} (95% interval {_percent(low)} to {_percent(high)})."
    if low is not None and low > 0:
        return f"{arm} closes at least {_percent(low)} {gap}, which is too small to say more (at 95% confidence)."
    return f"{arm}: how much {gap} it closes cannot be told, for the gap may be next to nothing."


def _untouched(block: Block) -> list[str]:
    records = [record for (arm, _), record in block.accuracy.items() if arm == "pretrained"]
    above = [record["split"] for record in records if record["against_chance"] == "above"]
    if above:
        return [f"Beware: untouched and with a bare question, the model is above chance on {spaced(', '.join(above))}."]
    return ["Untouched and with a bare question, the model is nowhere above chance."] if records else []


def _orderings(block: Block) -> list[str]:
    counts = Counter(record["verdict"] for record in block.orderings if record["verdict"] != "not run")
    if not counts:
        return []
    parts = [f"{counts[v]} {v}" for v in ("reproduced", "not reproduced", "cannot be told") if counts[v]]
    return [f"Of {counts.total()} orderings of the paper: {', '.join(parts)}."]


def at_a_glance(blocks: Sequence[Block]) -> list[list[str]]:
    """Return one row per block with all arms' accuracies on its main split, in %."""
    arms = list(dict.fromkeys(arm for block in blocks for arm in block.arms))
    rows = []
    for block in blocks:
        split = main_split(block)
        records = [block.accuracy.get((arm, split)) for arm in arms]
        chance = next((100 * record["chance"] for record in records if record), 0.0)
        cells = [f"{100 * record['accuracy']:.0f}{_below(record, ' ↓')}" if record else "" for record in records]
        rows.append([f"{title(block)}: {spaced(split)}", f"{chance:.0f}", *cells])
    return [["", "chance", *arms], *rows]
