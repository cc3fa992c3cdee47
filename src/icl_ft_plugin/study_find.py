"""Finds what a study file names: ``find_model("nano")`` gives the folder of the embedded model, a path gives itself."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from icl_ft_plugin import own
from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.paths import model_names, models_dir, recipe_names, recipes_dir, tasks_dir
from icl_ft_plugin.schema import KnowledgeSet, content_hash


def find_model(name: str) -> Path:
    """Return the folder of a model: an embedded one by its name, any other by its path.

    Raises:
        UsageError: There is no checkpoint.
    """
    embedded = model_names()
    path = models_dir() / name if name in embedded else Path(name)
    if not (path / "config.json").is_file():
        hint = suggest(name, embedded) or f"; embedded models: {', '.join(embedded) or 'none'}"
        raise UsageError(f"models: {name!r} is no folder of a checkpoint (with config.json){hint}")
    if not any(path.glob("*.safetensors")):
        raise UsageError(f"models: {name!r} holds no *.safetensors: save the checkpoint with save_pretrained")
    return path


def check_chat_template(path: Path) -> None:
    """Check that a checkpoint's tokenizer can lay out a chat.

    Raises:
        UsageError: It has no chat template.
    """
    config = path / "tokenizer_config.json"
    named = config.is_file() and "chat_template" in json.loads(config.read_text(encoding="utf-8"))
    if not named and not (path / "chat_template.jinja").is_file():
        raise UsageError(f"{path}: its tokenizer has no chat template: ask without one (chat_template: false)")


def folder_hash(path: Path) -> str:
    """Return the hash of a checkpoint's weights, config and tokenizer, whatever its folder is called."""
    digests = {}
    for file in sorted(path.iterdir()):
        # A trained checkpoint's ledger holds times; it is no part of the model.
        if file.suffix in {".safetensors", ".json", ".model", ".txt", ".jinja"} and file.name != "ledger.json":
            with file.open("rb") as stream:
                digests[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return content_hash(digests)


def find_recipe(name: str | Path) -> Path:
    """Return a recipe's file: the path as given, else its place under ``recipes/``.

    Raises:
        UsageError: Neither exists.
    """
    for path in (Path(name), recipes_dir() / name, recipes_dir() / f"{name}.yaml"):
        if path.is_file():
            return path
    hint = suggest(str(name).removesuffix(".yaml"), recipe_names())
    raise UsageError(f"recipe: {str(name)!r} is neither a file here nor one under {recipes_dir()}{hint}")


class _TaskLoader(yaml.SafeLoader):
    """Reads task files for their metadata; ``!function`` stays unresolved, so nothing is imported."""


_TaskLoader.add_multi_constructor("!", lambda loader, tag, node: None)


def read_task(file: Path) -> dict[str, Any]:
    """Return a task file's keys, with those of the file that it includes, whose functions are left out."""
    data = yaml.load(file.read_text(encoding="utf-8"), Loader=_TaskLoader)  # noqa: S506 - a subclass of SafeLoader
    included = data.pop("include", None)
    return {**(read_task(file.parent / included) if included else {}), **data}


@lru_cache(maxsize=1)
def _all_tasks() -> tuple[tuple[str, str, str], ...]:
    """Return (family, split, task) of every task that ships and chooses among given answers."""
    found = []
    for file in sorted(tasks_dir().rglob("*.yaml")):
        data = read_task(file)
        metadata = data.get("metadata") or {}
        # Whether options are hidden or shown is a matter of written answers only.
        if isinstance(data.get("task"), str) and "split" in metadata and "options" not in metadata:
            found.append((metadata["family"], metadata["split"], data["task"]))
    return tuple(found)


def find_tasks(world: KnowledgeSet, splits: list[str] | None, condition: str) -> dict[str, str]:
    """Return the task of each split under a condition; None asks for all splits that have one.

    Raises:
        UsageError: A split has no task, or none has.
    """
    names = {s: t for family, s, t in _all_tasks() if family == world.family and t.endswith(f"_{condition}")}
    if world.family == own.FAMILY:  # whose splits no task file can know: one task asks them all
        names = dict.fromkeys(world.splits, f"icl_ft_own_{condition}")
    wanted = splits or [split for split in world.splits if split in names]
    for split in wanted:
        if split not in names:
            raise UsageError(
                f"worlds: {world.family} has no split {split!r} under condition {condition!r}{suggest(split, names)}; "
                f"it has {', '.join(names) or 'none'}"
            )
    if not wanted:
        raise UsageError(f"worlds: no task of family {world.family!r} under condition {condition!r}")
    return {split: names[split] for split in wanted}
