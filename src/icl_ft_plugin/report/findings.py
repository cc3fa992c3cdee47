"""What a study found, in sentences; the report begins with them.

For example "In context, nano answers 100% of the reversal questions; finetuned on the same documents, 48% (chance 50%). The difference
of 52 points (95% interval 31 to 72) is significant (p = 0.008, corrected for 1 primary claim)." With one world every sentence about
numbers is about this world, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from icl_ft_plugin.families import named
from icl_ft_plugin.report.measures.kept import kept_findings
from icl_ft_plugin.report.measures.names import joint_name, weights_and_prompt
from icl_ft_plugin.report.measures.partial import part_findings
from icl_ft_plugin.report.measures.verbatim import verbatim_findings
from icl_ft_plugin.report.records import (
    GATE,
    Accuracy,
    Block,
    Contamination,
    GapClosed,
    Joint,
    Pair,
)
from icl_ft_plugin.report.verdicts import LEVEL, MARGIN, is_augmented
from icl_ft_plugin.report.words import main_split, p_text, percent, spaced, title

FEW = "fewer than three of the worlds have them"
WIDE = 5.0
"""Length of an interval of the gap closed (500 points) beyond which the share itself says nothing."""


def findings(block: Block) -> list[str]:
    """Return what was found about one model on one entry of worlds, most important first."""
    # Of documents of the user's own nobody knows which split matters.
    splits = [main_split(block)] if named(block.family).main else block.splits
    return [
        *(line for split in splits for line in _ways(block, split)),
        *_learned(block),
        *_joint(block),
        *(line for split in splits for line in _augmented(block, split)),
        *(line for split in splits for line in _both(block, split)),
        *verbatim_findings(block),
        *part_findings(block, splits),
        *kept_findings(block),
        *_baselines(block, splits),
        *_untouched(block),
        *_claims(block),
        *retrieval_notes(block),
    ]


def retrieval_notes(block: Block) -> list[str]:
    """Return for each arm whose prompt held documents chosen per question how many, and whether the evidence was there."""
    notes = []
    for arm, cost in block.compute.items():
        if found := cost.retrieved:
            within = f", within {found.context_tokens:,} tokens" if found.context_tokens else ""
            text = (
                f"{arm}: not all documents stand in the prompt. {found.by} chose {found.least} to {found.most} of "
                f"{found.documents} for each question (mean {found.mean:.1f}){within}"
            )
            if found.with_evidence:
                text += f"; all evidence was among them for {found.evidence_whole} of {found.with_evidence} questions"
            notes.append(f"{text}.")
    return notes


def _ways(block: Block, split: str) -> list[str]:
    icl, ft = block.accuracy.get(("icl", split)), block.accuracy.get(("ft", split))
    said = f"of the {spaced(split)} questions"
    scope = f" ({block.scope})" if block.scope else ""
    if icl is None or ft is None:
        return [
            f"{record.arm}: {percent(record.accuracy)} {said} right (chance {percent(record.chance)}{_below(record)}){scope}."
            for (_, of), record in block.accuracy.items()
            if of == split
        ]
    first = (
        f"In context, {block.model} answers {percent(icl.accuracy)} {said}{_below(icl, ' (below chance)')}; finetuned "
        f"on the same documents, {percent(ft.accuracy)} (chance {percent(ft.chance)}{_below(ft)}){scope}."
    )
    return [first, *_difference(block, split)]


def _below(record: Accuracy, text: str = ": this is below chance") -> str:
    return text if record.against_chance == "below" else ""


def _difference(block: Block, split: str) -> list[str]:
    for pair in block.pairs:
        if pair.split == split and {pair.arm, pair.than} == {"icl", "ft"}:
            sign = 1 if pair.arm == "icl" else -1
            points = f"The difference of {100 * sign * pair.difference:z.0f} points"
            if pair.low is None or pair.high is None:
                return [f"{points} has no interval: {pair.why}."]
            low, high = sorted((sign * pair.low, sign * pair.high))
            points += f" (95% interval {100 * low:z.0f} to {100 * high:z.0f}"
            if pair.p is None:
                return [f"{points}, for other facts of this world and these runs) is not tested: {block.scope}."]
            text = f"{points}) is {_judged(block, pair)}."
            if pair.p >= LEVEL and pair.detectable:
                text += f" A study of this size finds a true difference of {100 * pair.detectable:.0f} points four times in five."
            return [text]
    return []


def _judged(block: Block, pair: Pair) -> str:
    """Say whether a difference is significant: by the split's primary claim where it is about these arms, else alone."""
    primary = [verdict for verdict in block.verdicts if verdict.primary and verdict.p is not None]
    for verdict in primary:
        if verdict.split == pair.split and verdict.arm == "icl" and verdict.p_contrary is not None:
            least = min(verdict.p or 0.0, verdict.p_contrary)
            word = "significant" if least < LEVEL else "not significant"
            claims = f"{len(primary)} primary claim{'' if len(primary) == 1 else 's'}"
            return f"{word} ({p_text(least)}, one-sided, corrected for {claims})"
    word = "significant" if pair.p is not None and pair.p < LEVEL else "not significant"
    return f"{word} ({p_text(pair.p)}, not corrected)"


def _learned(block: Block) -> list[str]:
    split = named(block.family).learned
    record = block.accuracy.get(("ft", split)) if split else None
    if split is None or split == main_split(block):
        return []
    said = []
    if record and not any(gate.arm == "ft" for gate in block.gates):
        said.append(
            f"Finetuning learned the facts: {percent(record.accuracy)} of the {spaced(split)} questions, chance "
            f"{percent(record.chance)}."
        )
    for gate in block.gates:
        reads = weights_and_prompt(gate.arm)[1] != "closed"
        why = "cannot restate what stands in its prompt" if reads else "has not learned what it was told"
        said.append(
            f"{gate.arm} is not interpretable: it {why} ({percent(gate.accuracy)} of the {spaced(gate.split)} questions; "
            f"{percent(GATE)} are asked for)."
        )
    return said


def _joint(block: Block) -> list[str]:
    main, learned = named(block.family).main, named(block.family).learned
    shown = [joint for joint in block.joint if joint.arm in ("icl", "ft") or is_augmented(joint.arm)]
    if not shown or main is None or learned is None:
        return []
    parts = [_known(joint) for joint in shown]
    name = joint_name(main, learned, given=True)
    gap = next(
        (p for p in block.pairs if p.split == name and (p.arm, p.than) == ("ft", "icl") and p.low is not None), None
    )
    paired = ""
    if gap and gap.low is not None and gap.high is not None:
        ends = f"[{-100 * gap.high:+z.0f}, {-100 * gap.low:+z.0f}]"
        paired = f" Where both know the fact, icl is ahead of ft by {-100 * gap.difference:+z.0f} points {ends}."
    return [
        f"Of the facts whose {spaced(learned)} is right in every run, {spaced(main)} is right too: {', '.join(parts)}.{paired}"
    ]


def _known(joint: Joint) -> str:
    return f"{joint.arm} {'no such fact' if joint.given is None else percent(joint.given)}"


def _augmented(block: Block, split: str) -> list[str]:
    on = "" if named(block.family).main else f" on {spaced(split)}"
    scope = f" ({block.scope})" if block.scope else ""
    said = []
    for gap in block.gaps:
        if gap.split == split and is_augmented(gap.arm):
            if gap.closed is None:
                said.append(f"{gap.arm}: no gap to close{on}, since {gap.reason}.")
            else:
                said.append(f"{_closed(gap, f'of the gap between the two{on}')}{scope}.")
    return said


def is_share(gap: GapClosed) -> bool:
    """Say whether the share of the gap that an arm closes is known well enough to be named."""
    return gap.low is not None and gap.high is not None and gap.high - gap.low <= WIDE


def _closed(gap: GapClosed, of: str) -> str:
    """Say how much of the gap an arm closes, or no more than is known where the gap may be next to nothing."""
    if gap.low is not None and gap.high is not None and gap.closed is not None and is_share(gap):
        return f"{gap.arm} closes {percent(gap.closed)} {of} (95% interval {percent(gap.low)} to {percent(gap.high)})"
    if gap.low is not None and gap.low > 0:
        return f"{gap.arm} closes at least {percent(gap.low)} {of}, which is too small to say more (at 95% confidence)"
    return f"{gap.arm}: how much {of} it closes cannot be told, for the gap may be next to nothing"


def _both(block: Block, split: str) -> list[str]:
    """Say what finetuning does to a model that has the documents, or some of them, in its prompt."""
    said = []
    for pair in block.pairs:
        (weights, prompt), (before, same) = weights_and_prompt(pair.arm), weights_and_prompt(pair.than)
        if pair.split == split and prompt == same != "closed" and before == "pretrained" != weights:
            after, untouched = (block.accuracy[arm, split].accuracy for arm in (pair.arm, pair.than))
            ends = (
                ""
                if pair.low is None or pair.high is None
                else f", 95% interval {100 * pair.low:+z.0f} to {100 * pair.high:+z.0f}"
            )
            tested = f", {p_text(pair.p)}" if pair.p is not None else ""
            said.append(
                f"{pair.arm}: finetuned and with the same prompt, {percent(after)} of the {spaced(split)} questions, untouched "
                f"{percent(untouched)} ({100 * pair.difference:+z.0f} points{ends}{tested})."
            )
    return said


def _baselines(block: Block, splits: Sequence[str]) -> list[str]:
    said = []
    for split in splits:
        found = [arm for (arm, of), record in block.accuracy.items() if of == split and record.above_baseline is False]
        if found:
            said.append(f"Not above the best baseline on {spaced(split)}, which reads nothing: {', '.join(found)}.")
    return said


def _untouched(block: Block) -> list[str]:
    """Say one thing about contamination, never two that contradict each other."""
    checks, margin = block.contamination, f"{100 * MARGIN:.0f} points"
    if not checks:
        return []
    above = [check for check in checks if check.verdict.startswith("above chance")]
    if above:
        worse = [check for check in above if check.verdict == "above chance"]
        said = f"untouched and with a bare question, the model is above chance on {_named(above)}"
        return [f"Beware: {said}." if worse else f"{said[0].upper()}{said[1:]}, by less than {margin}."]
    if checks[0].verdict == "not tested":
        return [f"Whether the untouched model knew the answers is not tested: {block.scope or FEW}."]
    clean = [check for check in checks if check.verdict == "clean"]
    if len(clean) == len(checks):
        return [f"Untouched and with a bare question, the model is nowhere as much as {margin} above chance."]
    rest = [check for check in checks if check.verdict != "clean"]
    return [
        f"Untouched and with a bare question, the model is not seen to be above chance; that it is less than {margin} above it "
        f"is not shown on {_named(rest)}."
    ]


def _named(checks: Sequence[Contamination]) -> str:
    return ", ".join(spaced(check.split) for check in checks)


def _claims(block: Block) -> list[str]:
    run = [verdict for verdict in block.verdicts if verdict.verdict != "not run"]
    if not run:
        return []
    if all(verdict.verdict == "not tested" for verdict in run):
        return [
            f"The paper's {len(run)} claims about these arms are not tested: {block.scope or FEW}. Three worlds or more test them."
        ]
    said = []
    for primary, name in ((True, "primary claim"), (False, "further claim")):
        counts = Counter(verdict.verdict for verdict in run if verdict.primary == primary)
        if counts:
            parts = [f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda entry: -entry[1])]
            said.append(f"Of {counts.total()} {name}{'' if counts.total() == 1 else 's'}: {', '.join(parts)}")
    return [f"{'; '.join(said)}."]


def at_a_glance(blocks: Sequence[Block]) -> list[list[str]]:
    """Return one row per block with all arms' accuracies on its main split, in %."""
    arms = list(dict.fromkeys(arm for block in blocks for arm in block.arms))
    rows = []
    for block in blocks:
        split = main_split(block)
        records = [block.accuracy.get((arm, split)) for arm in arms]
        chance = next((100 * record.chance for record in records if record), 0.0)
        cells = [f"{100 * record.accuracy:.0f}{_below(record, ' ↓')}" if record else "" for record in records]
        rows.append([f"{title(block)}: {spaced(split)}", f"{chance:.0f}", *cells])
    return [["", "chance", *arms], *rows]
