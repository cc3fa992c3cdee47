"""The rows of every table of the report, as text; the Markdown, the terminal and the page show the same ones.

For example ``gap_rows(block)`` begins ``[["arm", "reversal", ...], ["ft+oracle", "84 [51, 103]", ...]]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from icl_ft_plugin.report.measures.kinds import Corrected
from icl_ft_plugin.report.measures.names import is_baseline, weights_and_prompt
from icl_ft_plugin.report.measures.verbatim import share
from icl_ft_plugin.report.records import (
    Accuracy,
    Block,
    Compute,
    GapClosed,
    Pair,
    Part,
)
from icl_ft_plugin.report.stats.scale import Scaled
from icl_ft_plugin.report.words import interval, marks, p_value, spaced

Rows = list[list[str]]
VERBATIM = "questions in the rows, %"


def accuracy_rows(block: Block) -> Rows:
    """Return as text the header, the chance line and one row per arm."""
    chance = {split: record.chance for (_, split), record in block.accuracy.items()}
    rows = [
        ["arm", "n (facts)", *block.splits],
        ["chance", "", *(f"{100 * chance[split]:.1f}" if split in chance else "" for split in block.splits)],
    ]
    barred = {gate.arm for gate in block.gates}
    for arm in block.arms:
        records = [block.accuracy.get((arm, split)) for split in block.splits]
        found = [record for record in records if record]
        n = f"{_range(record.n for record in found)} ({_range(record.facts for record in found)})"
        rows.append([f"{arm} (not interpretable)" if arm in barred else arm, n, *map(_cell, records)])
    return rows


def prompt_rows(block: Block) -> Rows:
    """Return by split, before and after finetuning, the accuracy with each prompt, the shortest first; header only where it is clear.

    That is where no arm is both finetuned and asked in context, and none is asked with a part of the documents.
    """
    found = {weights_and_prompt(arm): arm for arm in block.arms if not is_baseline(arm)}
    mixed = [
        arm
        for (weights, prompt), arm in found.items()
        if prompt != "closed" and (weights, prompt) != ("pretrained", "icl")
    ]
    tokens = {prompt: block.compute[arm].prompt_tokens for (_, prompt), arm in reversed(found.items())}
    prompts = sorted(tokens, key=lambda prompt: tokens[prompt] or 0)
    rows = [["split", "weights", *prompts]]
    if not mixed:
        return rows
    several = [
        weights
        for weights in dict.fromkeys(weights for weights, _ in found)
        if any((weights, prompt) in found for prompt in prompts if prompt != "closed")
    ]
    for split in block.splits:
        for weights in several:
            arms = [found.get((weights, prompt), "") for prompt in prompts]
            rows.append([split, weights, *(_cell(block.accuracy.get((arm, split))) for arm in arms)])
    return [*rows, ["prompt tokens per question", "", *(f"{tokens[prompt]:,}" for prompt in prompts)]]


def pmi_rows(block: Block) -> Rows:
    """Return the accuracy by what the prompt adds to each choice; header only where it was not asked for."""
    found = {key: record.pmi for key, record in block.accuracy.items() if record.pmi}
    arms = [arm for arm in block.arms if any(of == arm for of, _ in found)]
    body = [[arm, *(_corrected(found.get((arm, split))) for split in block.splits)] for arm in arms]
    return [["arm", *block.splits], *body]


def _corrected(found: Corrected | None) -> str:
    return f"{100 * found.accuracy:.1f}{interval(found.low, found.high)}" if found else ""


def _cell(record: Accuracy | None) -> str:
    return f"{100 * record.accuracy:.1f}{interval(record.low, record.high)}{marks(record)}" if record else ""


def _range(numbers: Iterable[int]) -> str:
    distinct = sorted(set(numbers))
    return "-".join(map(str, distinct[:1] + distinct[1:][-1:]))


def legend(block: Block) -> str:
    """Say what the marks in the table of accuracies mean, as far as there are any."""
    records = block.accuracy.values()
    said = ["Accuracy in %; n = scored answers per split."]
    if any(record.against_chance == "below" for record in records):
        said.append("↓: the whole interval is below chance.")
    if any(record.above_baseline is False for record in records):
        said.append("°: not above the best baseline.")
    whys = dict.fromkeys(record.why for record in records if record.why and block.world_count != 2)
    for why in whys:
        arms = dict.fromkeys(record.arm for record in records if record.why == why)
        said.append(f"{', '.join(arms)}: {why}.")
    return " ".join(said)


def compute_rows(block: Block) -> Rows:
    """Return as text what each arm cost."""
    columns: dict[str, Callable[[Compute], int | float | None]] = {
        "training runs": lambda cost: cost.training_runs,
        "orders of the documents": lambda cost: cost.context_orders,
        "gradient steps": lambda cost: cost.steps,
        "training tokens": lambda cost: cost.training_tokens,
        "augmentation tokens": lambda cost: cost.augmentation_tokens,
        VERBATIM: lambda cost: cost.verbatim,
        "prompt tokens per question": lambda cost: cost.prompt_tokens,
    }
    trained = any(cost.training_runs for cost in block.compute.values())
    for optional in ("orders of the documents", "augmentation tokens", *(() if trained else (VERBATIM,))):
        if not any(map(columns[optional], block.compute.values())):
            del columns[optional]

    def row(cost: Compute) -> list[str]:
        values = {name: column(cost) for name, column in columns.items()}
        return [cost.arm, *(share(value) if name == VERBATIM else _number(value) for name, value in values.items())]

    return [["arm", *columns], *(row(block.compute[arm]) for arm in block.arms)]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,}"


def label_rows(block: Block) -> dict[str, Rows]:
    """Return per title, e.g. ``"gold word: less / more"``, the accuracies by a label that has 2 to 6 values."""
    tables = {}
    for label in dict.fromkeys(label for record in block.accuracy.values() for label in record.labels):
        found = {key: record.labels.get(label, {}) for key, record in block.accuracy.items()}
        values = sorted({value for entries in found.values() for value in entries})
        if 2 <= len(values) <= 6:
            body = [
                [arm, *(_parts(found.get((arm, split), {}), values) for split in block.splits)] for arm in block.arms
            ]
            tables[f"{label.replace('_', ' ')}: {' / '.join(values)}"] = [["arm", *block.splits], *body]
    return tables


def _parts(entries: Mapping[str, Part], values: list[str]) -> str:
    return " / ".join(f"{100 * entries[value].accuracy:.1f}" if value in entries else "-" for value in values)


def gap_rows(block: Block) -> Rows:
    """Return the share of the gap between ft and icl that each arm closes, in %; header only where there is none."""
    found = {(gap.arm, gap.split): gap for gap in block.gaps}
    arms = list(dict.fromkeys(arm for arm, _ in found))
    body = [[arm, *(_gap_cell(found.get((arm, split))) for split in block.splits)] for arm in arms]
    return [["arm", *block.splits], *body]


def _gap_cell(gap: GapClosed | None) -> str:
    if gap is None:
        return ""
    return "undefined" if gap.closed is None else f"{100 * gap.closed:z.0f}{interval(gap.low, gap.high, 0)}"


def gap_reasons(block: Block) -> list[str]:
    """Return why the gap is undefined, once per split."""
    reasons = {gap.split: gap.reason for gap in block.gaps if gap.closed is None}
    return [f"{split}: {reason}." for split, reason in reasons.items()]


def joint_rows(block: Block) -> Rows:
    """Return the accuracy on both the main and the learned split fact by fact; header only where there is none."""
    body = [
        [
            joint.arm,
            f"{100 * joint.both:.1f}{interval(joint.both_low, joint.both_high)}",
            "" if joint.given is None else f"{100 * joint.given:.1f}{interval(joint.given_low, joint.given_high)}",
            str(joint.given_facts),
        ]
        for joint in block.joint
    ]
    return [["arm", "both right", "right, where learned in every run", "facts learned in every run"], *body]


def pair_rows(block: Block) -> Rows:
    """Return every pair of arms on every split: difference in points, interval, p-value, what could be detected."""
    header = ["split", "difference", "points [95% interval]", "p", "detectable (points)"]
    return [header, *(_pair(pair) for pair in block.pairs)]


def _pair(pair: Pair) -> list[str]:
    ends = "" if pair.low is None or pair.high is None else f" [{100 * pair.low:+z.1f}, {100 * pair.high:+z.1f}]"
    detectable = "" if pair.detectable is None else f"{100 * pair.detectable:.0f}"
    p = "not tested" if pair.p is None else p_value(pair.p)
    return [pair.split, f"{pair.arm} - {pair.than}", f"{100 * pair.difference:+z.1f}{ends}", p, detectable]


def scale_rows(points: Sequence[Scaled]) -> Rows:
    """Return the accuracies along each scale."""
    body = [
        [p.model, p.family, spaced(p.axis), f"{p.value:g}", p.arm, spaced(p.split) or "all but restated", str(p.n), f"{100 * p.accuracy:.1f}{interval(p.low, p.high)}"]
        for p in points
    ]  # fmt: skip
    return [["model", "family", "scale", "at", "arm", "split", "n", "accuracy"], *body]


def verdict_rows(block: Block) -> Rows:
    """Return the paper's claims with their verdicts, the primary ones first."""
    header = ["split", "claim", "", "verdict", "p", "p of the contrary"]
    rows = [
        [each.split, f"{each.arm}: {each.claim}", "primary" if each.primary else "", each.verdict, p_value(each.p), p_value(each.p_contrary)]
        for each in sorted(block.verdicts, key=lambda each: not each.primary)
    ]  # fmt: skip
    return [header, *rows]


def contamination_rows(block: Block) -> Rows:
    """Return the check of the untouched model by split."""
    header = ["split", "untouched", "p, above chance", "p, within 5 points of it"]
    rows = [[each.split, each.verdict, p_value(each.p_above), p_value(each.p_within)] for each in block.contamination]
    return [header, *rows]


def variance_rows(block: Block) -> Rows:
    """Return where an arm's answers vary, as shares of the variance of a single answer, and the interval for these runs alone."""
    rows = []
    for (arm, split), record in block.accuracy.items():
        parts = [record.variance.world, record.variance.run, record.variance.item, record.variance.rest]
        total = sum(part or 0.0 for part in parts)
        shares = ["-" if part is None or not total else f"{100 * part / total:.0f}" for part in parts]
        narrow = interval(record.facts_low, record.facts_high).strip()
        rows.append([split, arm, f"{total:.3f}", *shares, narrow])
    header = ["split", "arm", "variance", "world %", "run %", "item %", "item x run %"]
    return [[*header, "these worlds and runs alone, other facts"], *rows]
