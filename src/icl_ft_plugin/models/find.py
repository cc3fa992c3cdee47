"""Finds a model: ``find_model("nano")`` gives the folder of the embedded model, a path gives itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.files import read_json, sha256
from icl_ft_plugin.paths import model_names, models_dir
from icl_ft_plugin.schema import content_hash

_HASHED = {".safetensors", ".json", ".model", ".txt", ".jinja"}


def find_model(name: str) -> Path:
    """Return the folder of a model: an embedded one by its name, any other by its path.

    Raises:
        UsageError: There is no checkpoint.
    """
    embedded = model_names()
    path = models_dir() / name if name in embedded else Path(name)
    if not (path / "config.json").is_file():
        hint = suggest(name, embedded) or f"; embedded models: {', '.join(embedded) or 'none'}"
        raise UsageError(f"models: {shown(name)} is no folder of a checkpoint (with config.json){hint}")
    if not any(path.glob("*.safetensors")):
        raise UsageError(f"models: {shown(name)} holds no *.safetensors: save the checkpoint with save_pretrained")
    return path


def check_chat_template(path: Path) -> None:
    """Check that a checkpoint's tokenizer can lay out a chat.

    Raises:
        UsageError: It has no chat template.
    """
    config = path / "tokenizer_config.json"
    named = config.is_file() and "chat_template" in read_json(config)
    if not named and not (path / "chat_template.jinja").is_file():
        raise UsageError(f"{path}: its tokenizer has no chat template: ask without one (chat_template: false)")


def folder_hash(path: Path) -> str:
    """Return the hash of a checkpoint's weights, config and tokenizer, whatever its folder is called."""
    # A trained checkpoint's ledger holds times; it is no part of the model.
    files = [file for file in path.iterdir() if file.suffix in _HASHED and file.name != "ledger.json"]
    return content_hash({file.name: sha256(file) for file in files})


def weights_hash(parameters: Iterable[Any]) -> str:
    """Return the SHA-256 of weights in memory, independent of their names and order."""
    import torch

    digests = sorted(
        hashlib.sha256(parameter.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()).hexdigest()
        for parameter in parameters
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()
