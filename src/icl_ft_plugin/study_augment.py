"""What the cells of a study are trained on, augmentations included; each of these is generated once.

For example the arms ``ft+local`` and ``ft+local+global`` under three training seeds all read
``runs/demo/augmentations/77b0c1.../corpus.jsonl``, which the cell's own base model wrote when the first of them was run.
"""

from __future__ import annotations

from typing import Any

from icl_ft_plugin.augment.audited import audits, entailed
from icl_ft_plugin.augment.generate import load_lm
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.output import make_folder, read_folder
from icl_ft_plugin.augment.settings import GENERATED, Strategy
from icl_ft_plugin.augment.statements import Augmentation, augment
from icl_ft_plugin.augment.training import training_rows
from icl_ft_plugin.study_config import StudyConfig
from icl_ft_plugin.study_find import register_model
from icl_ft_plugin.study_plan import Cell, prompt_of
from icl_ft_plugin.study_store import Store


def arm_rows(cell: Cell, study: StudyConfig, store: Store) -> list[dict[str, str]]:
    """Return the rows that a cell trains on; what its model has to write for them is written now, if it was not before.

    Raises:
        UsageError: The model cannot be asked, or a setting of the arm does not fit its world.
    """
    generated: dict[str, list[str]] = {}
    seen: set[str] = set()
    for strategy in GENERATED:
        if strategy in cell.augmentations:
            texts = _statements(cell, strategy, study, store)
            if study.augmentation.deduplicate:
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


def _statements(cell: Cell, strategy: Strategy, study: StudyConfig, store: Store) -> list[str]:
    folder = store.augmentation(cell.augmentations[strategy])
    if not folder.is_dir():
        prompt = prompt_of(cell.model, study.augmentation, strategy)

        def make(journal: Journal) -> Augmentation:
            register_model()
            lm = load_lm("icl_ft_hf", {"pretrained": str(cell.model.path)})
            return augment(cell.world, prompt, study.augmentation, lm, cell.model.hash, journal)

        def audited(made: Augmentation) -> dict[str, Any]:
            reports = audits(cell.world, made.rows, {str(strategy): made.info["tokens"]["generated"]})
            return {"audit.json": reports[strategy].to_dict()} if reports else {}

        make_folder(folder, make, audited)
    rows, _ = read_folder(folder)
    return [row["text"] for row in rows]


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
