"""Greedy generation behind a stem that many prompts share, such as many questions about one document.

Prompts ``[document, question 1]``, ``[document, question 2]`` have the stem ``document``: its cache is computed once
and copied for each batch, and ``generate`` starts at the questions. A batch's padding, left of each prompt in
lm-eval, moves behind the stem so that the stem stands in the same columns of every row.
"""

from __future__ import annotations

import inspect
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs
from transformers import GenerationMixin

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.prefix.cache import NAMES, PathCache, cache_name, fork, is_attention_only
from icl_ft_plugin.prefix.positions import Part, positions_of
from icl_ft_plugin.prefix.score import TreeScorer
from icl_ft_plugin.prefix.tree import build_tree, cut_groups, path_nodes, walk

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from peft import PeftModel
    from transformers import PreTrainedModel


logger = logging.getLogger(__name__)

MIN_STEM = 32
"""Shortest stem in tokens that is worth a prefill and its copies."""

# ``generate`` takes its cache under one name for all models. Where it is not known, no model's forward takes a known one.
CACHE_ARGUMENT = cache_name(inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters) or NAMES[0]


def common_stems(contexts: Sequence[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Return the stems worth a prefill, each with the indices of the contexts that begin with it.

    Args:
        contexts: Token ids of the prompts. Each belongs to one stem at most.
    """
    root = build_tree([(ids, []) for ids in contexts])
    tops = cut_groups(root, MIN_STEM)
    group_of = {id(below): number for number, top in enumerate(tops) for below in walk([top])}
    groups: dict[int, list[int]] = {}
    for index, ids in enumerate(contexts):
        path = path_nodes(root, ids)
        if path and id(path[-1]) in group_of:
            groups.setdefault(group_of[id(path[-1])], []).append(index)
    stems = []
    for number, members in groups.items():
        # At least one token must be left to run: its logits choose the first new one.
        length = min(tops[number].end, min(len(contexts[i]) for i in members) - 1)
        stems.append((contexts[members[0]][:length], members))
    return stems


def is_greedy(generation_kwargs: Mapping[str, object], model: PreTrainedModel | PeftModel) -> bool:
    """Say whether these arguments choose the likeliest token each time, with the default kind of cache."""
    if generation_kwargs.get("do_sample") or generation_kwargs.get("temperature"):
        return False
    defaults = model.generation_config
    for name in ("num_beams", "num_return_sequences", "penalty_alpha", "prompt_lookup_num_tokens"):
        if (generation_kwargs.get(name) or getattr(defaults, name, None) or 1) != 1:
            return False
    return not any(
        generation_kwargs.get(name) or getattr(defaults, name, None)
        for name in ("cache_implementation", "assistant_model", *NAMES)
    )


def behind_stem(
    context: torch.Tensor, mask: torch.Tensor, stem: Sequence[int], *, padded: bool
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Move each row's padding from its left to behind the stem, so that the stem lies in the same columns of all.

    Args:
        context: Left-padded ids ``[rows, length]``.
        mask: Their attention mask, 0 on padding.
        stem: The ids that the cache holds.
        padded: Whether the model may have padding inside a row; a sliding window counts padding as tokens.

    Returns:
        The moved ids and mask, or None where a row does not continue the stem.
    """
    size = len(stem)
    head = torch.tensor(list(stem), device=context.device)
    ids, seen = context.clone(), mask.clone()
    for row in range(len(context)):
        pad = int((mask[row] == 0).sum())
        if (pad and not padded) or context.shape[1] - pad <= size:
            return None
        if not torch.equal(context[row, pad : pad + size], head):
            return None
        ids[row] = torch.cat([head, context[row, :pad], context[row, pad + size :]])
        seen[row] = torch.cat([mask[row, pad : pad + size], mask[row, :pad], mask[row, pad + size :]])
    return ids, seen


class StemGeneration(HFLM):  # type: ignore[misc]
    """HFLM whose greedy generation prefills common stems once; ``PrefixLM`` adds how, and the scoring.

    Attributes:
        on_overflow: See ``PrefixLM``.
        sharing: See ``PrefixLM``.
    """

    on_overflow: str
    sharing: str | None
    _stem: tuple[list[int], PathCache] | None
    _told: set[str]

    @abstractmethod
    def _way(self, sample: list[int]) -> str:
        """Return the way to share."""

    @abstractmethod
    def _scorer(self) -> TreeScorer:
        """Return what runs the model."""

    @abstractmethod
    def _limits(self, depth: int) -> tuple[int, int]:
        """Return the most tokens of a pack and of a piece of a prefix."""

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Generate as HFLM, group by group of requests with a common stem that is prefilled once."""
        asked = [normalize_gen_kwargs(request.args[1], self.max_gen_toks) for request in requests]
        contexts = [self.tok_batch_encode([request.args[0]])[0][0].tolist() for request in requests]
        if self.on_overflow == "error":
            for index, (request, ids) in enumerate(zip(requests, contexts, strict=True)):
                room = self.max_length - asked[index]["max_gen_toks"]
                self._refuse_overflow(len(ids), room, index, request.args[0])
        greedy = [i for i, kwargs in enumerate(asked) if is_greedy(kwargs, self.model)]
        texts: dict[int, str] = {}
        for stem, places, floor in self._stems([contexts[i] for i in greedy]):
            members = [greedy[place] for place in places]
            self._stem = (stem, self._scorer().prefill(stem, chunk=self._limits(len(stem))[1], floor=floor))
            try:
                found = super().generate_until([requests[i] for i in members], disable_tqdm=disable_tqdm)
            finally:
                self._stem = None
            texts.update(zip(members, found, strict=True))
        rest = [i for i in range(len(requests)) if i not in texts]
        if rest:
            found = super().generate_until([requests[i] for i in rest], disable_tqdm=disable_tqdm)
            texts.update(zip(rest, found, strict=True))
        return [texts[i] for i in range(len(requests))]

    def _stems(self, contexts: list[list[int]]) -> list[tuple[list[int], list[int], int]]:
        """Return the stems, the places of their contexts, and the token behind which every pass over the stem ends."""
        if len(contexts) < 2 or self._way(contexts[0]) == "stock":
            return []
        if not is_attention_only(self.model.config):
            self._warn_once("prefixes are not shared in generation, generating as hf does: the model keeps states")
            return []
        return [
            (stem, [part.members[place] for place in places], part.floor)
            for part in self._parts(contexts)
            for stem, places in common_stems([contexts[i] for i in part.members])
            if len(stem) > part.floor
        ]

    def _parts(self, inputs: list[list[int]]) -> list[Part]:
        """Return which inputs may share, by how the model's positions depend on the length of a pass."""
        positions = positions_of(self.model.config)
        parts = positions.parts(inputs)
        if sum(len(part.members) for part in parts) < len(inputs):
            self._warn_once(
                f"prompts of {positions.limit} tokens and more run as in hf, no prefix shared: the model's rotary "
                "positions (dynamic) are others for each length"
            )
        piece = self._limits(max(map(len, inputs)))[1]
        if long := [part.floor for part in parts if part.floor >= piece]:
            self._warn_once(
                f"prompts of more than {min(long)} tokens run as in hf, no prefix shared: the model's rotary positions "
                f"(longrope) want their prefix in pieces that end behind it, and memory or pass_tokens allow {piece}"
            )
        return [part for part in parts if part.floor < piece]

    def _warn_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning(message)

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **generation_kwargs: Any
    ) -> torch.Tensor:
        """Generate from the current stem's cache where every row begins with it and decoding is greedy."""
        mask = generation_kwargs.get("attention_mask")
        moved = None
        if self._stem is not None and mask is not None and is_greedy(generation_kwargs, self.model):
            moved = behind_stem(context, mask, self._stem[0], padded=self.sharing == "packed")
        if moved is None or self._stem is None:
            plain: torch.Tensor = super()._model_generate(context, max_length, stop, **generation_kwargs)
            return plain
        ids, generation_kwargs["attention_mask"] = moved
        generation_kwargs[CACHE_ARGUMENT] = fork(self._stem[1].current, len(ids))
        out = super()._model_generate(ids, max_length, stop, **generation_kwargs)
        return torch.cat([context, out[:, context.shape[1] :]], dim=1)

    def _refuse_overflow(self, needed: int, window: int, index: int, text: str | None) -> None:
        if needed > window:
            raise UsageError(
                f"request {index} needs {needed} tokens, and the model's window leaves {window}: "
                f"{(text or '')[:60]!r}... Use a model with a longer window, a smaller context, or on_overflow=truncate"
            )
