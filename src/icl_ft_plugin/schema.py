"""The single source of truth of a generated world: facts, documents and questions.

A world of simple reversals holds, for example::

    Fact("f0", "more dangerous", ("femp", "glon"), "femp are more dangerous than glon.")
    Document("f0-d0", ("Did you know that femp are more dangerous than glon?",), ("f0",), completion_start=26)
    Question("f0-reversal", "reversal", "glon are", ("less dangerous than femp.", "more dangerous than femp."),
             gold=(0,), inference="reversed", depth=1, proof=("f0",), clusters={"fact": "f0", ...})

Documents are what a model trains on or reads in its prompt, questions are what it is asked; both ways of
learning see the same objects (arXiv 2505.00661, sections 2 and 3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict


@dataclass(frozen=True, slots=True)
class Fact:
    """One atomic statement of a world.

    Attributes:
        id: Unique within the world.
        predicate: The relation, e.g. ``"more dangerous"``, ``"all"``, ``"is a"``.
        arguments: The terms related, in order.
        text: The canonical sentence that states it.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> icl_ft.Fact("f0", "more dangerous", ("femp", "glon"), "femp are more dangerous than glon.").arguments
        ('femp', 'glon')
    """

    id: str
    predicate: str
    arguments: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One training document.

    Attributes:
        id: Unique within the world.
        sentences: Its sentences in order; sentence splitting cuts here. One that opens a paragraph begins with a line break.
        facts: Ids of the facts it states.
        completion_start: Character offset in ``text`` from which a completion-only loss is taken; 0 means all.
        style: Name of the form of text, e.g. ``"statement"``, ``"dialogue"``.
        separator: What joins the sentences of a paragraph.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> document = icl_ft.Document("d0", ("All femp are glon.", "All glon are zost."), facts=("f0", "f1"))
        >>> document.text
        'All femp are glon. All glon are zost.'
    """

    id: str
    sentences: tuple[str, ...]
    facts: tuple[str, ...]
    completion_start: int = 0
    style: str = "statement"
    separator: str = " "

    @property
    def pieces(self) -> tuple[str, ...]:
        """The sentences, each with what sets it off from the one before; one after the other they are the text."""
        first, *others = self.sentences or ("",)
        return (first, *(made if made.startswith("\n") else self.separator + made for made in others))

    @property
    def text(self) -> str:
        """The document as one string."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question, scored by likelihood; the choices never stand in the prompt.

    Attributes:
        id: Unique within the world.
        split: The kind of generalization asked, e.g. ``"reversal"``; one lm-eval task per split.
        prompt: The bare stem, without trailing whitespace; scored as ``prompt + " " + choice``.
        choices: The candidate continuations.
        gold: Indices of all correct choices (a set for syllogisms).
        inference: ``"restated"``, ``"reversed"``, ``"chained"``, ``"inherited"`` or ``"applied"``.
        depth: Number of inference steps from stated facts to the answer; 0 for a restatement.
        proof: Ids of the facts from which the answer follows.
        clusters: What the question shares with others, for errors that know what hangs together: ``fact`` (asked about in
            several splits), ``first`` and ``last`` premise, ``template`` (its wording) and ``world``; ``rules`` where a
            world has several sets of them.
        labels: Free breakdown labels, e.g. ``{"gold_word": "less"}``; reported as ``acc_<key>_<value>``.
        block: The questions of a block share their options, and each option is the answer of one of them (``blocks``).
            Empty where options are no names that could be preferred.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> question = world.questions[0]
        >>> isinstance(question, icl_ft.Question), question.split, question.chance
        (True, 'reversal', 0.5)
        >>> answer = question.choices[question.gold[0]]
        >>> f"{question.prompt} {answer}" in [document.text for document in world.documents]
        False
    """

    id: str
    split: str
    prompt: str
    choices: tuple[str, ...]
    gold: tuple[int, ...]
    inference: str
    depth: int
    proof: tuple[str, ...]
    clusters: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    block: str = ""

    @property
    def chance(self) -> float:
        """Accuracy of a uniform guesser on this item."""
        return len(self.gold) / len(self.choices)


class Extras(TypedDict, total=False):
    """Keys that some task documents have: the ``block`` of a question, and ``options`` where its choices are shown."""

    block: str
    options: list[str]


class Doc(Extras):
    """A question as lm-evaluation-harness and its samples know it, a task document (``harness/documents.py``).

    Keys are the fields of ``Question``, with ``question`` its prompt, ``label`` the first of ``gold``, and ``world`` the
    canonical JSON of all that it takes to make the world again. A data set that gives a label to some of its questions
    alone gives the others None.
    """

    id: str
    split: str
    question: str
    choices: list[str]
    gold: list[int]
    label: int
    chance: float
    inference: str
    depth: int
    proof: list[str]
    clusters: Mapping[str, str]
    labels: Mapping[str, str | None]
    world: str


@dataclass(frozen=True, slots=True)
class World:
    """A whole world.

    Attributes:
        family: Name of the generator, a key of ``families.FAMILIES``.
        config: The generator's knobs as plain JSON values.
        seed: The world seed.
        facts: All atomic statements.
        documents: The training corpus, in generation order.
        questions: All splits, in generation order.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", seed=3, n_facts=5)
        >>> isinstance(world, icl_ft.World), world.family, world.seed, world.splits[0]
        (True, 'reversal', 3, 'reversal')
        >>> len(world.hash)
        64
    """

    family: str
    config: Mapping[str, Any]
    seed: int
    facts: tuple[Fact, ...]
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of everything in the world, as 64 hex digits."""
        return content_hash(asdict(self))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the question splits, in order of first appearance."""
        return tuple(dict.fromkeys(question.split for question in self.questions))


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal bytes on every platform."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(value: object) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
