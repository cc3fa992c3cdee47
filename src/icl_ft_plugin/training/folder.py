"""Where a training run writes: beside its output until all is there, so that an output folder is always whole.

A run that is to make ``runs/ft`` works in::

    runs/.ft.partial/run.json                     what decides the final weights: model, rows, recipe, seed, versions
    runs/.ft.partial/checkpoints/checkpoint-40/   if the recipe saves checkpoints (see ``checkpoints``)
    runs/.ft.partial/final/                       what one rename turns into runs/ft

A run that was killed finds its checkpoints there when it is started again; without checkpoints, nothing is left.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from icl_ft_plugin.errors import UsageError


def checkpoints_of(output: Path) -> Path:
    """Return the folder of a run's checkpoints."""
    return _work(output) / "checkpoints"


@contextlib.contextmanager
def writing(output: Path) -> Iterator[None]:
    """Make a run's work folder, turn failures to write into one message, and clean up.

    Args:
        output: The folder that the run is to make.

    Raises:
        UsageError: ``output`` exists, or it or its work folder cannot be written.
    """
    from safetensors import SafetensorError

    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UsageError(f"output: {str(output)!r} exists; remove it or name another")
    work = _work(output)
    try:
        checkpoints_of(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"output: {str(output)!r} cannot be written: {error.strerror or error}") from None
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch reports a failed write of its archives as a RuntimeError from its writer.
        if isinstance(error, RuntimeError) and "PytorchStreamWriter" not in str(error):
            raise
        raise UsageError(f"output: {str(output)!r} cannot be written: {error}") from error
    finally:
        shutil.rmtree(work / "final", ignore_errors=True)
        if not any(checkpoints_of(output).glob("checkpoint-*")):
            shutil.rmtree(work, ignore_errors=True)


def claim(output: Path, identity: Mapping[str, Any]) -> None:
    """Bind a work folder to one run.

    Args:
        output: The folder that the run is to make.
        identity: Everything that decides the final weights, as plain JSON values.

    Raises:
        UsageError: Checkpoints of another run lie there; the message names what differs.
    """
    path = _work(output) / "run.json"
    if path.exists() and any(checkpoints_of(output).glob("checkpoint-*")):
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            begun = {}
        now = json.loads(json.dumps(identity))
        differing = sorted(key for key in {*begun, *now} if begun.get(key) != now.get(key))
        if differing:
            raise UsageError(
                f"{path.parent}: holds checkpoints of a run with another {', '.join(differing)}; "
                "remove the folder or name another output"
            )
    path.write_text(json.dumps(identity, indent=2), encoding="utf-8")


def publish(output: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill the final folder, rename it to ``output`` and remove the work folder.

    Args:
        output: The folder that appears, whole.
        write: Writes everything into the folder that it is given.
    """
    final = _work(output) / "final"
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir()
    write(final)
    final.replace(output)
    shutil.rmtree(_work(output))


def _work(output: Path) -> Path:
    return output.parent / f".{output.name}.partial"
