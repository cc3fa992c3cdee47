"""What every way of training with TRL shares: quiet libraries, hashed weights, what the run was made on, the folder it saves."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import platform
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers

from icl_ft_plugin import __version__
from icl_ft_plugin.training.card import write_model_card
from icl_ft_plugin.training.ledger import Ledger

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers")


def weights_digest(parameters: Iterable[Any]) -> str:
    """Return the SHA-256 of weights, independent of their names and order."""
    digests = sorted(
        hashlib.sha256(parameter.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()).hexdigest()
        for parameter in parameters
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def environment(args: Any) -> dict[str, Any]:
    """Return what a run with these training arguments was made on: device, CPU threads and library versions."""
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


def save(trainer: Any, ledger: Ledger, folder: Path, name: str) -> None:
    """Write the trained model, its tokenizer, the ledger and a card into a folder that will have a name."""
    if getattr(trainer, "is_fsdp_enabled", False):
        _save_gathered(trainer, folder)
    else:
        trainer.save_model(str(folder))  # of several processes, each gives its part
    if trainer.is_world_process_zero():
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; the ledger says what it says
        ledger.write(folder)
        write_model_card(folder, name=name)  # PEFT has written one of its own, which names the place of the base model


def _save_gathered(trainer: Any, folder: Path) -> None:
    """Write sharded weights as the plain checkpoint of one process.

    The trainer's own way writes weights that the model ties twice, and nothing where the state is to stay sharded.
    """
    state = trainer.accelerator.get_state_dict(trainer.model)  # of all processes; whole in the first one
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model)
        for name, source in (getattr(model, "all_tied_weights_keys", None) or {}).items():
            if name in state and source in state:
                if not torch.equal(state[name], state[source]):
                    raise RuntimeError(f"{name} and {source}, which the model ties, were trained apart")
                del state[name]
        model.save_pretrained(folder, state_dict=state)
        trainer.processing_class.save_pretrained(folder)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' bars for loading, mapping and saving, and two warnings that do not apply."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled(), not datasets.are_progress_bars_disabled()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*deprecated")
            yield
    finally:
        if shown[0]:
            logging.enable_progress_bar()
        if shown[1]:
            datasets.enable_progress_bars()
