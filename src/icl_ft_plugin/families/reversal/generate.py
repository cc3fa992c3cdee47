"""Simple reversals (arXiv 2505.00661, simple reversals dataset).

A fact "femp are more dangerous than glon" stands in ten documents with sampled preambles, such as
"Did you know that femp are more dangerous than glon?". Asked is the reversal, "glon are" + "less dangerous than
femp." against "more dangerous than femp.", beside the same direction ("femp are said to be" + "more dangerous than glon."),
which tells whether the fact was learned at all.

OURS: half of the facts say "less", so that a constant answerer scores exactly at chance in every split; and an entity-choice
form ("glon are less dangerous than" + "femp"), which copying the relation word can neither win nor lose, asked in
blocks. An entity of these facts stands in one fact only, so that words that meet give the entity away.

OURS, too: chains in which they give away the wrong one (``reversal_misleading``). "femp are more dangerous than glon" stands in
5 documents, "glon are more dangerous than trune" in 20. Asked is "glon are less dangerous than" + "femp" against
"trune" and two others.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.reversal.phrases import DIMENSIONS, DOCUMENTS, INFERENCES, OPPOSITE, TESTS
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, Question, World


@dataclass(frozen=True, slots=True)
class ReversalConfig:
    """Knobs of the simple reversals.

    Attributes:
        n_facts: Number of facts; each takes two fresh words.
        n_dimensions: Number of comparison dimensions in use, at most 28.
        documents_per_fact: Number of documents that state a fact, each with another preamble, at most 32.
        n_choices: Number of choices of the entity-choice form, fewer where there are fewer facts.
        misleading: Number of misleading questions per fact, rounded down to blocks but for the first; each takes two facts
            more. 0 leaves their split out.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_facts: int = 100
    n_dimensions: int = 28
    documents_per_fact: int = 10
    n_choices: int = 4
    misleading: float = 0.32
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_facts": (2, 2000),
            "n_dimensions": (1, len(DIMENSIONS)),
            "documents_per_fact": (1, len(DOCUMENTS)),
            "n_choices": (2, 26),
            "misleading": (0, 1),
        }
        check_ranges("reversal", self, ranges)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One fact in parts: ``first`` are ``word`` ``dimension`` than ``second``, in so many documents."""

    id: str
    first: str
    second: str
    word: str
    dimension: str
    documents: int

    @property
    def statement(self) -> str:
        return f"{self.first} are {self.word} {self.dimension} than {self.second}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A fact as it is asked: from which side, and in which words."""

    fact: _Comparison
    reversed: bool
    wording: str

    @property
    def subject(self) -> str:
        return self.fact.second if self.reversed else self.fact.first

    @property
    def stem(self) -> str:
        return self.wording.format(self.subject)

    @property
    def other(self) -> str:
        return self.fact.first if self.reversed else self.fact.second

    @property
    def word(self) -> str:
        return OPPOSITE[self.fact.word] if self.reversed else self.fact.word

    def question(
        self, split: str, prompt: str, choices: tuple[str, ...], gold: int, world: str, block: str = ""
    ) -> Question:
        fact = self.fact.id
        clusters = {"fact": fact, "first": fact, "last": fact, "template": self.wording, "world": world}
        return Question(
            id=f"{fact}-{split}",
            split=split,
            prompt=prompt,
            choices=choices,
            gold=(gold,),
            inference="reversed" if self.reversed else "restated",
            depth=int(self.reversed),
            proof=(fact,),
            clusters={**clusters, "block": block} if block else clusters,
            labels={"gold_word": self.word},
            block=block,
        )


def generate(config: ReversalConfig, seed: int) -> World:
    """Generate a world of simple reversals; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        ``n_facts`` facts and two for each misleading question, the documents that state them, and four questions per fact,
        one per split; those in which an entity is chosen only in whole blocks.

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"reversal-{seed}")
    lexicon = Lexicon(rng, config.share)
    dimensions = rng.sample(DIMENSIONS, config.n_dimensions)
    facts = _draw_facts(config, dimensions, lexicon, rng)
    chains = _draw_chains(config, dimensions, lexicon, rng)
    every = [*facts, *(fact for block in chains for chain in block for fact in chain)]
    return World(
        family="reversal",
        config=asdict(config),
        seed=seed,
        facts=tuple(Fact(c.id, f"{c.word} {c.dimension}", (c.first, c.second), c.statement + ".") for c in every),
        documents=tuple(document for c in every for document in _documents(c, rng)),
        questions=tuple(_questions(facts, chains, config.n_choices, f"reversal-{seed}", rng)),
    )


def _draw_facts(
    config: ReversalConfig, dimensions: Sequence[str], lexicon: Lexicon, rng: random.Random
) -> list[_Comparison]:
    """Draw the facts; "more" and "less" alternate over the facts, whatever the dimension."""
    offset = rng.randrange(2)
    facts = []
    for i in range(config.n_facts):
        # The dimension moves on every second fact, so that each dimension has both words as far as counts allow.
        dimension = dimensions[(i // 2) % len(dimensions)]
        word = ("more", "less")[(i + offset) % 2]
        first, second = lexicon.words(2)
        facts.append(_Comparison(f"f{i}", first, second, word, dimension, config.documents_per_fact))
    return facts


def _draw_chains(
    config: ReversalConfig, dimensions: Sequence[str], lexicon: Lexicon, rng: random.Random
) -> list[list[tuple[_Comparison, _Comparison]]]:
    """Draw blocks of pairs of facts: one that is asked, and one in more documents that leads to another's answer.

    In turn an answer stands above and below what is asked about, and what misleads stands on the other side: were all of them
    above, the order would run in a circle.
    """
    k, few = config.n_choices, max(1, config.documents_per_fact // 2)
    many = min(4 * few, len(DOCUMENTS))
    blocks = max(1, int(config.n_facts * config.misleading) // k) if config.misleading else 0
    chains = []
    for b in range(blocks):
        answers, subjects = lexicon.words(k), lexicon.words(k)
        dimension = dimensions[b % len(dimensions)]
        block = []
        for i, (answer, subject) in enumerate(zip(answers, subjects, strict=True)):
            word = ("more", "less")[(i + b) % 2]
            wrong = answers[i + 1 if i % 2 == 0 and i + 1 < k else i - 1]
            told = _Comparison(f"m{b}-{i}", answer, subject, word, dimension, few)
            block.append((told, _Comparison(f"m{b}-{i}-misleads", subject, wrong, word, dimension, many)))
        rng.shuffle(block)
        chains.append(block)
    return chains


def _documents(c: _Comparison, rng: random.Random) -> Iterator[Document]:
    for i, preamble in enumerate(rng.sample(DOCUMENTS, c.documents)):
        text = preamble.format(c.statement)
        # Completion-only: the first entity is never a target, the relation and the second entity are.
        start = text.index(f" {c.first} are ") + len(f" {c.first} are")
        yield Document(f"{c.id}-d{i}", (text,), (c.id,), completion_start=start)


def _questions(
    facts: list[_Comparison],
    chains: list[list[tuple[_Comparison, _Comparison]]],
    k: int,
    world: str,
    rng: random.Random,
) -> Iterator[Question]:
    """Yield the questions: two directions, each with word choice and entity choice, and the misleading ones."""
    groups = _groups(facts, min(k, len(facts)), rng)
    for split, turned in (("reversal", True), ("rephrase", False)):
        asked = {fact.id: _Asked(fact, turned, rng.choice(TESTS[split])) for fact in facts}
        for item in asked.values():
            words = rng.sample(("more", "less"), 2)
            choices = tuple(f"{word} {item.fact.dimension} than {item.other}." for word in words)
            yield item.question(split, item.stem, choices, words.index(item.word), world)
        yield from _blocked(f"{split}_entity", ([asked[fact.id] for fact in group] for group in groups), world, rng)
    blocks = ([_Asked(told, True, rng.choice(TESTS["reversal"])) for told, _ in block] for block in chains)
    yield from _blocked("reversal_misleading", blocks, world, rng)


def _groups(facts: list[_Comparison], k: int, rng: random.Random) -> list[list[_Comparison]]:
    """Put facts into groups of k, those of a dimension together as far as counts allow; a rest is left out."""
    held = Counter(fact.dimension for fact in facts)
    mixed = rng.sample(facts, len(facts))
    mixed.sort(key=lambda fact: (-held[fact.dimension], fact.dimension, fact.word))
    return [mixed[i : i + k] for i in range(0, len(mixed) - k + 1, k)]


def _blocked(split: str, blocks: Iterable[list[_Asked]], world: str, rng: random.Random) -> Iterator[Question]:
    """Yield the questions of blocks: each asks for its entity among those of the block."""
    for i, block in enumerate(blocks):
        choices = tuple(rng.sample([asked.other for asked in block], len(block)))
        for asked in block:
            prompt = f"{asked.stem} {asked.word} {asked.fact.dimension} than"
            # Choices have no full stop: lm-eval's hf model takes requests whose tokens are the same but for where the choice
            # begins for one ("glon are" + "less dangerous than femp." and "glon are less dangerous than" + "femp.").
            yield asked.question(split, prompt, choices, choices.index(asked.other), world, f"{split}-b{i}")


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the documents: another teacher than the model itself.

    For every document its fact is said again in the same direction (style ``"rephrase"``) and reversed (style
    ``"reversal"``), each in a wording that neither documents nor questions have.

    Args:
        world: A world of this family.

    Returns:
        Two documents per document of the world.
    """
    rng = random.Random(f"reversal-oracle-{world.seed}")
    facts = {fact.id: fact for fact in world.facts}
    documents = []
    for document in world.documents:
        fact = facts[document.facts[0]]
        word, dimension = fact.predicate.split(" ")
        for style, said, (first, second) in (
            ("rephrase", word, fact.arguments),
            ("reversal", OPPOSITE[word], fact.arguments[::-1]),
        ):
            wording = rng.choice(INFERENCES[style])
            text = wording.format(first=first, more=f"{said} {dimension}", second=second)
            start = text.index(f" {first} ") + len(f" {first}")
            documents.append(Document(f"{document.id}-{style}", (text,), document.facts, start, style))
    return tuple(documents)
