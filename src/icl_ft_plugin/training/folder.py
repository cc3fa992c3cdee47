"""Where a training run works: beside its output until all is there, so that an output folder is always whole.

A run that is to make ``runs/ft`` works in::

    runs/.ft.partial/run.json                     what decides the final weights: model, rows, recipe, seed, versions
    runs/.ft.partial/checkpoints/checkpoint-40/   if the recipe saves checkpoints (see ``checkpoints``)
    runs/.ft.partial/.ft-x7k2/                    what one rename turns into runs/ft (``files.atomic_folder``)

A run that was killed finds its checkpoints there when it is started again; without checkpoints, nothing is left.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import check_free, read_json, reason, write_json


def checkpoints_in(work: Path) -> Path:
    """Return the folder of a run's checkpoints."""
    return work / "checkpoints"


@contextlib.contextmanager
def writing(output: Path) -> Iterator[Path]:
    """Make a run's work folder and yield it, turn failures to write into one message, and clean up.

    Args:
        output: The folder that the run is to make.

    Raises:
        UsageError: ``output`` exists, or it or its work folder cannot be written.
    """
    from safetensors import SafetensorError

    if output.is_dir() and not any(output.iterdir()):
        output.rmdir()  # as good as none
    check_free(output)
    work = output.parent / f".{output.name}.partial"
    try:
        checkpoints_in(work).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror or error})") from None
    try:
        yield work
        shutil.rmtree(work, ignore_errors=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch reports a failed write of its archives as a RuntimeError from its writer.
        if isinstance(error, RuntimeError) and "PytorchStreamWriter" not in str(error):
            raise
        why = reason(error) if isinstance(error, OSError) else str(error)
        kept = any(checkpoints_in(work).glob("checkpoint-*"))
        goes_on = "; the same command goes on from the last checkpoint" if kept else ""
        raise UsageError(f"{output}: cannot be written ({why}){goes_on}") from error
    finally:
        if not any(checkpoints_in(work).glob("checkpoint-*")):
            shutil.rmtree(work, ignore_errors=True)


def claim(work: Path, identity: Mapping[str, object]) -> None:
    """Bind a work folder to one run.

    Args:
        work: What ``writing`` yields.
        identity: Everything that decides the final weights, as plain JSON values.

    Raises:
        UsageError: Checkpoints of another run lie there; the message names what differs.
    """
    path = work / "run.json"
    if path.exists() and any(checkpoints_in(work).glob("checkpoint-*")):
        try:
            begun = read_json(path)
        except UsageError:
            begun = {}
        now = json.loads(json.dumps(identity))
        differing = sorted(key for key in {*begun, *now} if begun.get(key) != now.get(key))
        if differing:
            raise UsageError(
                f"{work}: holds checkpoints of a run with another {', '.join(differing)}; "
                "remove the folder or name another output"
            )
    write_json(path, identity)
