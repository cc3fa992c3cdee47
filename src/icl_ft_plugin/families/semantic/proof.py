"""Proofs of the semantic structure: the closure of what the documents say, by an answer set solver (clingo).

The statements are read back from the documents' text. "femp are a kind of glon" and "glon can bilku" become
``own(s,"femp","is a","glon")`` and ``own(s,"glon","can","bilku")``, from which the solver derives
``holds(s,"femp","can","bilku",1)``, inherited over one level, unless ``own(s,"femp","cannot","bilku")``. Scope ``s`` is a
set of premises: all that the documents say, all but the exceptions, the proof of one question, or all but one fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.families.semantic.forms import Parser
from icl_ft_plugin.families.semantic.hierarchy import DENIAL_OF, DENIALS, Claim
from icl_ft_plugin.schema import Question, World

# A chain longer than any hierarchy ends a derivation, so that a circle of categories in a broken world does not hang.
PROGRAM = """
above(S,X,Y,1) :- own(S,X,"is a",Y).
above(S,X,Z,D+1) :- own(S,X,"is a",Y), above(S,Y,Z,D), D < 30.
denial("are not","are"). denial("have no","have"). denial("cannot","can").
denied(S,X,K,V) :- own(S,X,N,V), denial(N,K).
holds(S,X,K,V,0) :- own(S,X,K,V).
holds(S,X,K,V,D+1) :- own(S,X,"is a",Y), holds(S,Y,K,V,D), not denied(S,X,K,V), D < 30.
% What a generous reader might grant: what holds if no exception is heeded, what holds of something below, a category
% below as parent, and a relation to something above or below the right object.
granted(X,K,V) :- own("all",X,K,V).
granted(X,K,V) :- own("all",X,"is a",Y), granted(Y,K,V).
loose(X,K,V) :- granted(X,K,V).
loose(X,K,V) :- above("all",Y,X,_), granted(Y,K,V), K != "is a".
loose(X,"is a",Y) :- above("all",Y,X,_).
arguable(X,K,V) :- loose(X,K,V).
arguable(X,"do",(R,P)) :- loose(X,"do",(R,O)), above("all",O,P,_).
arguable(X,"do",(R,P)) :- loose(X,"do",(R,O)), above("all",P,O,_).
"""


@dataclass(frozen=True, slots=True)
class Closures:
    """What follows.

    Attributes:
        holds: By scope and claim, over how many levels it is inherited; 0 for what is stated.
        arguable: What a generous reader might grant from all that is stated.
    """

    holds: Mapping[tuple[str, Claim], int]
    arguable: frozenset[Claim]


def closures(scopes: Mapping[str, Iterable[Claim]]) -> Closures:
    """Derive what follows from each set of premises.

    Args:
        scopes: Premises by scope; ``"all"`` also gives what is arguable.
    """
    import clingo
    from clingo.symbol import Function, String, Symbol, Tuple_

    def value(claim: Claim) -> Symbol:
        words = [String(word) for word in claim.arguments[1:]]
        return Tuple_(words) if claim.predicate == "do" else words[0]

    def claim(subject: Symbol, predicate: Symbol, value: Symbol) -> Claim:
        rest = [value] if value.type is clingo.SymbolType.String else value.arguments
        return Claim(predicate.string, (subject.string, *(word.string for word in rest)))

    control = clingo.Control(["--warn=none"])
    facts = (
        Function("own", [String(scope), String(c.subject), String(c.predicate), value(c)])
        for scope, premises in scopes.items()
        for c in premises
    )
    control.add("base", [], PROGRAM + "".join(f"{fact}.\n" for fact in facts))
    control.ground([("base", [])])
    # The program has no choice, and negates only what is decided while it is grounded: all that is grounded is derived.
    atoms = control.symbolic_atoms
    holds: dict[tuple[str, Claim], int] = {}
    for atom in atoms.by_signature("holds", 5):
        scope, *parts, depth = atom.symbol.arguments
        key = (scope.string, claim(*parts))
        holds[key] = min(depth.number, holds.get(key, depth.number))
    return Closures(holds, frozenset(claim(*atom.symbol.arguments) for atom in atoms.by_signature("arguable", 3)))


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that follow from the documents."""
    reader = Reader(world)
    return reader.answers(closures({"all": reader.stated}))


def check(world: World) -> list[str]:
    """Prove every gold, refute every distractor, and check the design of the family.

    Args:
        world: A world of semantic structure.

    Returns:
        One message per violation; empty when all is proved.
    """
    reader = Reader(world)
    usual = [claim for claim in reader.stated if not exceptional(claim, reader.stated)]
    scopes: dict[str, Iterable[Claim]] = {"all": reader.stated, "usual": usual}
    for q in world.questions:
        scopes[q.id] = [reader.claims[fact] for fact in q.proof]
        if q.split == "holdout":
            # The first premise is the one thing said of the category.
            scopes[f"without {q.proof[0]}"] = reader.stated - {reader.claims[q.proof[0]]}
    found = closures(scopes)
    messages = disagreements(world, reader.answers(found))
    for document in world.documents:
        facts = [reader.ids.get(statement, "?") for statement in reader.documents[document.id]]
        if set(facts) != set(document.facts):
            messages.append(f"{document.id}: states {sorted(set(facts))}, but lists {sorted(document.facts)}")
    for q in world.questions:
        messages += [f"{q.id}: {message}" for message in _messages(q, reader, found)]
    return messages


def exceptional(claim: Claim, stated: Iterable[Claim]) -> bool:
    """Tell whether a claim is a denial, or about what has one and of what is denied of another."""
    denials = [other for other in stated if DENIALS.get(other.predicate) == claim.predicate]
    return claim.predicate in DENIALS or (
        any(other.subject == claim.subject for other in denials)
        and any(other.value == claim.value for other in denials)
    )


class Reader:
    """Reads a world's documents and questions.

    Attributes:
        parser: Reads statements over the world's words.
        directions: The claims that documents state, each with the directions in which they do (True: backward).
    """

    def __init__(self, world: World) -> None:
        self.claims = {fact.id: Claim(fact.predicate, fact.arguments) for fact in world.facts}
        # The facts tell which words are categories, properties and verbs, and what ids claims have; no more.
        self.parser = Parser(self.claims.values())
        self.ids = {
            (self.claims[fact.id], backward): fact.id for fact in world.facts for _, backward in self._read(fact.text)
        }
        self.documents = {document.id: self._read(document.text) for document in world.documents}
        self.directions: dict[Claim, set[bool]] = {}
        for statements in self.documents.values():
            for claim, backward in statements:
                self.directions.setdefault(claim, set()).add(backward)
        self.stated = self.directions.keys()
        # Where words stand: last for a predicate, or first for any.
        self.homes = {("last", c.value, c.predicate) for c in self.stated} | {
            ("first", c.subject, "") for c in self.stated
        }
        self.questions = {q.id: [self._read(f"{q.prompt} {choice}") for choice in q.choices] for q in world.questions}

    def _read(self, text: str) -> list[tuple[Claim, bool]]:
        return self.parser.read(text)

    def way(self, claim: Claim, backward: bool, levels: int) -> tuple[str, int]:
        """Return the inference by which a claim that follows is got, and its depth.

        Args:
            claim: The claim.
            backward: Whether the category comes last; where levels are climbed the direction does not count.
            levels: Over how many levels it is inherited.
        """
        if levels:
            return "chained" if claim.predicate == "is a" else "inherited", levels
        return ("restated", 0) if backward in self.directions.get(claim, ()) else ("reversed", 1)

    def denies(self, claim: Claim, found: Closures) -> bool:
        """Tell whether what documents say denies a claim."""
        return ("all", Claim(DENIAL_OF.get(claim.predicate, ""), claim.arguments)) in found.holds

    def answers(self, found: Closures) -> dict[str, frozenset[int]]:
        """Return, by question id, the choices that are read as one statement, which follows."""
        return {
            id_: frozenset(
                i for i, read in enumerate(choices) if [("all", c) in found.holds for c, _ in read] == [True]
            )
            for id_, choices in self.questions.items()
        }


def _messages(q: Question, reader: Reader, found: Closures) -> Iterable[str]:
    read = reader.questions[q.id]
    if [len(choice) for choice in read] != [1] * len(q.choices):
        yield f"its choices cannot be read as one statement each: {q.prompt!r} + {q.choices}"
        return
    lures = [claim for choice in read for claim, _ in choice if ("usual", claim) in found.holds]
    for i, [(claim, backward)] in enumerate(read):
        if i not in q.gold:
            if claim in found.arguable and not (
                q.split == "misleading" and claim in lures and reader.denies(claim, found)
            ):
                yield f"the distractor {q.choices[i]!r} can be argued for"
            home = ("last", claim.value, claim.predicate) if not backward else ("first", claim.subject, "")
            if home not in reader.homes:
                yield f"the distractor {q.choices[i]!r} stands in no such place anywhere in the documents"
    gold, backward = read[q.gold[0]][0]
    if (q.id, gold) not in found.holds:
        yield f"the gold does not follow from its proof {q.proof}"
        return
    if q.split == "misleading" and (len(lures) != 1 or gold in lures):
        yield "without the exceptions not exactly one distractor would follow"
    if q.split != "misleading" and lures != [gold]:
        yield "its answer depends on an exception"
    levels = found.holds[q.id, gold]
    inference, depth = reader.way(gold, backward, levels)
    if (q.inference, q.depth) != (inference, depth):
        yield f"inference {q.inference!r} of depth {q.depth} is not how the gold follows: {inference} over {levels} levels"
    if levels and any(False not in reader.directions.get(reader.claims[fact], ()) for fact in q.proof):
        yield "a premise of the chain is never stated forward"
    yield from _place(q, gold, inference, levels, reader, found)


def _place(q: Question, gold: Claim, inference: str, levels: int, reader: Reader, found: Closures) -> Iterable[str]:
    """Yield why a question does not belong where it stands."""
    about = [claim for claim in reader.stated if gold.subject in (claim.subject, claim.value)]
    if q.split == "holdout":
        if about != [reader.claims[q.proof[0]]] or about[0].predicate != "is a":
            yield f"the documents say more of the held-out {gold.subject} than its parent"
        if (f"without {q.proof[0]}", gold) in found.holds:
            yield f"the gold follows without {q.proof[0]}"
    if (q.clusters["first"], q.clusters["last"]) != (q.proof[0], q.proof[-1]):
        yield f"its clusters name other premises than the first and the last of {q.proof}"
    expected = {"restated": "rephrase", "reversed": "reversal"}.get(
        inference, "syllogism" if levels == 1 else "syllogism_deep"
    )
    if q.split not in (expected, "holdout", "misleading") or (q.split == "holdout" and not levels):
        yield f"it belongs to the split {expected}, not {q.split}"
