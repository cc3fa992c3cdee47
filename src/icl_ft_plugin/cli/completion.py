"""What the shell completes: ``icl-ft study de<Tab>`` gives ``demo``. ``icl-ft --install-completion`` sets it up.

Each function takes what is typed so far and returns the names that begin with it; nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterable


def families(incomplete: str) -> list[str]:
    """Complete a dataset family."""
    from icl_ft_plugin.families import generated

    return _begin(generated(), incomplete)


def studies(incomplete: str) -> list[str]:
    """Complete the name of a study that ships."""
    from icl_ft_plugin.paths import study_names

    return _begin(study_names(), incomplete)


def recipes(incomplete: str) -> list[str]:
    """Complete a training recipe that ships."""
    from icl_ft_plugin.paths import recipe_names

    return _begin(recipe_names(), incomplete)


def models(incomplete: str) -> list[str]:
    """Complete an embedded model."""
    from icl_ft_plugin.paths import model_names

    return _begin(model_names(), incomplete)


def tasks(incomplete: str) -> list[str]:
    """Complete the last of some task or group names that commas separate."""
    from icl_ft_plugin.families import task_folders

    before, comma, last = incomplete.rpartition(",")
    names = _begin(sorted({path.stem for folder in task_folders() for path in folder.rglob("icl_ft*.yaml")}), last)
    return [f"{before}{comma}{name}" for name in names]


def arms(incomplete: str) -> list[str]:
    """Complete an arm."""
    from icl_ft_plugin.config import read_yaml
    from icl_ft_plugin.paths import recipes_dir

    return _begin(read_yaml(recipes_dir() / "arms.yaml"), incomplete)


def _begin(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
