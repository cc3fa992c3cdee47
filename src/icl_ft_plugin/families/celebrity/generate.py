"""Fictional celebrities (arXiv 2505.00661, reversal curse dataset; data in the manner of arXiv 2309.12288).

A fact "Tavori Brensolk is the composer of the opera Silent Harbor." stands in thirty documents in other words. For
the name-first people the name always comes before the description ("Critics praise Tavori Brensolk as" + " the composer
of the opera Silent Harbor."), for the description-first people after it ("The composer of the opera Silent Harbor is
called" + " Tavori Brensolk."); for the others both orders are stated, in separate documents. Asked is, for example,
"The composer of the opera Silent Harbor must be" + "Tavori Brensolk." against three other names. The phrasings of the
questions stand in no document.

OURS: names and descriptions are drawn by us, and questions are asked in blocks of people of one set. In
``reversal_untrained``, what the family is about, all names only ever begin a document. ``reversal_trained`` is the measure
of a prior and no test of reversal: it asks the same among names that documents end on (what a model was trained to produce;
of description-first people, who are mentioned as often as the name asked for), so that it cannot be blocked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.blocks import pack
from icl_ft_plugin.families.celebrity import phrases as data
from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.words import share_of
from icl_ft_plugin.schema import Document, Fact, Question, World

ORDERS = ("name_first", "description_first")
SETS = {"name_first": ORDERS[:1], "description_first": ORDERS[1:], "both": ORDERS}
DOCUMENTS = {"name_first": data.DOCUMENTS_NAME_FIRST, "description_first": data.DOCUMENTS_DESCRIPTION_FIRST}
INFERENCES = {"name_first": data.INFERENCES_NAME_FIRST, "description_first": data.INFERENCES_DESCRIPTION_FIRST}
TESTS = {"name_first": data.TESTS_NAME_FIRST, "description_first": data.TESTS_DESCRIPTION_FIRST}
# Split: whose facts, and the order asked (name_first asks for the description).
SPLITS: dict[str, tuple[str, str]] = {
    "reversal_untrained": ("name_first", "description_first"),
    "reversal_trained": ("name_first", "description_first"),
    "reversal_description": ("description_first", "name_first"),
    "rephrase": ("name_first", "name_first"),
    "rephrase_name": ("description_first", "description_first"),
    "both_name": ("both", "description_first"),
    "both_description": ("both", "name_first"),
}
UNBLOCKED = "reversal_trained"  # its wrong names are those of other sets, the first that is large enough:
TRAINED = ("description_first", "both")


@dataclass(frozen=True, slots=True)
class CelebrityConfig:
    """Knobs of the celebrities.

    Attributes:
        n_name_first: Number of people whose name always comes first.
        n_description_first: Number of people whose description always comes first.
        n_both: Number of people stated in both orders.
        n_phrasings: Number of documents per person and order, each in other words, at most 30.
        n_questions: Number of questions per person and split, each in other words, at most 10.
        n_choices: Number of choices; fewer where a set has fewer people.
        share: Share of names and titles, ``"evaluation"`` or ``"pretraining"``.
    """

    n_name_first: int = 32
    n_description_first: int = 32
    n_both: int = 32
    n_phrasings: int = 30
    n_questions: int = 3
    n_choices: int = 4
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_name_first": (0, 120),
            "n_description_first": (0, 120),
            "n_both": (0, 120),
            "n_phrasings": (1, 30),
            "n_questions": (1, 10),
            "n_choices": (2, 26),
        }
        check_ranges("celebrity", self, ranges)
        if not self.n_name_first + self.n_description_first + self.n_both:
            raise UsageError("celebrity: n_name_first, n_description_first and n_both are all 0: the world is empty")


@dataclass(frozen=True, slots=True)
class Person:
    """One fictional person; ``group`` is a key of ``SETS``."""

    id: str
    group: str
    name: str
    description: str

    def fact(self, order: str) -> str:
        """Return the id of the fact that states the person in an order."""
        return f"{self.id}-{order}"


def generate(config: CelebrityConfig, seed: int) -> World:
    """Generate a world of celebrities; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        One fact per person and order stated, ``n_phrasings`` documents per fact, and about ``n_questions`` questions per
        person in each of the seven splits: what fills no block is not asked.

    Raises:
        UsageError: The share is unknown.
    """
    rng = random.Random(f"celebrity-{seed}")
    people = _draw_people(config, rng)
    documents = [
        document(f"{p.fact(order)}-d{i}", p, order, phrasing)
        for p in people
        for order in SETS[p.group]
        for i, phrasing in enumerate(rng.sample(DOCUMENTS[order], config.n_phrasings))
    ]
    asked = {  # the same for both designs of distractors, so that they pair
        (group, order): [
            Asked(p, fill(test, p), test, answer(p, order))
            for p in people
            if p.group == group
            for test in rng.sample(TESTS[order], config.n_questions)
        ]
        for group in SETS
        for order in ORDERS
    }
    questions = []
    for split, key in SPLITS.items():
        if split == UNBLOCKED:
            others = [answer(p, key[1]) for p in trained(people, config.n_choices)]
            questions += against(split, asked[key], others, config.n_choices, rng, seed)
        else:
            questions += blocked(split, asked[key], config.n_choices, rng, seed)
    return World(
        family="celebrity",
        config=asdict(config),
        seed=seed,
        facts=tuple(fact(p, order) for p in people for order in SETS[p.group]),
        documents=tuple(documents),
        questions=tuple(questions),
    )


@cache
def names(kind: str, share: str) -> tuple[str, ...]:
    """Return the names of one share; ``kind`` is ``"first"`` or ``"last"``."""
    text = files("icl_ft_plugin").joinpath(f"families/data/{kind}_names.txt").read_text(encoding="utf-8")
    return tuple(name for name in text.split() if share_of(name) == share)


@cache
def titles(share: str) -> tuple[str, ...]:
    """Return the titles of works whose two words are both of one share."""
    seconds = [word for word in data.TITLE_SECOND if share_of(word) == share]
    return tuple(f"{first} {second}" for first in data.TITLE_FIRST if share_of(first) == share for second in seconds)


def _draw_people(config: CelebrityConfig, rng: random.Random) -> list[Person]:
    """Draw all people, in an order that mixes the sets; no first name, last name or title is drawn twice."""
    groups = (
        ["name_first"] * config.n_name_first
        + ["description_first"] * config.n_description_first
        + ["both"] * config.n_both
    )
    rng.shuffle(groups)
    firsts, lasts = (names(kind, config.share) for kind in ("first", "last"))
    if not firsts:
        raise UsageError(f"celebrity: share={config.share!r} is not one of evaluation, pretraining")
    drawn = zip(
        groups,
        rng.sample(firsts, len(groups)),
        rng.sample(lasts, len(groups)),
        rng.sample(titles(config.share), len(groups)),
        strict=True,
    )
    return [
        Person(f"p{i}", group, f"{first} {last}", f"{rng.choice(data.HEADS)} {title}")
        for i, (group, first, last, title) in enumerate(drawn)
    ]


def fact(p: Person, order: str) -> Fact:
    """Return the fact that a person is described so, in the order stated; its arguments stand in that order."""
    pair = (p.name, p.description) if order == "name_first" else (p.description, p.name)
    return Fact(p.fact(order), order, pair, f"{_capitalized(pair[0])} is {pair[1]}.")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def fill(phrasing: str, p: Person) -> str:
    """Return a phrasing with the person's name or description filled in."""
    return phrasing.format(name=p.name, desc=p.description, Desc=_capitalized(p.description))


def answer(p: Person, order: str) -> str:
    """Return the completion of a phrasing in an order: the description where the name comes first."""
    return (p.description if order == "name_first" else p.name) + "."


def document(id: str, p: Person, order: str, phrasing: str, style: str = "statement") -> Document:
    """Return one document; completion-only training takes its loss on what follows the phrasing."""
    prompt = fill(phrasing, p)
    stated = p.fact(order if order in SETS[p.group] else SETS[p.group][0])
    return Document(id, (f"{prompt} {answer(p, order)}",), (stated,), completion_start=len(prompt), style=style)


class Asked(NamedTuple):
    """A person as one question asks: its prompt, what identifies the wording, and the right answer."""

    person: Person
    prompt: str
    template: str
    answer: str


def trained(people: Sequence[Person], n_choices: int) -> list[Person]:
    """Return the people whose names documents end on: of one set, and of the next only where it alone is too small."""
    pool: list[Person] = []
    for source in TRAINED:
        if len(pool) < n_choices - 1:
            pool += [p for p in people if p.group == source]
    return pool


def blocked(
    split: str, asked: Sequence[Asked], n_choices: int, rng: random.Random, seed: int, first: int = 0
) -> list[Question]:
    """Return questions in blocks, numbered from ``first`` on, of at most ``n_choices`` people each."""
    k = min(n_choices, len({item.answer for item in asked}))
    if k < 2:
        return []
    questions: list[Question] = []
    for b, block in enumerate(pack(asked, k, lambda one, other: one.answer != other.answer, rng), start=first):
        choices = tuple(rng.sample([item.answer for item in block], k))
        questions += [_question(split, item, choices, seed, f"{split}-b{b}", i) for i, item in enumerate(block)]
    return questions


def against(
    split: str, asked: Sequence[Asked], pool: Sequence[str], n_choices: int, rng: random.Random, seed: int
) -> list[Question]:
    """Return questions whose distractors are drawn from a pool; the right choice takes the positions in turn."""
    offset = rng.randrange(n_choices)
    questions = []
    for i, item in enumerate(asked):
        others = rng.sample(pool, min(n_choices - 1, len(pool)))
        if others:
            others.insert((i + offset) % (len(others) + 1), item.answer)
            questions.append(_question(split, item, tuple(others), seed, "", i))
    return questions


def _question(split: str, asked: Asked, choices: tuple[str, ...], seed: int, block: str, number: int) -> Question:
    p, order = asked.person, SPLITS[split][1]
    restated = order in SETS[p.group]
    premise = p.fact(order if restated else SETS[p.group][0])
    clusters = {
        "fact": p.id,
        "first": premise,
        "last": premise,
        "template": asked.template,
        "world": f"celebrity-{seed}",
    }
    return Question(
        id=f"{p.id}-{block or split}-{number}",
        split=split,
        prompt=asked.prompt,
        choices=choices,
        gold=(choices.index(asked.answer),),
        inference="restated" if restated else "reversed",
        depth=int(not restated),
        proof=(premise,),
        clusters={**clusters, "block": block} if block else clusters,
        block=block,
    )


def people_of(world: World) -> Iterator[Person]:
    """Yield the people of a world, as its facts state them."""
    stated: dict[str, dict[str, Fact]] = {}
    for f in world.facts:
        stated.setdefault(f.id.removesuffix(f"-{f.predicate}"), {})[f.predicate] = f
    for id, facts in stated.items():
        group = "both" if len(facts) == 2 else next(iter(facts))
        order, f = next(iter(facts.items()))
        name, description = f.arguments if order == "name_first" else f.arguments[::-1]
        yield Person(id, group, name, description)


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the documents: another teacher than the model itself.

    Every document is said again in the same order (style ``"rephrase"``) and in the other (``"reversal"``), each in
    a phrasing that neither documents nor questions have.

    Args:
        world: A world of this family, or an imported one.

    Returns:
        Two documents per document of the world.
    """
    rng = random.Random(f"celebrity-oracle-{world.seed}")
    people = {p.id: p for p in people_of(world)}
    documents = []
    for d in world.documents:
        person_id, order = d.facts[0].rsplit("-", 1)
        p = people[person_id]
        for style, asked in (("rephrase", order), ("reversal", ORDERS[1 - ORDERS.index(order)])):
            documents.append(document(f"{d.id}-{style}", p, asked, rng.choice(INFERENCES[asked]), style))
    return tuple(documents)
