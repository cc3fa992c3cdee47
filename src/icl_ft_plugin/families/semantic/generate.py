"""Semantic structure (arXiv 2505.00661, semantic structure dataset): a real-world hierarchy in nonsense words.

110 categories of animals and objects with properties and relations (``data/hierarchy.yaml``), every noun, adjective
and verb replaced by one pseudoword, are described in 2200 documents of 4 to 20 sentences in 16 styles, e.g.::

    A guide to femp. You will see that femp are a kind of glon. Here, among things that can bilku one finds femp.
    A little further on, tworm have long been lolti. But under things that have no snost come tworm.

Asked is the same in other words (rephrase), in the other direction (reversal), what a category inherits over one
(syllogism) or more levels (syllogism_deep), all that follows about a category of which only the parent is ever
stated (holdout), and what a category has in the place of what it does not inherit (misleading). The world is closed:
what does not follow is false.

OURS: the direction in which each fact is stated is fixed per fact. Some facts are only stated forward ("femp can
bilku"), some only backward, the rest in both; reversals are asked of the first two kinds, and chains use facts that
are stated forward; exceptions bear on no split but the misleading one. So an item needs the inference that its split names and no other. A claim in one direction is one fact:
"f7-forward" and "f7-backward" say the same, and a subsample of the documents keeps both.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.semantic import hierarchy
from icl_ft_plugin.families.semantic.documents import Plan, write_documents
from icl_ft_plugin.families.semantic.exceptions import draw_exceptions, plans_of
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.questions import ask
from icl_ft_plugin.families.semantic.wordings import DOCUMENTS
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Fact, World


@dataclass(frozen=True, slots=True)
class SemanticConfig:
    """Knobs of the semantic structure.

    Attributes:
        n_categories: Size of the part of the hierarchy in use; a smaller world is a connected part drawn at random.
        n_documents: Number of documents.
        min_sentences: Fewest sentences of a document, its opening line included.
        max_sentences: Most sentences of a document.
        n_questions: Most questions per split; a small world may have fewer, since all stand in blocks.
        n_holdout: Number of categories of which only the parent is stated (fewer if the part has fewer leaves).
        n_exceptions: Number of categories of which an inherited property is denied, at most a quarter of all; they come
            in circles of ``n_choices``.
        n_choices: Number of choices per question, and of questions per block, which share them.
        max_properties: Most own properties that a category keeps, 1 to 6.
        forward_only: Share of the facts that are stated only with the category first.
        backward_only: Share of the facts that are stated only with the category last; none of a kind, or about a category
            with others below it, is.
        real_names: Whether to write the real words instead of pseudowords.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_categories: int = 110
    n_documents: int = 2200
    min_sentences: int = 4
    max_sentences: int = 20
    n_questions: int = 152
    n_holdout: int = 25
    n_exceptions: int = 24
    n_choices: int = 4
    max_properties: int = 6
    forward_only: float = 0.4
    backward_only: float = 0.2
    real_names: bool = False
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_categories": (4, len(hierarchy.claims())),
            "n_documents": (1, 1_000_000),
            "min_sentences": (2, self.max_sentences),
            "max_sentences": (2, 200),
            "n_questions": (1, 100_000),
            "n_holdout": (0, self.n_categories // 4),
            "n_exceptions": (0, len(hierarchy.claims())),
            "n_choices": (2, 26),
            "max_properties": (1, 6),
            "forward_only": (0, 1),
            "backward_only": (0, 1),
        }
        check_ranges("semantic", self, ranges)
        if round(self.forward_only + self.backward_only, 9) > 1:
            shares = f"forward_only={self.forward_only!r} and backward_only={self.backward_only!r}"
            raise UsageError(f"semantic: {shares} add up to more than 1")


def generate(config: SemanticConfig, seed: int) -> World:
    """Generate a world of semantic structure; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        The facts that the documents state, ``n_documents`` documents and up to ``n_questions`` questions per split.

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"semantic-{seed}")
    names, holdout, claims = _draw_claims(config, rng)
    # Pseudowords are drawn in any case, so that the world with real names is the same world.
    rename = _rename(names, claims, Lexicon(rng, config.share))
    if not config.real_names:
        names, holdout = [rename[name] for name in names], {rename[name] for name in holdout}
        claims = [Claim(c.predicate, tuple(rename[word] for word in c.arguments)) for c in claims]
    plans = _plan(claims, holdout, config, rng)
    sizes = (min(config.n_exceptions, config.n_categories // 4), config.n_choices)
    circles = draw_exceptions(names, holdout, plans, sizes, rng)
    plans += plans_of(circles)
    documents = write_documents(names, plans, config.n_documents, (config.min_sentences, config.max_sentences), rng)
    # What no document states is no fact of this world (a few documents cannot hold a large hierarchy).
    stated = {fact for document in documents for fact in document.facts}
    plans = [replace(p, directions=tuple(d for d in p.directions if p.fact(d) in stated)) for p in plans]
    plans = [plan for plan in plans if plan.directions]
    return World(
        family="semantic",
        config=asdict(config),
        seed=seed,
        facts=tuple(
            Fact(p.fact(d), *p.claim, f"{DOCUMENTS.statement(p.claim, d, 0).capitalize()}.")
            for p in plans
            for d in p.directions
        ),
        documents=tuple(documents),
        questions=tuple(
            ask(plans, holdout, circles, documents, (config.n_questions, config.n_choices), f"semantic-{seed}", rng)
        ),
    )


def _draw_claims(config: SemanticConfig, rng: random.Random) -> tuple[list[str], set[str], list[Claim]]:
    """Draw the part of the hierarchy, the held-out leaves and what is stated, in real words."""
    names = hierarchy.part(config.n_categories, rng)
    kept = set(names)
    holdout = _hold_out(names, config.n_holdout, rng)
    claims = []
    for name in names:
        found = hierarchy.claims()[name]
        claims += [c for c in found if c.predicate == "is a" and c.value in kept]
        if name not in holdout:
            own = [c for c in found if c.predicate in hierarchy.PROPERTIES]
            if len(own) > config.max_properties:
                own = rng.sample(own, config.max_properties)
            claims += own
            claims += [c for c in found if c.predicate == "do" and c.value in kept - holdout]
    return names, holdout, claims


def _hold_out(names: list[str], n: int, rng: random.Random) -> set[str]:
    """Draw leaves, at first no more than half of those below one category, so that others are left to ask about."""
    kept = set(names)
    leaves = [name for name in names[1:] if not kept.intersection(hierarchy.children()[name])]
    rng.shuffle(leaves)
    parents = {name: hierarchy.claims()[name][0].value for name in leaves}
    room = {name: sum(parent == name for parent in parents.values()) // 2 for name in parents.values()}
    early: list[str] = []
    late: list[str] = []
    for name in leaves:
        room[parents[name]] -= 1
        (late if room[parents[name]] < 0 else early).append(name)
    return set([*early, *late][: min(n, len(leaves) - 1)])


def _rename(names: list[str], claims: list[Claim], lexicon: Lexicon) -> Mapping[str, str]:
    """Give every content word its pseudoword."""
    rename = {name: lexicon.word() for name in names}
    for claim in claims:
        for word in claim.arguments:
            if word not in rename:
                rename[word] = lexicon.word()
    return rename


def _plan(claims: list[Claim], holdout: set[str], config: SemanticConfig, rng: random.Random) -> list[Plan]:
    """Fix for each claim the directions in which documents state it."""
    inner = {claim.value for claim in claims if claim.predicate == "is a"}
    # Kinds, and what may be inherited, are stated category first, too, or there would be few chains.
    last = [i for i, claim in enumerate(claims) if claim.subject not in inner | holdout and claim.predicate != "is a"]
    backward = set(rng.sample(last, min(round(config.backward_only * len(claims)), len(last))))
    rest = [i for i in range(len(claims)) if i not in backward]
    forward = set(rng.sample(rest, min(round(config.forward_only * len(claims)), len(rest))))
    return [
        Plan(
            id=f"f{i}",
            claim=claim,
            # A held-out category is introduced by its parent, category first.
            directions=(False,)
            if claim.subject in holdout or i in forward
            else (True,)
            if i in backward
            else (False, True),
        )
        for i, claim in enumerate(claims)
    ]
