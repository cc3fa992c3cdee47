r"""From generations to a corpus: ``augment`` asks one model in one way about one world.

A row, one statement, of the corpus of a world of reversals::

    {"text": "glon are less dangerous than femp.", "source": "f0-d0", "asked": "femp are more dangerous than glon.",
     "strategy": "local", "prompt": "nano-local/1", "sample": 0,
     "sampling": {"temperature": 0.0, "seed": null, "max_tokens": 160}, "raw": "glon are less ...\nFollows: ..."}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from icl_ft_plugin import __version__
from icl_ft_plugin.arms.splitting import split_text
from icl_ft_plugin.augment.asking import Request, context_of, requests_of, sampling_of
from icl_ft_plugin.augment.generate import Announce, ask, window_of
from icl_ft_plugin.augment.journal import Answer, Journal
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.schema import World, content_hash

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What one model wrote about one world.

    Attributes:
        rows: One per statement.
        info: Settings, identity and counts, as they stand in ``augmentation.json``.
    """

    rows: list[Row]
    info: dict[str, Any]


def identity_of(world_hash: str, prompt: Prompt, settings: Settings, model: str) -> dict[str, Any]:
    """Return everything that an augmentation depends on.

    Args:
        world_hash: Of the world.
        prompt: How the model is asked.
        settings: The knobs.
        model: What names the model, e.g. the hash of its files.
    """
    return {
        "version": __version__,
        "world": world_hash,
        "model": model,
        "strategy": prompt.strategy,
        "prompt": prompt.hash,
        "settings": settings.model_dump(exclude={"prompts"}),
    }


def augment(
    world: World,
    prompt: Prompt,
    settings: Settings,
    lm: Any,
    model: str,
    journal: Journal,
    announce: Announce = lambda done, total: None,
    attempts: int = 5,
) -> Augmentation:
    """Have a model augment a world; what the journal holds is not asked again.

    Args:
        world: The world.
        prompt: How to ask; its strategy is local or global.
        settings: The knobs.
        lm: An lm-eval model.
        model: What names it, e.g. the hash of its files.
        journal: Where its answers are kept.
        announce: Called with the number of answered requests and of all.
        attempts: How often a failing model is asked.

    Raises:
        UsageError: The prompt does not fit into the model's window, or the model did not answer.
    """
    context, held = context_of(world, prompt, settings, window_of(lm))
    requests = requests_of(world, prompt, settings, context, model)
    answers = ask(lm, requests, prompt, settings, journal, announce, attempts)
    rows, dropped = rows_of(world, prompt, settings, requests, answers)
    given = [answer for answer in answers if answer is not None]
    identity = identity_of(world.hash, prompt, settings, model)
    info = {
        "hash": content_hash(identity),
        "identity": identity,
        "prompt": {"name": prompt.name, "version": prompt.version, "hash": prompt.hash},
        "context_documents": {"used": held[0], "of": held[1]},
        "requests": {"answered": len(given), "left_by_budget": len(requests) - len(given)},
        "tokens": {
            "prompt": _total(answer.prompt_tokens for answer in given),
            "generated": _total(answer.generated_tokens for answer in given),
        },
        "statements": {"kept": len(rows), "dropped_as_duplicates": dropped},
        "corpus_sha256": content_hash([row["text"] for row in rows]),
    }
    return Augmentation(rows, info)


def rule_based(world: World, strategy: str) -> Augmentation:
    """Return what needs no model, in the same form.

    Args:
        world: The world.
        strategy: ``"oracle"`` for all that rules infer, ``"none"`` for the documents themselves.

    Raises:
        UsageError: No rules are known of own documents.
    """
    if strategy == "oracle" and world.family == own.FAMILY:
        raise UsageError(own.no_rules(f"strategy {strategy!r}"))
    documents = family_of(world.family).oracle(world) if strategy == "oracle" else world.documents
    rows: list[Row] = [
        {
            "text": document.text,
            "source": document.id,
            "asked": None,
            "strategy": strategy,
            "prompt": None,
            "sample": None,
            "sampling": None,
            "raw": None,
        }
        for document in documents
    ]
    identity = {"version": __version__, "world": world.hash, "strategy": strategy}
    tokens = {"prompt": 0, "generated": 0}
    return Augmentation(rows, {"hash": content_hash(identity), "identity": identity, "tokens": tokens})


def _total(counts: Any) -> int | None:
    values = list(counts)
    return None if None in values else sum(values)


def rows_of(
    world: World,
    prompt: Prompt,
    settings: Settings,
    requests: Sequence[Request],
    answers: Sequence[Answer | None],
) -> tuple[list[Row], int]:
    """Cut the answers into statements.

    Returns:
        The rows, and the number of statements that were dropped because they are nothing new.
    """
    seen = {document.text for document in world.documents}
    seen |= {sentence for document in world.documents for sentence in document.sentences}
    rows: list[Row] = []
    dropped = 0
    for request, answer in zip(requests, answers, strict=True):
        for statement in prompt.statements(answer.raw) if answer else []:
            # A model that loops says one sentence many times within a statement.
            text = " ".join(dict.fromkeys(split_text(statement))) if settings.deduplicate else statement
            if settings.deduplicate and text in seen:
                dropped += 1
                continue
            seen.add(text)
            rows.append(
                {
                    "text": text,
                    "source": request.source,
                    "asked": request.text,
                    "strategy": prompt.strategy,
                    "prompt": f"{prompt.name}/{prompt.version}",
                    "sample": request.sample,
                    "sampling": sampling_of(prompt, settings),
                    "raw": answer.raw if answer else "",
                }
            )
    return rows, dropped
