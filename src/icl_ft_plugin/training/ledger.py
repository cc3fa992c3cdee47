"""What a training run has cost and what it was made of, as ``ledger.json`` beside the weights.

For example (shortened)::

    {"steps": 300, "rows": 1000, "epochs": 4.76, "tokens": 87590, "target_tokens": 82790, "seconds": 61.2,
     "seeds": {"seed": 0, "data_seed": 0}, "model": "models/nano", "corpus_sha256": "9f...", "loss_mask": "full"}

Arms are matched in gradient steps; the tokens show what is left unmatched (arXiv 2505.00661 reports neither).
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json, write_json

if TYPE_CHECKING:
    from transformers import TrainingArguments


LEDGER_NAME = "ledger.json"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The record of one training run.

    Attributes:
        model: The base model as it was named.
        model_sha256: Hash of the base weights, independent of the names and the sharding of the tensors.
        corpus_sha256: Hash of the canonical JSON of the rows, in order.
        recipe: File name of the recipe.
        recipe_sha256: Hash of its values, overrides applied.
        overrides: The overrides.
        loss_mask: ``"full"`` or ``"completion"``.
        rows: Number of training rows; with packing, they share sequences.
        steps: Gradient steps.
        batch_size: Rows per gradient step.
        epochs: Passes over the rows.
        tokens: Tokens seen, end-of-text tokens included, padding excluded.
        target_tokens: Tokens the loss was taken on: neither masked nor the first of a row.
        trained_parameters: Number of parameters that got gradients.
        seconds: Wall time of training, without loading and saving; over all parts of a run that was resumed.
        tokens_per_second: ``tokens / seconds``.
        losses: ``[step, loss]`` pairs as logged: the mean since the last entry, in nats per target token.
        resumed_at: Steps at which the run was resumed from a checkpoint.
        seeds: ``seed`` (initialization, dropout) and ``data_seed`` (order of rows).
        device: What it ran on.
        threads: Number of CPU threads; another number may change the last bits.
        versions: Library versions.
    """

    model: str
    model_sha256: str
    corpus_sha256: str
    recipe: str
    recipe_sha256: str
    overrides: Mapping[str, object]
    loss_mask: str
    rows: int
    steps: int
    batch_size: int
    epochs: float
    tokens: int
    target_tokens: int
    trained_parameters: int
    seconds: float
    tokens_per_second: float
    losses: tuple[tuple[int, float], ...]
    resumed_at: tuple[int, ...]
    seeds: Mapping[str, int]
    device: str
    threads: int
    versions: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write ``ledger.json`` into a folder."""
        write_json(folder / LEDGER_NAME, asdict(self))


def read(folder: Path) -> Ledger:
    """Read the ledger of a trained model.

    Args:
        folder: The checkpoint or adapter.

    Raises:
        UsageError: The folder holds no ledger, or one of another version.
    """
    path = Path(folder) / LEDGER_NAME
    values = read_json(path)
    try:
        values["losses"] = tuple((step, loss) for step, loss in values["losses"])
        values["resumed_at"] = tuple(values["resumed_at"])
        return Ledger(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: not a ledger of this version: {error}") from None


def environment(args: TrainingArguments) -> dict[str, object]:
    """Return what a run with these training arguments was made on: device, CPU threads and library versions."""
    import torch

    device = args.device.type
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{device} ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "versions": {
            "icl-ft-plugin": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    }
