"""A study of six quick cells on the tiny model, for tests that really run studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml
from tiny import RECIPE, save_tiny

COMMAND = [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()", "study"]


def save_study(folder: Path, window: int = 2048, **changes: Any) -> Path:
    """Write the model, the recipe and the study file; keys of the study may be changed."""
    model = save_tiny(folder / "tiny", window=window)
    # Hot enough that arms and seeds come out different.
    (folder / "recipe.yaml").write_text(RECIPE.replace("1.0e-2", "3.0e-2"), encoding="utf-8")
    study = {
        "name": "t",
        "models": [str(model)],
        "worlds": [
            {"family": "reversal", "config": {"n_facts": 6, "documents_per_fact": 2, "misleading": 0}, "seeds": [0]}
        ],
        "arms": ["pretrained", "icl", "ft", "ft+oracle"],
        "training_seeds": [0, 1],
        "context_seeds": [0],
        "recipe": str(folder / "recipe.yaml"),
        "steps": 12,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump({**study, **changes}), encoding="utf-8")
    return folder / "study.yaml"
