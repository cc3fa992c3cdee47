"""What the cells of a study are trained on, augmentations included; each of these is generated once.

For example the arms ``ft+local`` and ``ft+local+global`` under three training seeds all read
``runs/demo/augmentations/77b0c1.../corpus.jsonl``, which the cell's own base model wrote when the first of them was run.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from icl_ft_plugin import register
from icl_ft_plugin.augment.audited import audits, entailed
from icl_ft_plugin.augment.generate import load_lm
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.output import make_folder, read_folder
from icl_ft_plugin.augment.settings import GENERATED, Strategy
from icl_ft_plugin.augment.statements import Augmentation, augment
from icl_ft_plugin.augment.training import training_rows
from icl_ft_plugin.study_key import Cell
from icl_ft_plugin.study_plan import prompt_of
from icl_ft_plugin.study_store import Store


def arm_rows(cell: Cell, store: Store) -> list[dict[str, str]]:
    """Return the rows that a cell trains on; what its model has to write for them is written now, if it was not before.

    Raises:
        UsageError: The model cannot be asked, or a setting of the arm does not fit its world.
    """
    generated: dict[str, list[str]] = {}
    seen: set[str] = set()
    for strategy in GENERATED:
        if strategy in cell.augmentations:
            texts = _statements(cell, strategy, store)
            if cell.settings.deduplicate:
                texts = [text for text in texts if text not in seen]
            seen.update(texts)
            generated[strategy] = entailed(cell.world, texts) if cell.arm.keep == "entailed" else texts
    return training_rows(
        cell.world,
        cell.arm.corpus,
        generated,
        loss=cell.arm.loss,
        splitting=cell.arm.splitting,
        split_loss=cell.arm.split_loss,
        rival=cell.arm.transform,
    )


def _statements(cell: Cell, strategy: Strategy, store: Store) -> list[str]:
    folder = store.augmentation(cell.augmentations[strategy])
    with store.making(folder) as needed:
        if needed:
            _generate(folder, cell, strategy)
    rows, _ = read_folder(folder)
    return [row["text"] for row in rows]


def _generate(folder: Path, cell: Cell, strategy: Strategy) -> None:
    """Let the cell's model write, and audit what it wrote."""
    prompt = prompt_of(cell.model, cell.settings, strategy)
    timing: dict[str, float] = {}

    def make(journal: Journal) -> Augmentation:
        register()
        begun, known = time.perf_counter(), set(journal.answers)
        lm = load_lm("icl_ft_hf", {"pretrained": str(cell.model.path)})
        made = augment(cell.world, prompt, cell.settings, lm, cell.model.hash, journal)
        # Of this process alone: a run that was killed goes on with what its journal holds.
        written = (answer.generated_tokens or 0 for key, answer in journal.answers.items() if key not in known)
        timing.update(generated_tokens=sum(written), seconds=round(time.perf_counter() - begun, 3))
        return made

    def audited(made: Augmentation) -> dict[str, Any]:
        reports = audits(cell.world, made.rows, {str(strategy): made.info["tokens"]["generated"]})
        return {"timing.json": timing, **({"audit.json": reports[strategy].to_dict()} if reports else {})}

    make_folder(folder, make, audited)


def augmentation_cost(cell: Cell, store: Store) -> dict[str, Any] | None:
    """Return what the cell's augmentations have cost, by strategy; None where it has none.

    They are counted in full for every cell that uses them, though they were generated once.
    """
    costs = {}
    for strategy, key in cell.augmentations.items():
        _, info = read_folder(store.augmentation(key))
        costs[strategy] = {
            "hash": info["hash"],
            "prompt": f"{info['prompt']['name']}/{info['prompt']['version']}",
            "requests": info["requests"]["answered"],
            "prompt_tokens": info["tokens"]["prompt"],
            "generated_tokens": info["tokens"]["generated"],
            "statements": info["statements"]["kept"],
        }
    return costs or None
