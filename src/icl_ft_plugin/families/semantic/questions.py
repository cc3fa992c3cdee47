"""Asks what follows from the documents of the semantic structure: "In general, femp can" + "bilku." against three others.

Every question is a stem and last words to choose from. Questions of one role (the same predicate, in one direction) are
packed into blocks that share their options; none but the answer can be argued for. Where swaps between blocks allow
it, neither how often words meet in a document nor how often they meet in a sentence gives the answers of a split away.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from icl_ft_plugin.families.semantic.balance import Meetings, balance, fill
from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.documents import Plan
from icl_ft_plugin.families.semantic.exceptions import Exceptional
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.wordings import N_FORMS, TESTS, last_word
from icl_ft_plugin.schema import Document, Question

SPLITS = ("rephrase", "reversal", "syllogism", "syllogism_deep", "holdout", "misleading")
SPARE = 2  # items per question that are packed: those that fit into no block are left out


class Item(NamedTuple):
    """A question before it has options.

    Attributes:
        split: Its split.
        claim: What is asked about.
        backward: Whether the category is the answer.
        inference: How the answer follows.
        depth: Over how many steps.
        proof: Ids of the premises, in order.
    """

    split: str
    claim: Claim
    backward: bool
    inference: str
    depth: int
    proof: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The word that is asked for."""
        return last_word(self.claim, self.backward)

    @property
    def asked(self) -> str:
        """The word at the other end of the claim."""
        return last_word(self.claim, not self.backward)

    @property
    def role(self) -> tuple[str, ...]:
        """What options must share: the predicate, for relations the verb, and the direction."""
        verb = self.claim.arguments[1] if self.claim.predicate == "do" else ""
        return (self.claim.predicate, verb, str(self.backward))

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last premise."""
        return self.proof[0], self.proof[-1]


Block = tuple[Item, ...]


def ask(
    plans: list[Plan],
    holdout: set[str],
    circles: list[tuple[Exceptional, ...]],
    documents: list[Document],
    sizes: tuple[int, int],
    world: str,
    rng: random.Random,
) -> list[Question]:
    """Return the questions, split by split, block by block.

    Args:
        plans: What the documents state.
        holdout: The held-out categories.
        circles: The exceptions.
        documents: The documents; blocks are balanced by what meets in them.
        sizes: Most questions per split, and questions per block.
        world: Cluster id of the world.
        rng: The world's own generator.
    """
    n, k = sizes
    closure = Closure(plan.claim for plan in plans)
    items: dict[str, list[Item]] = {split: [] for split in SPLITS}
    for item in [*_stated(plans, closure, holdout, rng), *_concluded(plans, closure, holdout)]:
        items[item.split].append(item)
    meetings = Meetings({plan.fact(d): plan.claim for plan in plans for d in plan.directions}, documents)
    questions: list[Question] = []
    for split in SPLITS:
        if split == "misleading":
            blocks = _misleading(circles, plans, closure, holdout, rng)[: n // k]
        else:
            blocks = _blocks(_spread(items[split], rng)[: SPARE * n], n // k, k, Fits(closure), meetings, rng)
        for number, block in enumerate(blocks):
            questions += _questions(block, f"{split}-b{number}", len(questions), world, rng)
    return questions


def _stated(plans: list[Plan], closure: Closure, holdout: set[str], rng: random.Random) -> Iterator[Item]:
    """Yield the items that need one fact: as stated, and the other way round if it is stated one way only."""
    for plan in plans:
        if plan.claim.subject not in holdout and not closure.exceptional(plan.claim):
            direction = rng.choice(plan.directions)
            fact = (plan.fact(direction),)
            yield Item("rephrase", plan.claim, direction, "restated", 0, fact)
            if len(plan.directions) == 1:
                yield Item("reversal", plan.claim, not direction, "reversed", 1, fact)


def _concluded(plans: list[Plan], closure: Closure, holdout: set[str]) -> Iterator[Item]:
    """Yield the items that need two or more facts, all of them stated forward and none of them an exception."""
    forward = {plan.claim: plan.fact(False) for plan in plans if False in plan.directions}
    usual = {claim for claim in forward if not closure.exceptional(claim)}
    for name in closure.own:
        for claim, proof in closure.conclusions(name):
            if usual.issuperset(proof):
                split = "holdout" if name in holdout else "syllogism" if len(proof) == 2 else "syllogism_deep"
                yield _chain(split, claim, tuple(forward[premise] for premise in proof), len(proof) - 1)


def _chain(split: str, claim: Claim, proof: tuple[str, ...], depth: int) -> Item:
    inference = "chained" if claim.predicate == "is a" else "inherited" if depth else "restated"
    return Item(split, claim, False, inference, depth, proof)


def _misleading(
    circles: list[tuple[Exceptional, ...]], plans: list[Plan], closure: Closure, holdout: set[str], rng: random.Random
) -> list[Block]:
    """Return the blocks about exceptions: first about the categories themselves, then about what lies below them.

    A proof names the denial, too, without which inheritance would have it otherwise.
    """
    forward = {plan.claim: plan.fact(False) for plan in plans if False in plan.directions}
    usual = Closure(plan.claim for plan in plans if not closure.exceptional(plan.claim))
    expected = {claim for name in usual.own for claim, proof in usual.conclusions(name) if forward.keys() >= {*proof}}
    blocks: list[Block] = []
    for circle in circles:
        if all({made.denial, made.instead} <= forward.keys() and made.lure in expected for made in circle):
            columns = [_about(made, forward, closure, holdout, rng) for made in circle]
            blocks += zip(*columns, strict=False)
    return blocks


def _about(
    made: Exceptional, forward: dict[Claim, str], closure: Closure, holdout: set[str], rng: random.Random
) -> list[Item]:
    """Return the items about one exception: what its category has, and what the categories below inherit of that."""
    why = (forward[made.denial], forward[made.instead])
    below = [
        _chain("misleading", claim, (*(forward[step] for step in proof[:-1]), *why), len(proof) - 1)
        for name in closure.own
        if made.instead.subject in closure.above[name] and name not in holdout
        for claim, proof in closure.conclusions(name)
        if proof[-1] == made.instead and forward.keys() >= {*proof}
    ]
    return [_chain("misleading", made.instead, why, 0), *rng.sample(below, len(below))]


def _spread(items: list[Item], rng: random.Random) -> list[Item]:
    """Order items so that first and last premises come once each before any comes twice, as far as that goes."""
    rng.shuffle(items)
    seen: Counter[str] = Counter()
    turns = []
    for item in items:
        turns.append(sum(seen[end] for end in item.ends))
        seen.update(item.ends)
    return [item for _, item in sorted(zip(turns, items, strict=True), key=lambda pair: pair[0])]


def _blocks(items: list[Item], n: int, k: int, fits: Fits, meetings: Meetings, rng: random.Random) -> list[Block]:
    """Return at most ``n`` blocks, those first that add the most premises."""
    roles: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        roles.setdefault(item.role, []).append(item)
    found = [block for same in roles.values() for block in fill(same, k, fits, meetings.won, rng)]
    rng.shuffle(found)
    seen: Counter[str] = Counter()
    chosen: list[Block] = []
    while found and len(chosen) < n:
        block = min(found, key=lambda block: sum(seen[end] for item in block for end in item.ends))
        found.remove(block)
        chosen.append(block)
        seen.update(end for item in block for end in item.ends)
    return balance(chosen, fits, meetings, rng)


class Fits:
    """Whether the answer of an item is refuted for another: ``Fits(closure)(a, b)`` of ``b``'s answer for ``a``."""

    def __init__(self, closure: Closure) -> None:
        self._closure = closure
        self._known: dict[tuple[Item, Item], bool] = {}

    def __call__(self, a: Item, b: Item) -> bool:
        if (a, b) not in self._known:
            claim, word = a.claim, b.answer
            other = (word, *claim.arguments[1:]) if a.backward else (*claim.arguments[:-1], word)
            self._known[a, b] = word not in claim.arguments and not self._closure.arguable(
                Claim(claim.predicate, other)
            )
        return self._known[a, b]


def _questions(block: Block, name: str, number: int, world: str, rng: random.Random) -> Iterator[Question]:
    """Yield the questions of one block, numbered from ``number`` on."""
    answers = rng.sample([item.answer for item in block], len(block))
    for i, item in enumerate(block):
        form = rng.randrange(N_FORMS)
        claim, backward = item.claim, item.backward
        kind = "relation" if claim.predicate == "do" else "is-a" if claim.predicate == "is a" else "property"
        yield Question(
            id=f"q{number + i}",
            split=item.split,
            prompt=TESTS.leads[form] + TESTS.stem(claim, backward, form),
            choices=tuple(f"{answer}." for answer in answers),
            gold=(answers.index(item.answer),),
            inference=item.inference,
            depth=item.depth,
            proof=item.proof,
            clusters={
                "fact": item.proof[-1].split("-")[0],
                "first": item.proof[0],
                "last": item.proof[-1],
                "block": name,
                "template": f"{claim.predicate}-{'backward' if backward else 'forward'}-{form}",
                "world": world,
            },
            labels={"kind": kind, "asked": "backward" if backward else "forward", "premises": str(len(item.proof))},
            block=name,
        )
