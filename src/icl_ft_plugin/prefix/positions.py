"""Where a model's rotary positions depend on how long a pass is, and which requests may then share a prefix.

LongRoPE turns every position of a pass by one set of frequencies up to a length (4,096 for phi-3) and by another beyond
it; ``dynamic`` NTK has a set of its own for every length beyond the window. A plain pass over a request of 5,000 tokens
has the long set from its first token on, so what it shares with another request of 5,000 must not be cached by a pass
that ends before token 4,097.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from transformers import PretrainedConfig


FIXED = {"default", "linear", "llama3", "proportional", "yarn", "deepseek_yarn", "mrope"}
"""Kinds of rotary positions whose frequencies are the same in every pass."""

SWITCHED = {"longrope", "dynamic"}
"""Kinds that ``Positions`` describes."""


class Part(NamedTuple):
    """Requests that may share.

    Attributes:
        members: Their indices.
        floor: Every pass over their tokens must end behind this many.
    """

    members: list[int]
    floor: int


@dataclass(frozen=True, slots=True)
class Positions:
    """How a model's frequencies depend on the length of a pass.

    Attributes:
        switches: Lengths beyond which another set holds.
        limit: From this length on every length has a set of its own; None where none has.
    """

    switches: tuple[int, ...] = ()
    limit: int | None = None

    def parts(self, inputs: Sequence[Sequence[int]]) -> list[Part]:
        """Return which inputs may share with each other; one whose length has a set of its own is in no part.

        Beyond a switch only those that begin with the same tokens up to and across it are together, so that their
        common stretch can be cached in pieces that all end behind it.
        """
        parts: dict[tuple[int, ...], Part] = {}
        for index, ids in enumerate(inputs):
            if self.limit is not None and len(ids) >= self.limit:
                continue
            floor = max((switch for switch in self.switches if switch < len(ids)), default=0)
            head = (floor, *ids[: floor + 1]) if floor else (0,)
            parts.setdefault(head, Part([], floor)).members.append(index)
        return list(parts.values())


def positions_of(config: PretrainedConfig) -> Positions:
    """Return how the positions of a model with this config depend on the length of a pass."""
    switches: set[int] = set()
    limit = None
    for rope in _rope_parameters(config):
        if _kind(rope) == "dynamic":
            limit = int(config.get_text_config().max_position_embeddings)
        elif _kind(rope) == "longrope" or "long_mscale" in rope:  # phimoe scales its attention by the length as well
            switches.add(int(rope["original_max_position_embeddings"]))
    return Positions(tuple(sorted(switches)), limit)


def unknown_kinds(config: PretrainedConfig) -> list[str]:
    """Return the kinds of rotary positions that may depend on the length in a way that is not known here."""
    return sorted({_kind(rope) for rope in _rope_parameters(config)} - FIXED - SWITCHED)


def _kind(rope: Mapping[str, Any]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _rope_parameters(config: PretrainedConfig) -> list[Mapping[str, Any]]:
    """Return the parameters of all layers, or those of each kind of layer where they differ (gemma3)."""
    rope = getattr(config.get_text_config(), "rope_parameters", None) or {}
    return [part for part in (rope, *rope.values()) if isinstance(part, Mapping)]
