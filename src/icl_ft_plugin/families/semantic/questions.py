"""Asks what follows from the documents of the semantic structure: "femp can always" + "bilku." against three others.

Every question is a stem and last words to choose from, the choices stand in the same relation to something else in
the documents, and none but the answer can be argued for. The distractors are drawn from those that meet the subject
in documents about as often as the answer does, so that over a split neither how often words meet nor how often they
occur gives the answer away, as far as such distractors exist.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.documents import Plan
from icl_ft_plugin.families.semantic.forms import N_FORMS, last_word, stem
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.schema import Document, Question

N_NEAREST = 12
N_DRAWS = 8
SPLITS = ("rephrase", "reversal", "syllogism", "syllogism_deep", "holdout")


class _Item(NamedTuple):
    """A question before its distractors are drawn."""

    split: str
    claim: Claim
    backward: bool
    form: int
    inference: str
    depth: int
    proof: tuple[str, ...]


def ask(
    plans: list[Plan],
    holdout: set[str],
    documents: list[Document],
    sizes: tuple[int, int],
    world: str,
    rng: random.Random,
) -> list[Question]:
    """Return the questions, split by split, in random order of facts.

    Args:
        plans: What the documents state and how.
        holdout: The held-out categories.
        documents: The documents; choices are matched by their counts in them.
        sizes: Most questions per split, and choices per question.
        world: Cluster id of the world.
        rng: The world's own generator.
    """
    n_questions, n_choices = sizes
    closure = Closure(plan.claim for plan in plans)
    splits: dict[str, list[_Item]] = {split: [] for split in SPLITS}
    for item in [*_stated(plans, holdout, rng), *_concluded(plans, closure, holdout, rng)]:
        splits[item.split].append(item)
    choose = _Chooser(plans, holdout, closure, documents, rng)
    questions = []
    for split, items in splits.items():
        asked = 0
        for item in _spread(items, rng):
            choices = choose(item, n_choices) if asked < n_questions else []
            if choices:
                questions.append(_question(item, choices, f"q-{split}-{asked}", world))
                asked += 1
    return questions


def _stated(plans: list[Plan], holdout: set[str], rng: random.Random) -> Iterable[_Item]:
    """Yield the items that need one fact: as stated, and the other way round if it is stated one way only."""
    for plan in plans:
        if plan.claim.subject not in holdout:
            direction = rng.choice(plan.directions)
            yield _Item("rephrase", plan.claim, direction, plan.reserved, "restated", 0, (plan.fact(direction),))
            if len(plan.directions) == 1:
                yield _Item(
                    "reversal", plan.claim, not direction, plan.reserved, "reversed", 1, (plan.fact(direction),)
                )


def _concluded(plans: list[Plan], closure: Closure, holdout: set[str], rng: random.Random) -> Iterable[_Item]:
    """Yield the items that need two or more facts, all of them stated forward."""
    forward = {plan.claim: plan.fact(False) for plan in plans if False in plan.directions}
    for name in closure.own:
        for claim, proof in closure.conclusions(name):
            if all(premise in forward for premise in proof):
                split = "holdout" if name in holdout else "syllogism" if len(proof) == 2 else "syllogism_deep"
                inference = "chained" if claim.predicate == "is a" else "inherited"
                ids = tuple(forward[premise] for premise in proof)
                yield _Item(split, claim, False, rng.randrange(N_FORMS), inference, len(proof) - 1, ids)


def _spread(items: list[_Item], rng: random.Random) -> list[_Item]:
    """Order items so that each last premise comes once before any comes twice."""
    rng.shuffle(items)
    seen: dict[str, int] = {}
    turns = []
    for item in items:
        turns.append(seen.get(item.proof[-1], 0))
        seen[item.proof[-1]] = turns[-1] + 1
    return [item for _, item in sorted(zip(turns, items, strict=True), key=lambda pair: pair[0])]


class _Chooser:
    """Draws the choices of an item; the answer is among them, its place random."""

    def __init__(
        self, plans: list[Plan], holdout: set[str], closure: Closure, documents: list[Document], rng: random.Random
    ) -> None:
        self._closure = closure
        self._rng = rng
        self._surplus: dict[str, list[float]] = {}
        self._words: dict[tuple[str, ...], list[str]] = {}
        claims = [plan.claim for plan in plans if plan.claim.subject not in holdout]
        for key in (_last_role, _first_role):
            for claim in claims:
                for role in key(claim):
                    self._words.setdefault(role, []).append(claim.value if key is _last_role else claim.subject)
        self._words = {role: list(dict.fromkeys(words)) for role, words in self._words.items()}
        self._ended = {d: {last_word(p.claim, d) for p in plans if d in p.directions} for d in (False, True)}
        # One bit per document in which a word occurs.
        words_of = {plan.fact(d): plan.claim.arguments for plan in plans for d in plan.directions}
        self._bits: dict[str, int] = {}
        members: dict[str, set[int]] = {}
        for i, document in enumerate(documents):
            for fact in document.facts:
                for word in words_of[fact]:
                    members.setdefault(word, set()).add(i)
        for word, where in members.items():
            bits = bytearray(len(documents) // 8 + 1)
            for i in where:
                bits[i >> 3] |= 1 << (i & 7)
            self._bits[word] = int.from_bytes(bits, "little")

    def __call__(self, item: _Item, n: int) -> list[str]:
        """Return ``n`` choices, or none if the world has too few distractors for this item.

        Among several draws the one is taken in which choosing by count wins least of what it has won too much so far.
        """
        claim, backward = item.claim, item.backward
        answer = last_word(claim, backward)
        asked = claim.value if backward else claim.subject
        meets, _ = self._counts(asked, answer)
        candidates = self._candidates(claim, backward, n - 1)
        if len(candidates) < n - 1:
            return []
        self._rng.shuffle(candidates)
        candidates.sort(key=lambda word: abs(self._counts(asked, word)[0] - meets))
        surplus = self._surplus.setdefault(item.split, [0.0, 0.0])
        draws = []
        for _ in range(N_DRAWS):
            choices = [answer, *self._rng.sample(candidates[: max(N_NEAREST, n - 1)], n - 1)]
            counts = [self._counts(asked, word) for word in choices]
            won = [_won([c[0] ** 2 / c[1] for c in counts]) - 1 / n, _won([c[1] for c in counts]) - 1 / n]
            draws.append((sum(w * max(-3.0, min(3.0, s)) for w, s in zip(won, surplus, strict=True)), won, choices))
        _, won, choices = min(draws, key=lambda draw: draw[0])
        surplus[:] = [s + w for s, w in zip(surplus, won, strict=True)]
        self._rng.shuffle(choices)
        return choices

    def _candidates(self, claim: Claim, backward: bool, n: int) -> list[str]:
        """Return at least ``n`` words that are false and stand in like places elsewhere, or all that there are.

        First come those that documents end a statement of this direction with if, and only if, they do so with the
        answer: what a model was trained to say last, it says more readily.
        """
        ended = self._ended[backward]
        same = last_word(claim, backward) in ended
        found: list[str] = []
        for wanted in (same, not same):
            for role in _first_role(claim) if backward else _last_role(claim):
                if len(found) < n:
                    new = (w for w in self._words[role] if (w in ended) == wanted and w not in found)
                    found += [w for w in new if self._false(claim, backward, w)]
        return found

    def _counts(self, asked: str, word: str) -> tuple[int, int]:
        bits = self._bits.get(word, 0)
        return (bits & self._bits.get(asked, 0)).bit_count(), bits.bit_count()

    def _false(self, claim: Claim, backward: bool, word: str) -> bool:
        arguments = (word, *claim.arguments[1:]) if backward else (*claim.arguments[:-1], word)
        other = Claim(claim.predicate, arguments)
        # A category above a holder ("animals" for "can fly") is arguable whichever way the question is put.
        return word not in claim.arguments and not self._closure.arguable(other)


def _won(scores: list[float]) -> float:
    """Return the chance that the first is picked by who picks the highest score."""
    return (scores[0] == max(scores)) / scores.count(scores[0])


def _last_role(claim: Claim) -> list[tuple[str, ...]]:
    """Return the places a value can come from: the same verb first, then any relation."""
    if claim.predicate == "do":
        return [("last", claim.arguments[1]), ("last", "do")]
    return [("last", claim.predicate)]


def _first_role(claim: Claim) -> list[tuple[str, ...]]:
    """Return the places a category can come from: the same verb first, then any relation, then anything."""
    if claim.predicate == "do":
        return [("first", claim.arguments[1]), ("first", "do"), ("first", "is a")]
    return [("first", claim.predicate), ("first", "is a")]


def _question(item: _Item, choices: list[str], id_: str, world: str) -> Question:
    claim, answer = item.claim, last_word(item.claim, item.backward)
    kind = "relation" if claim.predicate == "do" else "is-a" if claim.predicate == "is a" else "property"
    return Question(
        id=id_,
        split=item.split,
        prompt=stem(claim, item.backward, item.form),
        choices=tuple(f"{choice}." for choice in choices),
        gold=(choices.index(answer),),
        inference=item.inference,
        depth=item.depth,
        proof=item.proof,
        clusters={
            "fact": item.proof[-1].split("-")[0],
            "entity": claim.subject,
            "template": f"{claim.predicate}-{'backward' if item.backward else 'forward'}-{item.form}",
            "world": world,
        },
        labels={"kind": kind, "asked": "backward" if item.backward else "forward", "premises": str(len(item.proof))},
    )
