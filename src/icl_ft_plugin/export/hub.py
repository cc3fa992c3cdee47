"""Puts a saved folder on the Hugging Face Hub, and only when asked: ``push(Path("runs/ft"), "me/ft", "model")``.

What can be wrong is found before the work, by ``check``: a name that the Hub does not take, no token, ``HF_HUB_OFFLINE``.
The token is ``huggingface_hub``'s own affair: nothing here reads, logs or keeps it. A repository that is made is private.
What is uploaded names models by their names: the places of the machine in a ledger or an adapter's config stay here.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json

# Keys that hold the base model as it was named on the command line.
_PLACES = {"ledger.json": "model", "adapter_config.json": "base_model_name_or_path", "config.json": "_name_or_path"}


def check(repository: str) -> None:
    """Refuse what could not be uploaded later.

    Args:
        repository: ``owner/name``.

    Raises:
        UsageError: The Hub is turned off, the name is no name of a repository, or nobody is logged in.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    if constants.HF_HUB_OFFLINE:
        raise UsageError(f"--push-to-hub {repository}: HF_HUB_OFFLINE is set; unset it to reach the Hub")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UsageError(f"--push-to-hub: {error}") from None
    if "/" not in repository:
        raise UsageError(f"--push-to-hub {repository}: name the owner too: OWNER/{repository}")
    if get_token() is None:
        raise UsageError(f"--push-to-hub {repository}: nobody is logged in; run `hf auth login` or set HF_TOKEN")


def push(folder: Path, repository: str, kind: str) -> str:
    """Upload a folder as one commit; its repository is made, private, if there is none.

    Args:
        folder: What was saved.
        repository: ``owner/name``.
        kind: ``"model"`` or ``"dataset"``.

    Returns:
        The repository's address.

    Raises:
        UsageError: What ``check`` refuses, or the upload failed; the folder is left as it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    check(repository)
    # The base error of the HTTP library of the Hub, which changes with its version.
    transport: type[BaseException] = HfHubHTTPError.__bases__[0]
    api = HfApi(library_name="icl-ft-plugin")
    try:
        address = api.create_repo(repository, repo_type=kind, private=True, exist_ok=True)
        with _without_places(folder) as staged:
            api.upload_folder(
                repo_id=repository,
                repo_type=kind,
                folder_path=staged,
                commit_message=f"{folder.name}, by icl-ft-plugin",
            )
    except (HfHubHTTPError, transport, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"--push-to-hub {repository}: {reason}; {folder} is complete: `hf upload {repository} {folder} --repo-type {kind}`"
        ) from None
    return str(address)


@contextmanager
def _without_places(folder: Path) -> Iterator[Path]:
    """Yield a copy of a folder, large files linked, in which models are named without the folders they lie in."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        staged = Path(place) / folder.name
        shutil.copytree(folder, staged, copy_function=_link)
        for name, key in _PLACES.items():
            file = staged / name
            if file.is_file():
                values = read_json(file)
                file.unlink()  # a link: writing into it would change the folder itself
                file.write_text(json.dumps(_named(values, key), indent=2) + "\n", encoding="utf-8")
        yield staged


def _named(values: dict[str, Any], key: str) -> dict[str, Any]:
    from icl_ft_plugin.training.card import public_name

    return {**values, key: public_name(values[key])} if isinstance(values.get(key), str) else values


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
