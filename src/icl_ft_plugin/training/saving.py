"""What a training run leaves: weights of one or of several processes as a plain checkpoint, the ledger, the card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from icl_ft_plugin.files import read_json, write_json
from icl_ft_plugin.paths import snapshot_of
from icl_ft_plugin.training.card import write_model_card
from icl_ft_plugin.training.ledger import Ledger

if TYPE_CHECKING:
    from transformers import Trainer


def save(trainer: Trainer, ledger: Ledger, folder: Path, name: str) -> None:
    """Write the trained model, its tokenizer, the ledger and a card into a folder that will have a name."""
    if getattr(trainer, "is_fsdp_enabled", False):
        _save_gathered(trainer, folder)
    else:
        trainer.save_model(str(folder))  # of several processes, each gives its part
    if trainer.is_world_process_zero():
        _name_base(folder / "adapter_config.json")
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle; the ledger says what it says
        ledger.write(folder)
        write_model_card(folder, name=name)  # PEFT has written one of its own, which names the place of the base model


def _name_base(adapter: Path) -> None:
    """Have an adapter name a base of the Hub by its id and commit, not by its place in this machine's cache."""
    if not adapter.is_file():
        return
    config = read_json(adapter)
    if snapshot := snapshot_of(Path(str(config.get("base_model_name_or_path")))):
        repository, commit = snapshot
        write_json(adapter, {**config, "base_model_name_or_path": repository, "revision": commit})


def _save_gathered(trainer: Trainer, folder: Path) -> None:
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
