"""Studies of the tiny model beside an entry that another engine asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_study import save_study

from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.schema import StudyConfig

WORLDS = [{"family": "reversal", "config": {"n_facts": 3, "documents_per_fact": 1}, "splits": ["reversal", "rephrase"]}]
CHAT = "local-chat-completions"
SECRET = "sk-0123456789abcdef"
Saved = Callable[..., StudyConfig]


def saving(folder: Path) -> Saved:
    """Return what saves a study of the tiny model of a folder, with the model entries it is given."""

    def study(*models: Any, **more: Any) -> StudyConfig:
        entries = [{"pretrained": str(folder / "tiny"), **entry} if "name" not in entry else entry for entry in models]
        given = {"arms": ["pretrained", "icl", "ft"], "worlds": WORLDS, "training_seeds": [0], "steps": 1, **more}
        return load_study(save_study(folder, models=entries, **given))

    return study


def api(url: str = "http://127.0.0.1:9/v1", **more: Any) -> dict[str, Any]:
    arguments = {"model": "m-1", "base_url": f"{url}/chat/completions", "max_retries": 1, **more}
    return {"name": "api", "engine": CHAT, "engine_args": arguments}


def by_arm(study: StudyConfig) -> dict[tuple[str, str], Cell]:
    return {(cell.labels.model, cell.arm.name): cell for cell in plan(study)}
