"""How far the embedded model is: accuracy in context by family and split, on worlds that no training names.

``levels(model, tokenizer, watch)`` gives ``{"reversal": {"reversal": 100.0, ...}, ...}`` within a minute. The figures of
record come from the lm-eval tasks; these are a subset of the same questions, scored as those are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict, Field

from icl_ft_plugin.families import generate
from icl_ft_plugin.prefix.encode import StemEncoder
from icl_ft_plugin.prefix.score import TreeScorer
from icl_ft_plugin.prefix.tree import build_tree
from icl_ft_plugin.schema import Question, World
from icl_ft_plugin.worlds.context import context_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


PASS_TOKENS = 512


class Watch(BaseModel):
    """What is measured while a model is trained.

    Attributes:
        minutes: Time from one measure to the next.
        seeds: World seeds; no table may use them.
        questions: Most questions per split and world, the first; a multiple of four, so that blocks are whole.
        worlds: Knobs by family.
        at_least: Means of families below which weights are not the best, in %.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    minutes: float = Field(gt=0)
    seeds: list[int] = Field(min_length=1)
    questions: int = Field(ge=4, multiple_of=4)
    worlds: dict[str, dict[str, object]] = Field(min_length=1)
    at_least: dict[str, float] = {}

    def score(self, found: Mapping[str, Mapping[str, float]]) -> float:
        """Return the mean over families of the means over their splits; minus infinity below what is asked for."""
        means = {family: sum(splits.values()) / len(splits) for family, splits in found.items()}
        if any(means[family] < least for family, least in self.at_least.items()):
            return -math.inf
        return sum(means.values()) / len(means)


def levels(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, watch: Watch) -> dict[str, dict[str, float]]:
    """Return the accuracies in context in %, by family and split; the documents are those of the tasks' prompts."""
    found: dict[str, dict[str, float]] = {}
    for family, knobs in watch.worlds.items():
        hits: dict[str, list[bool]] = defaultdict(list)
        for seed in watch.seeds:
            for split, hit in _answered(model, tokenizer, generate(family, seed, knobs), watch.questions):
                hits[split].append(hit)
        found[family] = {split: round(100 * sum(of) / len(of), 1) for split, of in hits.items()}
    return found


def _answered(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, most: int
) -> Iterator[tuple[str, bool]]:
    """Yield split and whether the likeliest choice is right, per question."""
    by_split: dict[str, list[Question]] = defaultdict(list)
    for question in world.questions:
        by_split[question.split].append(question)
    asked = [question for questions in by_split.values() for question in questions[:most]]
    encode = StemEncoder(lambda text: list(tokenizer(text)["input_ids"]), tokenizer)
    context = context_text(world)
    requests: list[tuple[list[int], list[int]]] = []
    choices = []
    for question in asked:
        prompt = f"{context}\n\n{question.prompt}"
        start = len(encode(prompt))
        choices.append(range(len(requests), len(requests) + len(question.choices)))
        for choice in question.choices:
            ids = encode(f"{prompt} {choice}")
            requests.append((ids[:-1], ids[start:]))
    sums = [0.0] * len(requests)

    def on_score(who: int, value: float, _: bool) -> None:
        sums[who] += value

    device = next(model.parameters()).device
    scorer = TreeScorer(model, packed=True, device=device, softmax_dtype=torch.float32)
    scorer.run(build_tree(requests), limit=PASS_TOKENS, on_score=on_score)
    for question, of in zip(asked, choices, strict=True):
        best = max(of, key=sums.__getitem__)
        yield question.split, best - of.start in question.gold
