"""Finds a model by its name: ``find_model("nano")`` gives the folder of the embedded model, a path gives itself.

``find_model("Qwen/Qwen3-0.6B@main")`` gives a folder of the Hub's cache (see ``hub``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, shown, suggest
from icl_ft_plugin.files import read_json, sha256
from icl_ft_plugin.models import hub
from icl_ft_plugin.models.hashes import remembered
from icl_ft_plugin.paths import model_names, models_dir, snapshot_of
from icl_ft_plugin.schema import content_hash

IN_PROCESS = ("icl_ft_hf", "hf", "hf-auto", "huggingface", "vllm")  # names of lm-eval models that load a checkpoint
_HASHED = {hub.WEIGHTS, *hub.WORDS}


def find_model(name: str, *, weights: bool = True, revision: str | None = None, gguf_file: str | None = None) -> Path:
    """Return the folder of a model: an embedded one by its name, one of the Hub by its id, any other by its path.

    Args:
        name: ``"nano"``, a folder, ``"owner/name"`` or ``"owner/name@revision"``.
        weights: Whether a model of the Hub is needed with its weights, which are downloaded then.
        revision: Of a model of the Hub whose name says none.
        gguf_file: The file of the folder that holds the weights, in the place of ``*.safetensors``.

    Raises:
        UsageError: There is no checkpoint.
    """
    path = _place(name, weights=weights, revision=revision, gguf_file=gguf_file)
    if gguf_file is not None:
        if not (path / gguf_file).is_file():
            raise UsageError(f"models: {shown(name)}: gguf_file: {shown(gguf_file)} is not there")
        return path
    if not (path / "config.json").is_file():
        raise UsageError(f"models: {shown(name)} is no folder of a checkpoint (with config.json){_hint(name)}")
    if snapshot_of(path) and not weights:
        return path
    if not any(path.glob("*.safetensors")):
        raise UsageError(f"models: {shown(name)} holds no *.safetensors: save the checkpoint with save_pretrained")
    index = path / "model.safetensors.index.json"
    if index.is_file() and not (path / "model.safetensors").is_file():
        for shard in sorted(set(read_json(index).get("weight_map", {}).values())):
            if not (path / shard).is_file():
                raise UsageError(f"models: {shown(name)} is not whole: {shard} is missing; get the model again")
    return path


def find_adapter(name: str) -> Path:
    """Return the folder of an adapter of PEFT, from the Hub if it is named by its id.

    Raises:
        UsageError: There is none.
    """
    path = _place(name)
    if not (path / "adapter_config.json").is_file():
        raise UsageError(f"--peft {name}: no adapter there (adapter_config.json)")
    return path


def is_adapter(name: str) -> bool:
    """Whether a name is that of an adapter, and not of a model.

    Raises:
        UsageError: A model of the Hub cannot be had.
    """
    return (_place(name) / "adapter_config.json").is_file()


def found_in(engine: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an lm-eval model with the model that they name found: its folder in the place of its name.

    Args:
        engine: What lm-eval calls the kind of model; of those that do not run in this process, nothing is looked for.
        arguments: ``pretrained``, ``revision``, ``gguf_file``, ``peft`` and whatever else it takes.

    Raises:
        UsageError: There is no such model.
    """
    found = dict(arguments)
    if engine not in IN_PROCESS or not isinstance(name := found.get("pretrained"), str):
        return found
    revision = found.pop("revision", None)
    found["pretrained"] = str(find_model(name, revision=revision, gguf_file=found.get("gguf_file")))
    if isinstance(adapter := found.get("peft"), str):
        found["peft"] = str(find_adapter(adapter))
    return found


def label_of(name: str) -> str:
    """Return what tables call a model: the last part of its id or path, without the revision."""
    if not Path(name).exists() and (found := hub.parsed(name)):
        return found[0].rpartition("/")[2]
    return Path(name).absolute().name


def _place(name: str, **wanted: Any) -> Path:
    if name in model_names():
        return models_dir() / name
    path = Path(name)
    if path.exists() or hub.parsed(name) is None or suggest(name, model_names()):
        return path
    return hub.fetch(name, **wanted)


def _hint(name: str) -> str:
    embedded = model_names()
    return suggest(name, embedded) or f"; embedded models: {', '.join(embedded) or 'none'}"


def has_chat_template(path: Path) -> bool:
    """Whether a checkpoint's tokenizer can lay out a chat."""
    config = path / "tokenizer_config.json"
    return (path / "chat_template.jinja").is_file() or (config.is_file() and "chat_template" in read_json(config))


def check_chat_template(path: Path) -> None:
    """Check that a checkpoint's tokenizer can lay out a chat.

    Raises:
        UsageError: It has no chat template.
    """
    if not has_chat_template(path):
        raise UsageError(f"{path}: its tokenizer has no chat template: ask without one (chat_template: false)")


def speaks_as(path: Path) -> str | None:
    """Return the embedded model whose tokenizer a checkpoint has, as copies and finetuned ones have; None if none's."""
    own = path / "tokenizer.json"
    digest = sha256(own) if own.is_file() else None
    return next((name for name in model_names() if digest == _tokenizer_hash(name)), None)


@lru_cache
def _tokenizer_hash(name: str) -> str:
    return sha256(models_dir() / name / "tokenizer.json")


def folder_hash(path: Path, gguf_file: str | None = None) -> str:
    """Return the hash of a checkpoint's weights, config and tokenizer, whatever its folder is called.

    Of a model of the Hub it is that of repository, commit and the checksums that the Hub gives: no file is read.

    Args:
        path: What ``find_model`` or ``find_adapter`` returned.
        gguf_file: The file of its weights, if they are in one.
    """
    if (known := hub.identity(path, gguf_file)) is not None:
        return content_hash(known)
    # A trained checkpoint's ledger holds times; it is no part of the model.
    files = [file for file in path.iterdir() if file.suffix in _HASHED and file.name != "ledger.json"]
    return content_hash({file.name: remembered(file) for file in [*files, *([path / gguf_file] if gguf_file else [])]})


def weights_hash(parameters: Iterable[Any]) -> str:
    """Return the SHA-256 of weights in memory, independent of their names and order."""
    import torch

    digests = sorted(
        hashlib.sha256(parameter.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()).hexdigest()
        for parameter in parameters
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()
