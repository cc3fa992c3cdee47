"""An augmentation: ``infer(world, prompt, settings, lm, ...)`` asks one model in one way about one world.

What it has cost and what it depends on stands beside its statements, as ``augmentation.json``::

    {"hash": "77b0c1...", "identity": {...}, "prompt": {"name": "nano-local", "version": 1, "hash": "..."},
     "context_documents": {"used": 0, "of": 0}, "requests": {"answered": 200, "left_by_budget": 0},
     "tokens": {"prompt": 4210, "generated": 5120}, "statements": {"kept": 391, "dropped_as_duplicates": 9},
     "corpus_sha256": "..."}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from icl_ft_plugin import __version__
from icl_ft_plugin.augment.asking import context_of, requests_of
from icl_ft_plugin.augment.generate import Announce, ask, window_of
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.augment.statements import Statement, cut, from_file, news, said
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.schema import World, content_hash

if TYPE_CHECKING:
    from lm_eval.api.model import LM


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens read and written; None where the model has no tokenizer here."""

    prompt: int | None
    generated: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompt that a model was asked with."""

    name: str
    version: int
    hash: str


@dataclass(frozen=True, slots=True)
class Context:
    """How many of how many documents stood in front of a question."""

    used: int
    of: int


@dataclass(frozen=True, slots=True)
class Requests:
    """How many generations there are, and how many the token budget left out."""

    answered: int
    left_by_budget: int


@dataclass(frozen=True, slots=True)
class Statements:
    """How many statements there are, and how many were nothing new."""

    kept: int
    dropped_as_duplicates: int


class Record(BaseModel):
    """What an augmentation depends on and has cost; of what needs no model, only the first three.

    Attributes:
        hash: Of the identity.
        identity: Everything that it depends on.
        tokens: Read and written.
        prompt: How the model was asked.
        context_documents: In front of each question.
        requests: Of generations.
        statements: Their numbers.
        corpus_sha256: Of the statements' texts.
    """

    model_config = ConfigDict(frozen=True)

    hash: str
    identity: dict[str, object]
    prompt: Asked | None = None
    context_documents: Context | None = None
    requests: Requests | None = None
    tokens: Tokens
    statements: Statements | None = None
    corpus_sha256: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return what is known, as JSON."""
        return self.model_dump(exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What one model, or rules, wrote about one world."""

    statements: list[Statement]
    record: Record

    def to_dict(self) -> dict[str, object]:
        """Return what stands in ``augmentation.json``."""
        return self.record.to_dict()


def identity_of(world_hash: str, prompt: Prompt, settings: Settings, model: str) -> dict[str, object]:
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


def infer(
    world: World,
    prompt: Prompt,
    settings: Settings,
    lm: LM,
    model: str,
    journal: Journal,
    announce: Announce = lambda done, total: None,
    attempts: int = 5,
) -> Augmentation:
    """Have a model augment a world; what the journal holds is not asked again.

    Args:
        world: The world.
        prompt: How to ask; its strategy is no rule.
        settings: The knobs.
        lm: An lm-eval model.
        model: What names it, e.g. the hash of its files.
        journal: Where its answers are kept.
        announce: Called with the number of answered requests and of all.
        attempts: How often a failing model is asked.

    Raises:
        UsageError: The prompt does not fit into the model's window, or the model did not answer.
    """
    context, (used, of) = context_of(world, prompt, settings, window_of(lm))
    requests = requests_of(world, prompt, settings, context, model)
    answers = ask(lm, requests, prompt, settings, journal, announce, attempts)
    every = list(cut(prompt, settings, requests, answers))
    kept = news(([one] for one in every), said(world)) if settings.deduplicate else every
    given = [answer for answer in answers if answer is not None]
    identity = identity_of(world.hash, prompt, settings, model)
    record = Record(
        hash=content_hash(identity),
        identity=identity,
        prompt=Asked(prompt.name, prompt.version, prompt.hash),
        context_documents=Context(used, of),
        requests=Requests(len(given), len(requests) - len(given)),
        tokens=Tokens(
            _total(answer.prompt_tokens for answer in given), _total(answer.generated_tokens for answer in given)
        ),
        statements=Statements(len(kept), len(every) - len(kept)),
        corpus_sha256=content_hash([statement.text for statement in kept]),
    )
    return Augmentation(kept, record)


def rule_based(world: World, strategy: str) -> Augmentation:
    """Return what needs no model, in the same form.

    Args:
        world: The world.
        strategy: ``"oracle"`` for all that rules infer, ``"none"`` for the documents themselves.

    Raises:
        UsageError: The family has no rules.
    """
    family = family_of(world.family)
    if strategy == "oracle" and family.oracle is None:
        raise UsageError(family.no_rules(f"strategy {strategy!r}"))
    documents = family.oracle(world) if strategy == "oracle" and family.oracle else world.documents
    statements = [Statement(document.text, document.id, None, strategy, *[None] * 4) for document in documents]
    identity: dict[str, object] = {"version": __version__, "world": world.hash, "strategy": strategy}
    record = Record(hash=content_hash(identity), identity=identity, tokens=Tokens(0, 0))
    return Augmentation(statements, record)


def _said(world: World) -> set[str]:
    """Return what the documents say already."""
    return {text.removeprefix("\n") for document in world.documents for text in (document.text, *document.sentences)}


def identity_of_file(world_hash: str, sha256: str) -> dict[str, object]:
    """Return everything that the statements of another tool depend on."""
    return {"version": __version__, "world": world_hash, "file": sha256}


def written_elsewhere(world: World, part: str, sha256: str) -> Augmentation:
    """Return what another tool wrote about a world, in the same form.

    Args:
        world: The world.
        part: ``"file:"`` and the path.
        sha256: Of the file, as it was planned with.

    Raises:
        UsageError: The file is not there, not of its form, or has changed.
    """
    statements, dropped, _ = from_file(world, part, sha256)
    identity = identity_of_file(world.hash, sha256)
    record = Record(
        hash=content_hash(identity),
        identity=identity,
        tokens=Tokens(0, 0),
        statements=Statements(len(statements), dropped),
        corpus_sha256=content_hash([statement.text for statement in statements]),
    )
    return Augmentation(statements, record)


def _total(counts: Iterable[int | None]) -> int | None:
    """Return the sum, None where one is not known."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
