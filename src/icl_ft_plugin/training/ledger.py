"""What a training run has cost and what it was made of, as ``ledger.json`` beside the weights.

For example (shortened)::

    {"steps": 300, "rows": 1000, "epochs": 4.76, "tokens": 87590, "target_tokens": 82790, "seconds": 61.2,
     "seeds": {"seed": 0, "data_seed": 0}, "model": "models/nano", "corpus_sha256": "9f...", "loss_mask": "full"}

Arms are matched in gradient steps; the tokens show what is left unmatched (arXiv 2505.00661 reports neither).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from icl_ft_plugin.errors import UsageError

LEDGER_NAME = "ledger.json"


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
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (folder / LEDGER_NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Ledger:
    """Read the ledger of a trained model.

    Args:
        folder: The checkpoint or adapter.

    Raises:
        UsageError: The folder holds no ledger, or one of another version.
    """
    path = Path(folder) / LEDGER_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["losses"] = tuple((step, loss) for step, loss in values["losses"])
        values["resumed_at"] = tuple(values["resumed_at"])
        return Ledger(**values)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: not a ledger of this version: {error}") from None
