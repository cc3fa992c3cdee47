r"""The worlds as tasks of Inspect: ``inspect eval icl_ft_plugin/icl_ft_reversal -T condition=icl --model openai/...``.

One task a family. They are the tasks in which the answer is written (``icl_ft_<family>_gen``): same questions, prompts,
stops, filter and scores, taken from lm-evaluation-harness's own task objects. A sample is, for example::

    input     "The following statements are true.\n\nDid you know that femp ...\n\nglon are"
    target    "less dangerous than femp."
    score     {"exact_match": 1, "exact_match_answered": 1, "refused": 0, "unparsable": 0}

Choosing among answers by likelihood needs the log-probabilities of a given continuation. Inspect's interface asks a model for
text and returns those of what the model wrote itself; so there are no such tasks (``docs/elsewhere.md``).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer, stderr
from inspect_ai.solver import TaskState

from icl_ft_plugin.errors import UsageError, suggest
from icl_ft_plugin.families import family_of, generated, named

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask


SCORES = ("exact_match", "exact_match_answered", "refused", "unparsable")
CONDITIONS = ("closed", "icl")
OPTIONS = ("hidden", "shown")


def build(family: str, condition: str, split: str | None, options: str, knobs: dict[str, object]) -> Task:
    """Return one family's task.

    Args:
        family: Dataset family.
        condition: ``"closed"``, the bare question; or ``"icl"``, the world's documents before it.
        split: One split of the questions; None takes all, scored split by split.
        options: ``"hidden"``, or ``"shown"`` in the prompt.
        knobs: What ``--metadata`` takes in lm-eval: ``seed``, ``prompt``, ``context_copies`` and the generator's knobs.

    Raises:
        UsageError: An unknown condition, split or way to show options, or what the generator refuses.
    """
    for name, value, known in (("condition", condition, CONDITIONS), ("options", options, OPTIONS)):
        if value not in known:
            raise UsageError(f"{name}={value!r} is not one of {', '.join(known)}{suggest(value, known)}")
    made_of = (family, condition, split, options, json.dumps(knobs, sort_keys=True))
    loaded = _tasks(*made_of)
    samples = [
        Sample(
            id=f"{doc['split']}/{doc['id']}",
            input=one.doc_to_text(doc),
            target=[doc["choices"][i] for i in doc["gold"]],
            metadata={**doc, "task": name},
        )
        for name, one in loaded.items()
        for doc in one.test_docs()
    ]
    generation = next(iter(loaded.values())).config.generation_kwargs
    return Task(
        dataset=MemoryDataset(samples, name=f"icl_ft_{family}_{condition}"),
        scorer=written_answer(*made_of),
        config=GenerateConfig(
            temperature=0.0, max_tokens=generation["max_gen_toks"], stop_seqs=list(generation["until"])
        ),
        version=1,
        metadata={"family": family, "condition": condition, "options": options, **knobs},
    )


@lru_cache(maxsize=16)
def _tasks(family: str, condition: str, split: str | None, options: str, knobs: str) -> dict[str, ConfigurableTask]:
    """Return lm-eval's task objects by name; ``knobs`` is JSON."""
    from icl_ft_plugin._register import our_tasks
    from icl_ft_plugin.harness.index import read_task

    names = {}
    for file in sorted((family_of(family).task_folder / "gen").glob(f"*_{condition}.yaml")):
        metadata = read_task(file).get("metadata", {})
        if metadata.get("options") == options:
            names[metadata["split"]] = file.stem
    if split is not None and split not in names:
        raise UsageError(f"{family}: no split {split!r}{suggest(split, names)}; it has {', '.join(names)}")
    manager = our_tasks(json.loads(knobs))
    return dict(manager.load([name for own, name in names.items() if split in (None, own)])["tasks"])


@scorer(metrics={name: [grouped(mean(), "split"), stderr()] for name in SCORES})  # type: ignore[untyped-decorator]
def written_answer(family: str, condition: str, split: str | None, options: str, knobs: str) -> Scorer:
    """Score as lm-eval does: the task's filter, then its ``process_results``; the arguments are those of ``build``."""
    from lm_eval.api.instance import Instance

    tasks = _tasks(family, condition, split, options, knobs)

    async def score(state: TaskState, target: Target) -> Score:
        """Score one answer; ``target`` is for the reader, the document knows all right answers."""
        doc = dict(state.metadata)
        one = tasks[doc.pop("task")]
        text = state.output.completion
        for stop in one.config.generation_kwargs["until"]:
            text = text.split(stop)[0]
        instance = Instance(request_type="generate_until", doc=doc, arguments=(), idx=0, resps=[text])
        for ensemble in one._filters:
            ensemble.apply([instance])
        [answer] = instance.filtered_resps.values()
        scored = one.process_results(doc, [answer])
        return Score(value={name: scored[name] for name in SCORES}, answer=answer)

    return score


def _task_of(family: str) -> Any:
    """Return a family's task, as a function that Inspect finds in this module."""

    def made(condition: str = "closed", split: str | None = None, options: str = "hidden", **knobs: Any) -> Task:
        return build(family, condition, split, options, knobs)

    made.__name__ = made.__qualname__ = f"icl_ft_{family}"
    made.__doc__ = f"Return {named(family).title.lower()}; see ``build`` for the arguments."
    return task(made)


globals().update({f"icl_ft_{family}": _task_of(family) for family in generated()})
