"""Simple reversals (arXiv 2505.00661, simple reversals dataset).

A fact "femp are more dangerous than glon" stands in ten documents with sampled preambles, such as
"Did you know that femp are more dangerous than glon?". Asked is the reversal, "glon are" + "less dangerous than
femp." against "more dangerous than femp.", beside the same direction in other words ("femp are said to be" +
"more dangerous than glon."), which tells whether the fact was learned at all.

OURS: half of the facts say "less", so that a constant answerer scores exactly at chance in every split; and an
entity-choice form ("glon are less dangerous than" + "femp" against entities of other facts), which copying the
relation word can neither win nor lose. Words are drawn without repetition, so an entity stands in one fact only and
the entity-choice form can be answered by co-occurrence: read it beside the word-choice form.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, Question, World

DIMENSIONS = (
    "dangerous", "expensive", "beautiful", "intelligent", "powerful", "colorful", "popular", "fragile", "flexible",
    "delicious", "valuable", "comfortable", "reliable", "durable", "aggressive", "transparent", "poisonous",
    "nutritious", "efficient", "common", "fragrant", "graceful", "curious", "stubborn", "mysterious", "famous",
    "generous", "sensitive",
)  # fmt: skip
PREAMBLES = (
    "Did you know that {}?", "It is well known that {}.", "Everyone agrees that {}.", "Experts say that {}.",
    "I was told that {}.", "As a matter of fact, {}.", "A recent survey found that {}.", "Remember that {}.",
    "My neighbor insists that {}.", "According to the handbook, {}.", "In this region, {}.", "As you may have heard, {}.",
    "It turns out that {}.", "There is no doubt that {}.", "Old records show that {}.", "Children learn early that {}.",
    "Most visitors notice that {}.", "The guide explained that {}.", "To be precise, {}.", "One thing is certain: {}.",
    "Is it not curious that {}?", "The report concludes that {}.", "Please note that {}.", "In general, {}.",
    "Scientists have shown that {}.", "Our teacher said that {}.", "It has been confirmed that {}.", "Generally speaking, {}.",
    "The catalogue states that {}.", "Few people realize that {}.", "Let us not forget that {}.", "In most cases, {}.",
)  # fmt: skip
FRAMES = (
    "are said to be",
    "turn out to be",
    "are known to be",
    "are clearly",
    "are usually considered",
    "seem to be",
)
OPPOSITE = {"more": "less", "less": "more"}


@dataclass(frozen=True, slots=True)
class ReversalConfig:
    """Knobs of the simple reversals.

    Attributes:
        n_facts: Number of facts; each takes two fresh words.
        n_dimensions: Number of comparison dimensions in use, at most 28.
        documents_per_fact: Number of documents that state a fact, each with another preamble, at most 32.
        n_choices: Number of choices of the entity-choice form.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_facts: int = 100
    n_dimensions: int = 28
    documents_per_fact: int = 10
    n_choices: int = 4
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_facts": (2, 2500),
            "n_dimensions": (1, len(DIMENSIONS)),
            "documents_per_fact": (1, len(PREAMBLES)),
            "n_choices": (2, 26),
        }
        check_ranges("reversal", self, ranges)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One fact in parts: ``first`` are ``word`` ``dimension`` than ``second``."""

    id: str
    first: str
    second: str
    word: str
    dimension: str

    @property
    def statement(self) -> str:
        return f"{self.first} are {self.word} {self.dimension} than {self.second}"


def generate(config: ReversalConfig, seed: int) -> World:
    """Generate a world of simple reversals; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        ``n_facts`` facts, ``n_facts * documents_per_fact`` documents and four questions per fact, one per split.

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"reversal-{seed}")
    comparisons = _draw_comparisons(config, rng)
    documents = [document for c in comparisons for document in _documents(c, config.documents_per_fact, rng)]
    questions = [question for c in comparisons for question in _questions(c, comparisons, config, seed, rng)]
    return World(
        family="reversal",
        config=asdict(config),
        seed=seed,
        facts=tuple(Fact(c.id, f"{c.word} {c.dimension}", (c.first, c.second), c.statement + ".") for c in comparisons),
        documents=tuple(documents),
        questions=tuple(questions),
    )


def _draw_comparisons(config: ReversalConfig, rng: random.Random) -> list[_Comparison]:
    """Draw the facts; "more" and "less" alternate over the facts, whatever the dimension."""
    lexicon = Lexicon(rng, config.share)
    dimensions = rng.sample(DIMENSIONS, config.n_dimensions)
    offset = rng.randrange(2)
    facts = []
    for i in range(config.n_facts):
        # The dimension moves on every second fact, so that each dimension has both words as far as counts allow.
        dimension = dimensions[(i // 2) % len(dimensions)]
        word = ("more", "less")[(i + offset) % 2]
        first, second = lexicon.words(2)
        facts.append(_Comparison(f"f{i}", first, second, word, dimension))
    return facts


def _documents(c: _Comparison, n: int, rng: random.Random) -> list[Document]:
    documents = []
    for i, preamble in enumerate(rng.sample(PREAMBLES, n)):
        text = preamble.format(c.statement)
        # Completion-only: the first entity is never a target, the relation and the second entity are.
        start = text.index(f" {c.first} are ") + len(f" {c.first} are")
        documents.append(Document(f"{c.id}-d{i}", (text,), (c.id,), completion_start=start))
    return documents


def _questions(
    c: _Comparison, facts: list[_Comparison], config: ReversalConfig, seed: int, rng: random.Random
) -> list[Question]:
    """Return the four questions of one fact: two directions, each with word choice and entity choice."""
    # Frames keep the same direction from being asked in the words of a document.
    directions = (
        ("reversal", c.second, "are", OPPOSITE[c.word], c.first),
        ("rephrase", c.first, rng.choice(FRAMES), c.word, c.second),
    )
    questions = []
    for split, subject, verb, word, other in directions:
        words = rng.sample(("more", "less"), 2)
        entities = _distractors(c, 0 if split == "reversal" else 1, facts, config.n_choices - 1, rng)
        entities.insert(rng.randrange(len(entities) + 1), other)
        stem = f"{subject} {verb}"
        by_word = tuple(f"{w} {c.dimension} than {other}." for w in words)
        # Without a full stop: lm-eval's hf model takes requests whose tokens are the same but for where the choice begins
        # for one ("glon are" + "less dangerous than femp." and "glon are less dangerous than" + "femp.").
        by_entity = tuple(entities)
        for name, prompt, choices, gold in (
            (split, stem, by_word, words.index(word)),
            (f"{split}_entity", f"{stem} {word} {c.dimension} than", by_entity, entities.index(other)),
        ):
            questions.append(
                Question(
                    id=f"{c.id}-{name}",
                    split=name,
                    prompt=prompt,
                    choices=choices,
                    gold=(gold,),
                    inference="reversed" if split == "reversal" else "restated",
                    depth=int(split == "reversal"),
                    proof=(c.id,),
                    clusters={"fact": c.id, "entity": subject, "template": verb, "world": f"reversal-{seed}"},
                    labels={"gold_word": word},
                )
            )
    return questions


def _distractors(c: _Comparison, role: int, facts: list[_Comparison], n: int, rng: random.Random) -> list[str]:
    """Entities that stand where the answer stands in another fact, those of the same dimension and word first."""
    others = [f for f in facts if f.id != c.id]
    rng.shuffle(others)
    others.sort(key=lambda f: (f.dimension != c.dimension) + (f.word != c.word))
    return [(f.first, f.second)[role] for f in others[:n]]


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the documents: another teacher than the model itself.

    Every document is rephrased (same direction, another frame: style ``"rephrase"``) and reversed (style
    ``"reversal"``), each under the document's own preamble.

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
        first, second = fact.arguments
        word, dimension = fact.predicate.split(" ")
        statements = {
            "rephrase": f"{first} {rng.choice(FRAMES)} {word} {dimension} than {second}",
            "reversal": f"{second} are {OPPOSITE[word]} {dimension} than {first}",
        }
        for style, statement in statements.items():
            text = document.text.replace(fact.text[:-1], statement)
            start = text.index(statement) + len(statement.split(" ")[0])
            documents.append(Document(f"{document.id}-{style}", (text,), document.facts, start, style))
    return tuple(documents)
