"""How many of a trained cell's questions stand, with their answer, in the rows that it is trained on: nothing is inferred there.

Whatever wrote the rows, the documents' author, a model, an oracle or another tool, by the rule that worlds are proved by
(``told``); a question with its answer says what it may state, too. In the ledger of a cell of ``ft+local``, for example::

    "verbatim": {"rephrase": {"questions": 20, "standing": 3}, "reversal": {"questions": 20, "standing": 0}}
"""

from __future__ import annotations

from collections import Counter

from icl_ft_plugin.arms.rows import readings
from icl_ft_plugin.families import family_of, told
from icl_ft_plugin.schema import World
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.cells.augment import arm_rows
from icl_ft_plugin.study.records import Verbatim
from icl_ft_plugin.study.store import Store


def verbatim_of(cell: Cell, world: World, store: Store) -> dict[str, Verbatim] | None:
    """Return by split what stands in a cell's rows; None where it is not trained, or learns without rows (``sdft``).

    Args:
        cell: The cell.
        world: Its world.
        store: Where what was written for it is.
    """
    if cell.training is None or cell.arm.method != "finetune":
        return None
    rows = dict.fromkeys(said for row in arm_rows(cell, world, store) for said in readings(row))
    asked = [question for question in world.questions if question.split in cell.tasks]
    found = told.verbatim(asked, (("a row", row) for row in rows), family_of(world.family).stem)
    standing = Counter({question.id: question.split for question, _, _ in found}.values())
    questions = Counter(question.split for question in asked)
    return {split: Verbatim(questions=questions[split], standing=standing[split]) for split in cell.tasks}
