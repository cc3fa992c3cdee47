"""What a user asks first of a study, answered from its numbers: the words of ``docs/symptoms.md``, about these models and documents.

For example ``symptoms(block)[1]`` is ``Symptom("Can it use them?", "no", "No", "ft: 50% of the reversal questions, chance 50%; with
the documents in its prompt 100%.")``. An answer is "not shown" wherever the intervals leave it open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from icl_ft_plugin.families import named
from icl_ft_plugin.report.measures.kinds import Apart
from icl_ft_plugin.report.measures.names import is_baseline, weights_and_prompt
from icl_ft_plugin.report.records import GATE, Accuracy, Block
from icl_ft_plugin.report.verdicts import is_augmented
from icl_ft_plugin.report.words import percent, signed, spaced

ORDER = ("no", "open", "part", "yes")
SHORT = {"no": "No", "open": "Not shown", "part": "In part", "yes": "Yes"}


@dataclass(frozen=True, slots=True)
class Symptom:
    """An answer.

    Attributes:
        asked: The question.
        kind: ``"no"``, ``"open"``, ``"part"`` or ``"yes"``; of advice ``"next"``.
        short: The answer in a word or two.
        text: What it rests on.
    """

    asked: str
    kind: str
    short: str
    text: str


def symptoms(block: Block) -> list[Symptom]:
    """Return the answers about one model on one entry of worlds; none where nothing was finetuned on the documents."""
    told, used = _splits(block)
    arm = next((arm for arm in block.arms if _trained(arm)), None)
    if arm is None or not used:
        return []
    learned = _learned(block, arm, told) if told else None
    use, better = _used(block, arm, used), _helping(block, arm, used)
    return [
        *([learned] if learned else []),
        use,
        _augmented(block, arm, used, better),
        _next(block, [learned.kind if learned else "yes", use.kind], (told, used), better),
    ]


def _splits(block: Block) -> tuple[str | None, list[str]]:
    """Return the split that tells whether facts were learned, and those that ask to use them.

    Of own documents without a split of that name it is the first, and those that follow ask for more.
    """
    family = named(block.family)
    if family.main in block.splits:
        told = family.learned if family.learned in block.splits and family.learned != family.main else None
        return told, [family.main]
    told = family.learned if family.learned in block.splits else block.splits[0]
    return told, [split for split in block.splits if split != told]


def _trained(arm: str) -> bool:
    weights, prompt = weights_and_prompt(arm)
    return weights != "pretrained" and prompt == "closed" and not is_augmented(arm) and not is_baseline(arm)


def _above(record: Accuracy | None) -> bool:
    """Say whether an arm is shown to be above chance: by a test over worlds, or within one world by its interval."""
    if record is None:
        return False
    return record.against_chance == "above" or bool(
        record.against_chance == "not tested" and record.low is not None and record.low > record.chance
    )


def _kind(record: Accuracy | None) -> str:
    if not _above(record):
        return "open"
    return "yes" if record and record.accuracy >= GATE else "part"


def _said(record: Accuracy) -> str:
    return f"{percent(record.accuracy)} of the {spaced(record.split)} questions, chance {percent(record.chance)}"


def _learned(block: Block, arm: str, split: str) -> Symptom | None:
    record = block.accuracy.get((arm, split))
    if record is None:
        return None
    kind = _kind(record)
    return Symptom("Did it learn the facts?", kind, SHORT[kind], f"{arm}: {_said(record)}.")


def _used(block: Block, arm: str, splits: Sequence[str]) -> Symptom:
    kinds, texts = [], []
    for split in splits:
        record, icl = block.accuracy.get((arm, split)), block.accuracy.get(("icl", split))
        if record is None:
            continue
        ahead = _apart(block, split, "icl", arm)
        behind = ahead is not None and ahead.low is not None and ahead.low > 0
        kind = _kind(record)
        kinds.append("no" if kind == "open" and behind else kind)
        beside = f"; with the documents in its prompt {percent(icl.accuracy)}" if icl else ""
        texts.append(f"{arm}: {_said(record)}{beside}.")
    kind = min(kinds, key=ORDER.index, default="open")
    return Symptom("Can it use them?", kind, SHORT[kind], " ".join(texts))


def _apart(block: Block, split: str, arm: str, than: str) -> Apart | None:
    """Return how far an arm is ahead of another on a split."""
    for pair in block.pairs:
        if pair.split == split and {pair.arm, pair.than} == {arm, than}:
            if pair.arm == arm:
                return Apart(0.0, pair.difference, pair.low, pair.high, pair.why)
            low, high = (None if end is None else -end for end in (pair.high, pair.low))
            return Apart(0.0, -pair.difference, low, high, pair.why)
    return None


def _gains(block: Block, than: str, splits: Iterable[str]) -> list[tuple[str, str, Apart]]:
    found = [
        (arm, split, _apart(block, split, arm, than)) for split in splits for arm in block.arms if is_augmented(arm)
    ]
    return [(arm, split, gain) for arm, split, gain in found if gain]


def _helping(block: Block, arm: str, splits: Sequence[str]) -> list[str]:
    """Return the augmented arms that are shown to be ahead, the best first."""
    gains = sorted(_gains(block, arm, splits), key=lambda entry: -entry[2].difference)
    return list(dict.fromkeys(other for other, _, gain in gains if gain.low is not None and gain.low > 0))


def _augmented(block: Block, arm: str, splits: Sequence[str], better: Sequence[str]) -> Symptom:
    asked = "What did augmentation do?"
    gains = _gains(block, arm, splits)
    if not gains:
        return Symptom(asked, "open", "Not tried", "No arm was trained on inferences from the documents, too.")
    worse = all(gain.high is not None and gain.high < 0 for _, _, gain in gains)
    texts = [
        f"{other}: {percent(block.accuracy[other, split].accuracy)} of the {spaced(split)} questions, {signed(gain)} points."
        for other, split, gain in gains
    ]
    kind, short = ("yes", "It helps") if better else ("no", "It harms") if worse else ("open", "Nothing shown")
    return Symptom(asked, kind, short, " ".join(texts))


def _next(block: Block, kinds: Sequence[str], splits: tuple[str | None, list[str]], better: Sequence[str]) -> Symptom:
    (learned, use), (told, used) = kinds, splits
    reads = _above(block.accuracy.get(("icl", told or used[0])))
    turns = any(_above(block.accuracy.get(("icl", split))) for split in used)
    asked_icl = any(arm == "icl" for arm, _ in block.accuracy)
    known = [check.split for check in block.contamination if check.verdict == "above chance" and check.split in used]
    tried = any(map(is_augmented, block.arms))
    if known:
        short = "Ask other questions"
        text = f"The untouched model is above chance on {', '.join(map(spaced, known))}: it knew the answers, or the choices give them away."
    elif learned != "yes" and (learned == "part" or reads or not asked_icl):
        short = "Train more"
        text = "More steps, a higher rate, or more wordings of each fact: what is not learned cannot be used."
    elif learned != "yes":
        short, text = (
            "Take another model",
            "This one is not shown to use the documents even where they stand in its prompt.",
        )
    elif use == "yes":
        short, text = "No gap to close here", "What was learned is used."
    elif better:
        short = f"Train as {better[0]}"
        text = "The inferences in its rows do what finetuning on the documents alone does not."
    elif turns and not tried:
        short, text = (
            "Add the inferences",
            "Run the arm ft+local: it also trains on what the model itself infers from each document.",
        )
    elif turns:
        short, text = (
            "Keep the documents in the prompt",
            "The inferences tried are not shown to help; write them by hand, or retrieve.",
        )
    else:
        short, text = (
            "Write the inferences by hand",
            "The model is not shown to infer them in its prompt either; or take a larger one.",
        )
    return Symptom("What to do next?", "next", short, f"{text}{_lost(block)}{_few(block)}")


def _lost(block: Block) -> str:
    lost = dict.fromkeys(each.task for each in block.kept if each.change.high is not None and each.change.high < 0)
    return f" Mix in other text (ft+replay): some of {', '.join(map(spaced, lost))} is lost." if lost else ""


def _few(block: Block) -> str:
    made = named(block.family).generate is not None
    return " Before concluding, run three worlds or more." if block.scope and made else ""
