"""The classes of our tasks under lm-evaluation-harness; what they ask, how, and how it is scored is said by the YAMLs.

A task that asks several splits gets one metric more for each:
``acc_split_reversal`` where one is called ``reversal`` (``exact_match_split_reversal`` where the answers are written).
With ``pmi: true`` in its metadata a task of choices asks each of them behind the bare prompt, too, and has ``acc_pmi``.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lm_eval.api.task import ConfigurableTask

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.harness.context import choice_of, context_of, evidence, per_question, retrieved
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.harness.prompts import as_turn, bare_prompt, prompt_with
from icl_ft_plugin.harness.scoring import mean_of_subset, pmi
from icl_ft_plugin.harness.tokens import most_needed, tokens_of
from icl_ft_plugin.schema import Doc, content_hash
from icl_ft_plugin.worlds.context import chosen_by

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.models.api_models import JsonChatStr


logger = logging.getLogger(__name__)


class Task(ConfigurableTask):  # type: ignore[misc]
    """A task of one split, or of several with a metric for each; the class of every task of ours."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Add the metrics to those of the YAML, before lm-eval reads them."""
        metadata = config["metadata"]
        several = not isinstance(metadata.get("split"), str)
        splits = dict.fromkeys(row["split"] for row in task_documents(**metadata)) if several else {}
        main = "exact_match" if config["output_type"] == "generate_until" else "acc"
        self._splits = {split: f"{main}_split_{split}" for split in splits} if len(splits) > 1 else {}
        self._main = main
        self._pmi = bool(metadata.get("pmi"))
        if self._pmi and main != "acc":
            raise UsageError(
                f"{config['task']}: pmi: true: answers are written, and no choice has a likelihood to correct"
            )
        kept = {key: value for key, value in config.items() if key != "class"}  # which upstream's class does not know
        added = [{"metric": name, "aggregation": mean_of_subset, "higher_is_better": True} for name in self._added()]
        super().__init__(config={**kept, "metric_list": [*config["metric_list"], *added]})

    def _added(self) -> list[str]:
        """Return the metrics beside those of the YAML."""
        return [*self._splits.values(), *(("acc_pmi",) if self._pmi else ())]

    def construct_requests(self, doc: Doc, ctx: str, **kwargs: Any) -> list[Instance]:
        """Ask as upstream does; with ``pmi``, each choice behind the bare prompt as well."""
        asked: list[Instance] = super().construct_requests(doc, ctx, **kwargs)
        if not self._pmi:
            return asked
        unconditional = super().construct_requests(doc, ctx.replace(self.doc_to_text(doc), bare_prompt(doc)), **kwargs)
        for instance in unconditional:
            instance.idx += len(asked)  # by which lm-eval sorts the answers
        return [*asked, *unconditional]

    def process_results(self, doc: Doc, results: Sequence[tuple[float, bool]]) -> dict[str, float]:
        """Score as the YAML says, and under the name of the question's split; NaN under the others."""
        if self._pmi:
            results, unconditional = results[: len(doc["choices"])], results[len(doc["choices"]) :]
        scored: dict[str, float] = super().process_results(doc, results)
        if self._pmi:
            scored["acc_pmi"] = pmi(doc, results, unconditional)
        found = {
            name: scored[self._main] if split == doc["split"] else math.nan for split, name in self._splits.items()
        }
        return {**scored, **found}


class InContextTask(Task):
    """A task whose prompt begins with a long shared context.

    It refuses a context that the model's window cannot hold, where lm-eval would cut it with a warning, and keeps
    the context out of the logged samples, where lm-eval would repeat it once per choice. ``context_tokens`` and the like
    in its metadata choose documents; task documents stay the same, so that samples pair. Where they
    are chosen for each question, two metrics say so: ``documents``, their mean number, and ``evidence``, the share of
    the questions whose evidence is all there.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Find the tokenizer that the budget of the context is counted with, if there is one."""
        metadata = config["metadata"]
        if chosen_by(metadata, config["task"]):
            task_documents(**metadata)  # refuses what cannot be asked, before it is said that a tokenizer is missing
        self._choice = choice_of(metadata, config["task"])
        self._retrieves = per_question(self._choice, metadata["family"])
        super().__init__(config)

    def _added(self) -> list[str]:
        return [*super()._added(), *(("documents", "evidence") if self._retrieves else ())]

    def process_results(self, doc: Doc, results: Sequence[tuple[float, bool]]) -> dict[str, float]:
        """Score as a closed-book task does, and say what the prompt held where that depends on the question."""
        scored = super().process_results(doc, results)
        if self._choice and self._retrieves:
            found = retrieved(doc, self._choice)
            scored |= {"documents": float(len(found)), "evidence": evidence(doc, found)}
        return scored

    def doc_to_text(self, doc: Doc, *args: object, **kwargs: object) -> str:
        """Return the prompt as the YAML has it, or with the documents that are chosen."""
        if self._choice is None:
            text: str = super().doc_to_text(doc, *args, **kwargs)
            return text
        return prompt_with(context_of(doc, self._choice), doc)

    def build_all_requests(self, **kwargs: object) -> None:
        """Build the requests as upstream does, after the check of the window.

        Raises:
            UsageError: The longest prompt does not fit; the message tells the tokens needed and the knob.
        """
        self._check_window(bool(kwargs.get("apply_chat_template")))
        super().build_all_requests(**kwargs)

    def apply_filters(self) -> list[Instance] | None:
        """Filter as upstream does; then shorten the prompts, which were scored by now, for the log."""
        filtered: list[Instance] | None = super().apply_filters()
        for instance in self._instances:
            prompt, *rest = instance.arguments
            instance.arguments = (_shortened(prompt, context_of(instance.doc, self._choice)), *rest)
        return filtered

    def _check_window(self, chat: bool) -> None:
        """Compare the longest prompt, and the tokens written after it, with the model's window."""
        metadata = self.config.metadata or {}
        tokens = tokens_of(metadata)
        if tokens is None or tokens.window is None:
            logger.warning("%s: the model's window is not known and not checked", self.config.task)
            return
        turn = chat and tokens.tokenizer.chat_template
        written = (self.config.generation_kwargs or {}).get("max_gen_toks", 0)

        def prompt(doc: Doc) -> str:
            text = str(self.doc_to_text(doc))
            return as_turn(text, tokens.tokenizer) if turn else text

        needed = most_needed(self.test_docs(), prompt, tokens, written)
        if needed > tokens.window:
            knobs = "n_facts and the like, context_copies, context_tokens or context_nearest"
            raise UsageError(
                f"{self.config.task}: the context and question need {needed} tokens, the window of "
                f"{tokens.model} is {tokens.window}; make the world or the context smaller "
                f"({knobs} under --metadata) or take a model with a longer window"
            )


class Shortened(str):
    """A prompt as it is logged: a note in the place of its context."""

    context: str
    note: str

    @property
    def whole(self) -> str:
        """The prompt that the model read."""
        return self.replace(self.note, self.context, 1)


def _shortened(prompt: str | JsonChatStr, context: str) -> str | JsonChatStr:
    """Return a prompt with a note in the place of the context; a chat server's prompt is JSON in a named tuple."""
    note = f"[context: {len(context)} characters, sha256 {content_hash(context)[:16]}]"
    if not isinstance(prompt, str):
        return type(prompt)(prompt.prompt.replace(json.dumps(context, ensure_ascii=False)[1:-1], note, 1))
    found = Shortened(prompt.replace(context, note, 1))
    found.context, found.note = context, note
    return found
