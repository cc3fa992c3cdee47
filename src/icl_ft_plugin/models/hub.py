"""Models of the Hugging Face Hub: ``fetch("Qwen/Qwen3-0.6B@main")`` gives the folder of the Hub's cache with the checkpoint.

Only configuration, tokenizer and ``*.safetensors`` are got, never pickles, by ``huggingface_hub``: its cache, progress,
resumed downloads, logins and variables (``HF_HOME``, ``HF_HUB_OFFLINE``, ``HF_ENDPOINT``, ``HF_TOKEN``). The network is
used when a model of the Hub is named, and only then.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.paths import snapshot_of

WORDS = (".json", ".model", ".txt", ".jinja")  # configuration and tokenizer
WEIGHTS = ".safetensors"
# Weights of other programs and precisions, beside those that transformers loads.
_NEVER = ("*/*", "consolidated*", "*.fp16.safetensors", "*.bf16.safetensors")
_ID = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?)(@(?P<revision>[\w.+/-]+))?")


def parsed(name: str) -> tuple[str, str | None] | None:
    """Return repository and revision of ``owner/name@revision``; None where a text cannot be the name of a Hub's model."""
    found = _ID.fullmatch(name)
    return (found["repository"], found["revision"]) if found else None


def fetch(name: str, *, weights: bool = True, revision: str | None = None, gguf_file: str | None = None) -> Path:
    """Return the folder of a model in the Hub's cache; what is not there is downloaded.

    Args:
        name: ``owner/name`` or ``owner/name@revision``; old models have no owner.
        weights: Whether the weights are needed; otherwise only configuration and tokenizer are.
        revision: Branch, tag or commit, where the name says none.
        gguf_file: Weights of this file, in the place of ``*.safetensors``.

    Raises:
        UsageError: The model or its revision does not exist, is not to be had, or the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import logging as hub_logging

    repository, written = parsed(name) or (name, None)
    patterns = [f"*{ending}" for ending in WORDS] + ([gguf_file or f"*{WEIGHTS}"] if weights or gguf_file else [])
    level = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)  # it warns of all that is raised and told here
    try:
        folder = snapshot_download(
            repository, revision=written or revision, allow_patterns=patterns, ignore_patterns=list(_NEVER)
        )
    except Exception as error:  # what the Hub's client raises depends on its version and its HTTP library
        raise UsageError(_told(name, repository, written or revision, error)) from error
    finally:
        hub_logging.set_verbosity(level)
    return Path(folder)


def identity(folder: Path, gguf_file: str | None = None) -> dict[str, Any] | None:
    """Return what a model of the Hub is: repository, commit, and the checksums that the Hub gives of its files.

    Args:
        folder: What ``fetch`` returned.
        gguf_file: The file of its weights, if they are in one.

    Returns:
        None where the folder is none of the Hub's cache.

    Raises:
        UsageError: The weights are not here, and the Hub, which knows their checksums, cannot be reached.
    """
    if (snapshot := snapshot_of(folder)) is None:
        return None
    repository, commit = snapshot
    links = {file.name: file.readlink().name for file in folder.iterdir() if file.is_symlink()}
    if not links:  # a system without links: the folder is hashed like any other
        return None
    files = {name: links[name] for name in links if _belongs(name, gguf_file)}
    if not any(name == gguf_file or name.endswith(WEIGHTS) for name in files):
        files |= _checksums(repository, commit, gguf_file)
    return {"repository": repository, "commit": commit, "files": files}


def _belongs(name: str, gguf_file: str | None) -> bool:
    endings = WORDS if gguf_file else (*WORDS, WEIGHTS)
    return name == gguf_file or (name.endswith(endings) and not any(Path(name).match(never) for never in _NEVER[1:]))


def _checksums(repository: str, commit: str, gguf_file: str | None) -> Mapping[str, str]:
    from huggingface_hub import HfApi

    try:
        found = HfApi().model_info(repository, revision=commit, files_metadata=True).siblings or []
    except Exception as error:  # as above
        raise UsageError(_told(repository, repository, commit, error)) from error
    files = [file for file in found if "/" not in file.rfilename and _belongs(file.rfilename, gguf_file)]
    return {file.rfilename: file.lfs.sha256 if file.lfs else str(file.blob_id) for file in files}


def _told(name: str, repository: str, revision: str | None, error: Exception) -> str:
    """Return what went wrong, and what to do."""
    from huggingface_hub import constants, errors

    said = cut(" ".join(str(error).split()), 400)
    told = f"models: {shown(name)} is no folder of a checkpoint here, and from the Hub ({constants.ENDPOINT})"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{told} there is no revision {shown(revision)} of {repository}: name a branch, a tag or a commit"
    if isinstance(error, errors.GatedRepoError):
        return f"{told} it is not given to everyone: {said}: ask for access there, then `hf auth login` or set HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{told} it is not to be had: no such model, or a private one (`hf auth login`, or set HF_TOKEN)"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{told} it does not fit: {constants.HF_HUB_CACHE} is full: make room, or set HF_HOME, and start again"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"{told} it cannot be had: {said}"
    if constants.HF_HUB_OFFLINE:
        where = f"not (whole) in the cache {constants.HF_HUB_CACHE}"
        return f"{told} it is {where}, and HF_HUB_OFFLINE forbids a download: set HF_HUB_OFFLINE=0, or name a folder"
    return (
        f"{told} it could not be got: {said}: start again, which keeps the files that are whole; where the Hub cannot be "
        "reached, set HF_ENDPOINT to a mirror, copy the cache (HF_HOME) from elsewhere, or name a folder"
    )
