"""The knobs of an augmentation, as a study file or the command line gives them.

For example ``augmentation: {n_samples: 4, temperature: 0.8, copies: 1}``; all other knobs keep their defaults.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from icl_ft_plugin.arms.arm import Strategy


class Settings(BaseModel):
    """How a model is asked; everything here is part of an augmentation's identity.

    Attributes:
        prompts: Prompt of each strategy, a name under ``recipes/prompts`` or a file; chosen by the model where none
            is named (see ``prompts.default_prompt``).
        n_samples: Generations per text asked about.
        temperature: 0 decodes greedily.
        seed: Of the sampling.
        max_tokens: Most new tokens of a generation; the prompt's own by default.
        token_budget: No further generation once so many new tokens are spent, whole chunks counted; None: no limit.
        copies: Documents per fact that are augmented, chosen as in-context documents are; 0 takes all.
        context_copies: Documents per fact in the context of a global prompt; 0 takes all.
        deduplicate: Whether statements that were already generated, or stand in the documents, are dropped.
        chunk: Requests between two entries of the journal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prompts: dict[Strategy, str] = {}
    n_samples: int = Field(default=1, ge=1)
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=2**32)
    max_tokens: int | None = Field(default=None, ge=1)
    token_budget: int | None = Field(default=None, ge=1)
    copies: int = Field(default=0, ge=0)
    context_copies: int = Field(default=1, ge=0)
    deduplicate: bool = True
    chunk: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _samples_differ(self) -> Settings:
        if self.n_samples > 1 and self.temperature == 0:
            raise ValueError(f"n_samples={self.n_samples} at temperature=0 would all be the same; set temperature")
        return self
