"""The single questions of a study for the report's browser: what was asked, and what each arm made of it.

One question, its runs being ``[place of the arm, seed of the run, right, log-likelihoods]``::

    {"split": "reversal", "world": 0, "question": "glon are", "choices": ["less dangerous than femp.", ...], "gold": [0],
     "labels": {"gold_word": "less"}, "runs": [[0, null, 1, [-3.1, -4.4]], [2, 0, 0, [-5.0, -2.2]], ...]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.store.read import ScoredCell, Study, together

SHOWN = 300  # questions per split of a block that go into the page


class Asked(TypedDict):
    """A question; of each run the place of its arm, its seed, whether it was right, and the log-likelihoods."""

    split: str
    world: int
    question: str
    choices: list[str]
    gold: list[int]
    labels: dict[str, str]
    runs: list[tuple[int, int | None, int, list[float]]]


class Browsable(TypedDict):
    """A block, the number of all its questions, and those to show."""

    name: str
    arms: Sequence[str]
    splits: Sequence[str]
    all: int
    questions: list[Asked]


Key = tuple[int, str, str]
"""World, split and name of a question."""


def browsable(study: Study, blocks: Sequence[Block]) -> list[Browsable]:
    """Return per block its name, arms, splits, the number of all its questions, and those to show."""
    found: list[Browsable] = []
    for block in blocks:
        cells = together(study)[block.model, block.worlds]
        every: dict[str, dict[Key, None]] = {split: {} for split in block.splits}
        for cell in cells:
            for item in cell.items:
                every[item.split][cell.labels.world_seed, item.split, item.id] = None
        # Evenly over each split, so that every world and kind of question is there.
        shown = [key for keys in every.values() for key in list(keys)[:: max(1, -(-len(keys) // SHOWN))]]
        found.append(
            {
                "name": f"{block.worlds}, {block.model}",
                "arms": block.arms,
                "splits": block.splits,
                "all": sum(map(len, every.values())),
                "questions": _questions(cells, block.arms, dict.fromkeys(shown)),
            }
        )
    return found


def _questions(cells: Sequence[ScoredCell], arms: Sequence[str], wanted: Mapping[Key, None]) -> list[Asked]:
    asked: dict[Key, Asked] = {}
    for cell in cells:
        world, arm = cell.labels.world_seed, arms.index(cell.labels.arm)
        for item in cell.items:
            key = (world, item.split, item.id)
            if key not in wanted:
                continue
            question = asked.setdefault(
                key,
                {
                    "split": item.split,
                    "world": world,
                    "question": item.question,
                    "choices": list(item.choices),
                    "gold": list(item.gold),
                    "labels": dict(item.labels),
                    "runs": [],
                },
            )
            scores = [round(score, 2) for score in item.scores]
            question["runs"].append((arm, cell.labels.run, round(item.correct), scores))
    return [asked[key] for key in wanted]
