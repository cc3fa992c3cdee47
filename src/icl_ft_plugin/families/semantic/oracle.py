"""What rules infer from the documents of the semantic structure: another teacher than the model itself.

From "Nearby, femp are a kind of glon." come the documents "In other words, femp are one sort of glon." (rephrase), "Hence
instances of glon are femp." (reversal) and, since glon can bilku, "It follows that femp can indeed bilku." (chain), in
wordings that neither documents nor questions use. Questions have no part in it.
"""

from __future__ import annotations

import random
from collections import Counter

from icl_ft_plugin.families.semantic.closure import Closure
from icl_ft_plugin.families.semantic.forms import Parser
from icl_ft_plugin.families.semantic.hierarchy import Claim
from icl_ft_plugin.families.semantic.wordings import INFERENCES, N_FORMS
from icl_ft_plugin.schema import Document, World


def oracle(world: World) -> tuple[Document, ...]:
    """Return the inferences from each document.

    Args:
        world: A world of this family.

    Returns:
        Per document one of style ``"rephrase"`` (each statement in the same direction, in other words), one of style
        ``"reversal"`` (each statement the other way round) and, where something follows from its facts together with
        the other documents, one of style ``"chain"``; all chains together state every conclusion at least once.
    """
    rng = random.Random(f"semantic-oracle-{world.seed}")
    # Of the two facts that state a claim in either direction, any will do as a premise.
    claims = {Claim(fact.predicate, fact.arguments): fact.id for fact in world.facts}
    parser = Parser(claims)
    chains = _Chains(world, claims)
    documents = []
    for document in world.documents:
        found = parser.read(document.text)
        for style, turned in (("rephrase", False), ("reversal", True)):
            sentences = tuple(_inferred(claim, backward != turned, rng) for claim, backward in found)
            documents.append(Document(f"{document.id}-{style}", sentences, document.facts, 0, style))
        conclusions = chains.of(document)
        if conclusions:
            sentences = tuple(_inferred(claim, False, rng) for claim, _ in conclusions)
            used = tuple(dict.fromkeys(fact for _, proof in conclusions for fact in proof))
            documents.append(Document(f"{document.id}-chain", sentences, used, 0, "chain"))
    return tuple(documents)


def _inferred(claim: Claim, backward: bool, rng: random.Random) -> str:
    lead = INFERENCES.leads[rng.randrange(len(INFERENCES.leads))]
    return f"{lead}{INFERENCES.statement(claim, backward, rng.randrange(N_FORMS))}."


class _Chains:
    """Deals the conclusions that each claim has a part in out over the documents that state it."""

    def __init__(self, world: World, claims: dict[Claim, str]) -> None:
        closure = Closure(claims)
        self._parts: dict[Claim, list[tuple[Claim, tuple[str, ...]]]] = {}
        for name in closure.own:
            for claim, proof in closure.conclusions(name):
                facts = tuple(claims[premise] for premise in proof)
                for premise in proof:
                    self._parts.setdefault(premise, []).append((claim, facts))
        self._claims = {fact.id: Claim(fact.predicate, fact.arguments) for fact in world.facts}
        self._mentions = Counter(claim for document in world.documents for claim in self._stated(document))
        self._turn: Counter[Claim] = Counter()

    def of(self, document: Document) -> list[tuple[Claim, tuple[str, ...]]]:
        """Return the next conclusions of each claim of the document, with the facts they follow from."""
        dealt: dict[Claim, tuple[str, ...]] = {}
        for claim in self._stated(document):
            parts = self._parts.get(claim, [])
            share = -(-len(parts) // self._mentions[claim])
            start = self._turn[claim] * share
            self._turn[claim] += 1
            dealt.update(parts[start : start + share])
        return list(dealt.items())

    def _stated(self, document: Document) -> list[Claim]:
        return list(dict.fromkeys(self._claims[fact] for fact in document.facts))
