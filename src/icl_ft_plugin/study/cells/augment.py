"""What the cells of a study are trained on, augmentations included; each of these is generated once.

For example the arms ``ft+local`` and ``ft+local+global`` under three training seeds all read
``runs/demo/augmentations/77b0c1.../corpus.jsonl``, which the cell's own base model wrote when the first of them was run.
"""

from __future__ import annotations

import time
from pathlib import Path

from icl_ft_plugin.augment.audited import audits
from icl_ft_plugin.augment.folder import Extra, make_folder, read_folder
from icl_ft_plugin.augment.generate import load_lm
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.run import Augmentation, infer, written_elsewhere
from icl_ft_plugin.augment.statements import Statement, rows_of
from icl_ft_plugin.schema import World
from icl_ft_plugin.study.cell import Cell, Writing
from icl_ft_plugin.study.engine import at_work
from icl_ft_plugin.study.records import WritingCost
from icl_ft_plugin.study.store import Store


def arm_rows(cell: Cell, world: World, store: Store) -> list[dict[str, str]]:
    """Return the rows that a cell trains on; what its model has to write for them is written now, if it was not before.

    Raises:
        UsageError: The model cannot be asked, or a setting of the arm does not fit its world.
    """
    written = {part: _statements(cell, world, part, store) for part in cell.writings}
    return rows_of(cell.arm, world, cell.arm.corpus, written, deduplicate=cell.settings.deduplicate)


def _statements(cell: Cell, world: World, part: str, store: Store) -> list[Statement]:
    writing = cell.writings[part]
    folder = store.augmentation(writing.key)
    with store.making(folder) as needed:
        if needed:
            _generate(folder, cell, world, part, writing)
    return read_folder(folder).statements


def _generate(folder: Path, cell: Cell, world: World, part: str, writing: Writing) -> None:
    """Let the cell's model write, or read what another tool wrote, and audit it."""
    timing: dict[str, float] = {}

    def make(journal: Journal) -> Augmentation:
        if writing.prompt is None:
            return written_elsewhere(world, part, writing.sha256)
        begun, known = time.perf_counter(), set(journal.answers)
        made = _inferred(cell, world, writing.prompt, journal)
        # Of this process alone: a run that was killed goes on with what its journal holds.
        written = (answer.generated_tokens or 0 for key, answer in journal.answers.items() if key not in known)
        if cell.model.engine is None:  # whose rates say nothing of ``icl_ft_hf``
            timing.update(generated_tokens=sum(written), seconds=round(time.perf_counter() - begun, 3))
        return made

    def audited(made: Augmentation) -> Extra:
        reports = audits(world, made.statements, {part: made.record.tokens.generated})
        times = {"timing.json": timing} if timing else {}
        return {**times, **({"audit.json": reports[part].to_dict()} if reports else {})}

    make_folder(folder, make, audited)


def _inferred(cell: Cell, world: World, prompt: Prompt, journal: Journal) -> Augmentation:
    """Let the cell's model write, through its engine if it has one."""
    model, engine = cell.model, cell.model.engine
    name, arguments = (engine.name, engine.loading(model.path)) if engine else ("icl_ft_hf", model.loading)
    with at_work(engine, arguments):
        lm = load_lm(name, arguments, (engine and engine.batch_size) or 8)
        return infer(world, prompt, cell.settings, lm, model.writer, journal)


def writing_costs(cell: Cell, store: Store) -> dict[str, WritingCost] | None:
    """Return what the cell's augmentations have cost, by strategy; None where it has none."""
    costs: dict[str, WritingCost] = {}
    for strategy, writing in cell.writings.items():
        record = read_folder(store.augmentation(writing.key)).record
        assert record.statements  # which only what rules infer has not
        costs[strategy] = WritingCost(
            hash=record.hash,
            prompt=f"{record.prompt.name}/{record.prompt.version}" if record.prompt else "",
            requests=record.requests.answered if record.requests else 0,
            prompt_tokens=record.tokens.prompt,
            generated_tokens=record.tokens.generated,
            statements=record.statements.kept,
        )
    return costs or None
