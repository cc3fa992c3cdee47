"""Where the files that ship beside the code lie: ``tasks_dir()`` gives ``.../icl_ft_plugin/tasks``.

A wheel carries the repository's ``tasks/`` and ``recipes/`` inside the package (see ``hatch_build.py``); a checkout,
and so an editable install, keeps them at its root. The embedded models are inside the package in both. Models of the Hub lie in its own cache.
"""

from __future__ import annotations

from pathlib import Path

from icl_ft_plugin.errors import UsageError, shown, suggest

PLAIN = "plain"  # the question prompt that adds nothing to a question
_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]
_NO_RECIPES = ("accelerate", "prompts", "studies")  # folders below recipes/ that hold something else


def tasks_dir() -> Path:
    """Return the folder of the lm-eval task YAMLs.

    Raises:
        UsageError: The installation is incomplete.
    """
    return _shipped("tasks")


def recipes_dir() -> Path:
    """Return the folder of the training recipes, studies and prompts.

    Raises:
        UsageError: The installation is incomplete.
    """
    return _shipped("recipes")


def models_dir() -> Path:
    """Return the folder of the embedded models, one folder each."""
    return _PACKAGE / "models"


def examples_dir() -> Path:
    """Return the folder of the examples of own documents, one folder each."""
    return _PACKAGE / "examples"


def model_names() -> list[str]:
    """Return the names of the embedded models."""
    return sorted(path.parent.name for path in models_dir().glob("*/config.json"))


def study_names() -> list[str]:
    """Return the names of the studies that ship."""
    return sorted(path.stem for path in (recipes_dir() / "studies").glob("*.yaml"))


def recipe_names() -> list[str]:
    """Return the names of the training recipes that ship, as ``reversal/full``."""
    folders = sorted(path for path in recipes_dir().iterdir() if path.is_dir() and path.name not in _NO_RECIPES)
    return [f"{folder.name}/{path.stem}" for folder in folders for path in sorted(folder.glob("*.yaml"))]


def prompt_file(name: str, *below: str) -> Path:
    """Return a prompt's file.

    Args:
        name: The name of one that ships, or a file.
        *below: The folder below ``recipes/prompts`` where those of its kind are.

    Raises:
        UsageError: It is neither.
    """
    folder = recipes_dir().joinpath("prompts", *below)
    shipped = folder / f"{name}.yaml"
    path = shipped if shipped.is_file() else Path(name)
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise UsageError(f"prompt: {shown(name)} is no file and none of {', '.join(known)}{suggest(name, known)}")
    return path


def snapshot_of(folder: Path) -> tuple[str, str] | None:
    """Return repository and commit of ``models--owner--name/snapshots/commit``, a folder of the Hub's cache; None of others."""
    *_, cached, between, commit = ("", "", "", *folder.parts)
    if between != "snapshots" or not cached.startswith("models--"):
        return None
    return cached.removeprefix("models--").replace("--", "/"), commit


def called(place: str) -> str:
    """Return ``owner/name@commit`` of a folder of the Hub's cache; any other place as it is."""
    snapshot = snapshot_of(Path(place))
    return "@".join(snapshot) if snapshot else place


def _shipped(name: str) -> Path:
    if (_PACKAGE / name).is_dir():
        return _PACKAGE / name
    # Without pyproject.toml this is no checkout but whatever folder stands above site-packages.
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / name).is_dir():
        return _CHECKOUT / name
    raise UsageError(
        f"no folder {shown(name)} in {_PACKAGE} nor in {_CHECKOUT}: reinstall icl-ft-plugin (an archive must be unpacked)"
    )
