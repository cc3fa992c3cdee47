r"""The tasks on own documents: ``lm_eval --tasks icl_ft_own_closed,icl_ft_own_icl --metadata '{"path": "DIR"}'``.

Task documents are those of ``harness``. The splits are the user's, so a task asks all of them, or those that ``split``
in the metadata names, and gets one metric more for each: ``acc_split_reversal`` where one is called ``reversal``
(``exact_match_split_reversal`` in the tasks whose answers are written). With
``context_tokens`` the documents in the prompt are chosen per question (``retrieval``), which two further metrics say:
``documents``, their mean number, and ``evidence``, the share of questions whose evidence is all there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from lm_eval.api.task import ConfigurableTask

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.harness.answers import with_options
from icl_ft_plugin.harness.in_context import InContextTask, load_window, model_of, world_of
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.harness.task import HIDDEN, SHOWN, mean_of_subset, question_rows
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import Document, World, canonical_json
from icl_ft_plugin.worlds import folder, retrieval
from icl_ft_plugin.worlds.context import join_documents

KNOBS = ("path", "split", "context_tokens", "prompt", "options")


def build(
    path: str | None = None,
    split: str | Sequence[str] | None = None,
    context_tokens: int | None = None,
    prompt: str = PLAIN,
    options: str = HIDDEN,
    **metadata: Any,
) -> dict[str, Any]:
    """Build the documents of a task on own documents; lm-eval calls it with the task's ``metadata``.

    Args:
        path: Their folder.
        split: The split to ask, or several; all by default.
        context_tokens: Most tokens of the documents in front of a question; all documents by default.
        prompt: How the question is asked (``question_prompts``).
        options: Of questions whose answer is written: ``"hidden"``, or ``"shown"`` in the prompt.
        **metadata: Left alone; ``with_splits`` has looked for misspelt names.

    Returns:
        ``{"test": datasets.Dataset}``, one row per question.

    Raises:
        UsageError: No path, a folder that cannot be used, or a split or prompt that does not exist.
    """
    import datasets

    if context_tokens is not None and (type(context_tokens) is not int or context_tokens < 1):
        raise UsageError(f"metadata of own: context_tokens={context_tokens!r} must be a whole number above 0")
    load_question_prompt(prompt)
    if options not in (HIDDEN, SHOWN):
        raise UsageError(f"metadata of own: options={options!r} must be {HIDDEN} or {SHOWN}")
    world = _world(path)
    # The hash keeps a folder that was edited apart from what it was before, within one process too.
    spec = {"family": own.FAMILY, "seed": world.seed, "config": {"path": path}, "context_copies": 1, "hash": world.hash}
    if prompt != PLAIN:
        spec["prompt"] = prompt
    wanted = splits_of(world, split)
    rows = [row for row in question_rows(world, canonical_json(spec)) if row["split"] in wanted]
    if prompt != PLAIN:  # which says itself how a question is set off from its answer
        rows = [{**row, "question": own.stem_of(row["question"])} for row in rows]
    return {"test": datasets.Dataset.from_list(with_options(rows, world.seed) if options == SHOWN else rows)}


def splits_of(world: World, split: str | Sequence[str] | None) -> list[str]:
    """Return the splits that are asked.

    Raises:
        UsageError: One does not exist.
    """
    wanted = [split] if isinstance(split, str) else list(world.splits if split is None else split)
    for name in wanted:
        if name not in world.splits:
            raise UsageError(
                f"metadata of own: no split {name!r}{suggest(str(name), world.splits)}; there is {', '.join(world.splits)}"
            )
    if not wanted:
        raise UsageError(f"metadata of own: split={split!r} names none; there is {', '.join(world.splits)}")
    return wanted


def _world(path: Any) -> World:
    if path is None:
        raise UsageError(
            'own documents: no path; say where they are: --metadata \'{"path": "DIR"}\' (docs/own-documents.md)'
        )
    return folder.world_of(own.FAMILY, 0, {"path": path})


class OwnTask(ConfigurableTask):  # type: ignore[misc]
    """A task with a metric for each split of the user's; closed book."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Add the metrics to those of the YAML, before lm-eval reads them."""
        config, self._splits = with_splits(config)
        super().__init__(config=config)

    def process_results(self, doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
        """Score as the YAML says, and under the name of the question's split; NaN under the others."""
        return by_split(self._splits, doc, super().process_results(doc, results))


class OwnInContextTask(InContextTask):
    """The same with documents in the prompt: all of them, or those chosen within ``context_tokens``."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Add the metrics to those of the YAML, before lm-eval reads them."""
        config, self._splits = with_splits(config)
        if (config.get("metadata") or {}).get("context_tokens") is not None:
            config["metric_list"] += [_metric("documents"), _metric("evidence")]
        super().__init__(config)

    def process_results(self, doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
        """Score as the closed-book task does, and say what the prompt held."""
        scored = by_split(self._splits, doc, super().process_results(doc, results))
        if (self.config.metadata or {}).get("context_tokens") is not None:
            found = {document.id for document in self._chosen(doc)}
            scored["documents"] = float(len(found))
            scored["evidence"] = float(found.issuperset(doc["proof"])) if doc["proof"] else math.nan
        return scored

    def _context(self, doc: Mapping[str, Any]) -> str:
        if (self.config.metadata or {}).get("context_tokens") is None:
            return super()._context(doc)
        return join_documents(self._chosen(doc))

    def _chosen(self, doc: Mapping[str, Any]) -> tuple[Document, ...]:
        metadata = self.config.metadata or {}
        budget = metadata["context_tokens"]
        _, tokenizer = window_and_tokenizer(metadata, f"{self.config.task}: context_tokens={budget!r}")
        return _retrieved(doc["world"], doc["question"], budget, counter(tokenizer))

    def _check_window(self, docs: Sequence[Mapping[str, Any]], *args: Any) -> None:
        if (self.config.metadata or {}).get("context_tokens") is not None:
            docs = [max(docs, key=lambda doc: len(self._context(doc)) + len(doc["question"]))]
        super()._check_window(docs, *args)


def window_and_tokenizer(metadata: Mapping[str, Any], place: str) -> tuple[int, Any]:
    """Return the window in tokens, and the tokenizer, of the model that lm-eval's metadata names.

    Raises:
        UsageError: It names none, or none that can be loaded.
    """
    model = model_of(metadata)
    if model is None:
        raise UsageError(
            f"{place} needs the model's tokenizer: name the model (pretrained=...) among the model arguments or in the metadata"
        )
    loaded = load_window(model)
    if loaded is None:
        raise UsageError(f"{place}: the tokenizer of {model.name} cannot be loaded")
    return loaded


@lru_cache(maxsize=8)
def counter(tokenizer: Any) -> Callable[[str], int]:
    """Return what counts a text's tokens; it remembers, for documents are counted once per question."""

    @lru_cache(maxsize=100_000)
    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return count


@lru_cache(maxsize=100_000)
def _retrieved(key: str, question: str, budget: int, count: Callable[[str], int]) -> tuple[Document, ...]:
    return tuple(retrieval.chosen(world_of(key).documents, own.stem_of(question), budget, count))


def with_splits(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a task's config with one metric more for each split that is asked, and the splits; none if there is but one.

    Raises:
        UsageError: The metadata names no folder that can be used, or misspells a name.
    """
    metadata = config.get("metadata") or {}
    for name in metadata.keys() - {*KNOBS, "context_copies"}:  # the last of generated worlds; a study names it for all
        if hint := suggest(name, KNOBS, cutoff=0.8):
            raise UsageError(f"metadata of own: unknown key {name}={metadata[name]!r}{hint}")
    splits = splits_of(_world(metadata.get("path")), metadata.get("split"))
    splits = splits if len(splits) > 1 else []
    main = "exact_match" if config["output_type"] == "generate_until" else "acc"
    added = [_metric(f"{main}_split_{split}") for split in splits]
    kept = {key: value for key, value in config.items() if key != "class"}  # which upstream's own class does not know
    return {**kept, "metric_list": [*config["metric_list"], *added]}, splits


def _metric(name: str) -> dict[str, Any]:
    return {"metric": name, "aggregation": mean_of_subset, "higher_is_better": True}


def by_split(splits: Sequence[str], doc: Mapping[str, Any], scored: dict[str, float]) -> dict[str, float]:
    """Return the scores with the accuracy under the name of the question's split, NaN under the other splits."""
    main = "exact_match" if "exact_match" in scored else "acc"
    return {**scored, **{f"{main}_split_{s}": scored[main] if s == doc["split"] else math.nan for s in splits}}
