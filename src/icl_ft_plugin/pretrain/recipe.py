"""The pretraining recipe of the embedded model, strictly parsed; see ``recipes/nano/pretrain.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from icl_ft_plugin.config import parsed, read_yaml
from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.pretrain.levels import Watch
from icl_ft_plugin.schema import content_hash


class Phase(BaseModel):
    """A stretch of training with rows of one length.

    Attributes:
        seq_len: Tokens in a row; bounds the size of an episode.
        steps: Optimizer steps.
        mixture: Relative frequency of episodes by family.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    seq_len: int = Field(ge=64)
    steps: int = Field(ge=1)
    mixture: dict[str, float] = Field(min_length=1)


class PretrainRecipe(BaseModel):
    """A whole pretraining run.

    Attributes:
        seed: Of the initial weights and of the text.
        weights: Loss weight of document, question and answer tokens.
        vocab_size: Size of the tokenizer's vocabulary.
        tokenizer_episodes: Episodes that the tokenizer is trained on.
        model: Arguments of ``transformers.LlamaConfig``.
        phases: Stretches of training, in order.
        repeat: How often all phases follow each other.
        batch_tokens: Tokens in a step.
        lr: Peak learning rate of AdamW.
        weight_decay: On matrices.
        warmup_steps: Linear rise of the learning rate.
        decay_share: Share of all steps, at the end, over which the rate falls linearly to zero.
        log_every: Steps between lines of the log.
        save_every: Steps between checkpoints; a multiple of ``log_every``.
        watch: What is measured meanwhile; None for nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    seed: int = Field(default=0, ge=0)
    weights: dict[str, float]
    vocab_size: int = Field(ge=512)
    tokenizer_episodes: int = Field(ge=100)
    model: dict[str, Any]
    phases: list[Phase] = Field(min_length=1)
    repeat: int = Field(default=1, ge=1)
    batch_tokens: int
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    warmup_steps: int = Field(ge=1)
    decay_share: float = Field(gt=0, le=1)
    log_every: int = Field(default=50, ge=1)
    save_every: int = Field(default=1000, ge=1)
    watch: Watch | None = None

    @model_validator(mode="after")
    def _check(self) -> PretrainRecipe:
        for family in (family for phase in self.phases for family in phase.mixture):
            if family not in FAMILIES or FAMILIES[family].episodes is None:
                known = [name for name, found in FAMILIES.items() if found.episodes]
                raise ValueError(f"mixture names the family {family!r}, which has no episodes{suggest(family, known)}")
        if set(self.weights) != {"document", "question", "answer"}:
            raise ValueError(f"weights must name document, question and answer, not {sorted(self.weights)}")
        for phase in self.phases:
            if self.batch_tokens % phase.seq_len:
                raise ValueError(f"batch_tokens={self.batch_tokens} is no multiple of seq_len={phase.seq_len}")
        if self.save_every % self.log_every:
            raise ValueError(f"save_every={self.save_every} is no multiple of log_every={self.log_every}")
        return self

    @property
    def steps(self) -> int:
        """Optimizer steps of all phases."""
        return self.repeat * sum(phase.steps for phase in self.phases)

    @property
    def hash(self) -> str:
        """Hash of everything that the weights depend on."""
        return content_hash(self.model_dump(exclude={"log_every", "save_every", "watch"}))

    def schedule(self, step: int) -> float:
        """Return the learning rate at a step (from 1) as a share of its peak: warm-up, constant, linear decay."""
        decay = (self.steps - step + 1) / (self.decay_share * self.steps)
        return min(1.0, step / self.warmup_steps, decay)

    def check_same(self, other: str, path: Path) -> None:
        """Refuse to go on from a checkpoint of another recipe.

        Raises:
            UsageError: The hashes differ.
        """
        if other != self.hash:
            raise UsageError(f"{path}: was written with another recipe; name another output folder or remove it")


def load_recipe(path: Path) -> PretrainRecipe:
    """Read a pretraining recipe.

    Raises:
        UsageError: The file is missing or not YAML, or a key or value is wrong; the message names file, key and value.
    """
    return parsed(PretrainRecipe, read_yaml(path), str(path), strict=False)
