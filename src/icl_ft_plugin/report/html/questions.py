"""The single questions of a study for the report's browser: what was asked, and what each arm made of it.

One question, its runs being ``[place of the arm, seed of the run, right, log-likelihoods]``::

    {"split": "reversal", "world": 0, "question": "glon are", "choices": ["less dangerous than femp.", ...], "gold": [0],
     "labels": {"gold_word": "less"}, "runs": [[0, null, 1, [-3.1, -4.4]], [2, 0, 0, [-5.0, -2.2]], ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from icl_ft_plugin.report.read import ScoredCell, Study, together
from icl_ft_plugin.report.records import Block

SHOWN = 300  # questions per split of a block that go into the page


def browsable(study: Study, blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return per block its name, arms, splits, the number of all its questions, and those to show."""
    found = []
    for block in blocks:
        cells = together(study)[block.model, block.worlds]
        asked = _questions(cells, block.arms)
        shown: list[dict[str, Any]] = []
        for split in block.splits:
            of_split = [question for question in asked if question["split"] == split]
            # Evenly over the split, so that every world and kind of question is there.
            shown += of_split[:: max(1, -(-len(of_split) // SHOWN))]
        found.append(
            {
                "name": f"{block.worlds}, {block.model}",
                "arms": block.arms,
                "splits": block.splits,
                "all": len(asked),
                "questions": shown,
            }
        )
    return found


def _questions(cells: Sequence[ScoredCell], arms: Sequence[str]) -> list[dict[str, Any]]:
    asked: dict[tuple[int, str, str], dict[str, Any]] = {}
    for cell in cells:
        world = cell.labels.world_seed
        for item in cell.items:
            question = asked.setdefault(
                (world, item.split, item.id),
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
            arm = arms.index(cell.labels.arm)
            question["runs"].append([arm, cell.labels.run, round(item.correct), scores])
    return list(asked.values())
