"""Simple syllogisms (arXiv 2505.00661, simple syllogisms dataset).

A document names three terms of its own, then states two premises: "The terms trune, femp and glon are related.
All femp are glon. Everything that is a glon is a trune." Asked is the conclusion: "trune and femp are related:" + one of the
six statements all / some / no in both directions ("Every femp is a trune."), beside one premise ("Every femp is a glon."),
which tells whether the premises were learned at all.

The gold is the SET of the strongest statements entailed, because "some" and "no" convert: "No femp are trune." and
"No trune are femp." are both right. Without existential import (the default: "all femp are glon" says nothing about
whether there are any femp) 10 of the 36 premise pairs entail something; up to naming they are the five forms Barbara
(one gold statement), Celarent, Cesare, Darii and Datisi (two each). With ``existential_import`` every term has
members, which adds Darapti; a weaker statement that follows from the gold one is then a distractor.

OURS: half of the conclusions say "all", a quarter "some", a quarter "no", and the two directions of "all" alternate.
With one gold statement for "all" and two for the others, every answerer who always gives the same statement then
scores 1/4, which is chance. What remains: the quantifier of the conclusion is one of the premises' (``association``
label), so that it alone is enough for "some" and "no" and leaves the direction open for "all": who knows the quantifiers
scores 3/4. Words that merely meet do not tell it, since documents and questions have no wording in common. In Barbara,
besides, the subject of the conclusion is never a predicate in the document, nor the other way round.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.syllogism.logic import Statement, conclusions
from icl_ft_plugin.families.syllogism.phrases import DOCUMENTS, INFERENCES, QUANTIFIERS, TESTS
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, Question, World

# The medieval names: premises over the subject s, the middle m and the predicate p; then the conclusion's quantifier.
FORMS: dict[str, tuple[tuple[str, str, str], tuple[str, str, str], str]] = {
    "barbara": (("all", "m", "p"), ("all", "s", "m"), "all"),
    "celarent": (("no", "m", "p"), ("all", "s", "m"), "no"),
    "cesare": (("no", "p", "m"), ("all", "s", "m"), "no"),
    "darii": (("all", "m", "p"), ("some", "s", "m"), "some"),
    "datisi": (("all", "m", "p"), ("some", "m", "s"), "some"),
    "darapti": (("all", "m", "p"), ("all", "m", "s"), "some"),
}
IMPORT_FORMS = ("darapti",)  # entail something only where every term has members
QUANTIFIER_CYCLE = ("all", "some", "all", "no")
NUMBERS = range(len(TESTS["all"]))


@dataclass(frozen=True, slots=True)
class SyllogismConfig:
    """Knobs of the simple syllogisms.

    Attributes:
        n_documents: Number of documents, each with three fresh words and two premises.
        existential_import: Whether every term is taken to have members.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_documents: int = 69
    existential_import: bool = False
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        check_ranges("syllogism", self, {"n_documents": (1, 1900)})


@dataclass(frozen=True, slots=True)
class _Syllogism:
    """One document in parts; ``premises`` are (quantifier, subject, predicate) in the order stated."""

    id: str
    form: str
    subject: str
    middle: str
    predicate: str
    premises: tuple[Statement, ...]
    rank: int  # how many documents of this form came before: alternates what must be balanced

    @property
    def quantifier(self) -> str:
        return FORMS[self.form][2]


def generate(config: SyllogismConfig, seed: int) -> World:
    """Generate a world of simple syllogisms; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        ``n_documents`` documents, two facts and two questions (``"inference"`` and ``"rephrase"``) for each.

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"syllogism-{seed}")
    syllogisms = _draw_syllogisms(config, rng)
    flip = rng.randrange(2)
    return World(
        family="syllogism",
        config=asdict(config),
        seed=seed,
        facts=tuple(
            Fact(f"{s.id}-p{i}", premise[0], premise[1:], statement(premise, DOCUMENTS, 0))
            for s in syllogisms
            for i, premise in enumerate(s.premises)
        ),
        documents=tuple(_document(s, rng) for s in syllogisms),
        questions=tuple(question for s in syllogisms for question in _questions(s, flip, seed, rng)),
    )


def statement(parts: Statement, bank: Mapping[str, Sequence[str]], number: int) -> str:
    """Return the sentence of (quantifier, subject, predicate) in a wording of a bank, e.g. ``"All femp are glon."``."""
    quantifier, subject, predicate = parts
    return bank[quantifier][number].format(a=subject, b=predicate)


def candidates(first: str, second: str) -> list[Statement]:
    """Return the six statements over two terms: all, some, no, each in both directions."""
    return [(q, *pair) for q in QUANTIFIERS for pair in ((first, second), (second, first))]


def _draw_syllogisms(config: SyllogismConfig, rng: random.Random) -> list[_Syllogism]:
    """Draw the documents: quantifiers of the conclusion 2 : 1 : 1, and even forms within a quantifier."""
    lexicon = Lexicon(rng, config.share)
    forms: dict[str, list[str]] = {}
    for form, (_, _, quantifier) in FORMS.items():
        if config.existential_import or form not in IMPORT_FORMS:
            forms.setdefault(quantifier, []).append(form)
    start, form_start = rng.randrange(len(QUANTIFIER_CYCLE)), rng.randrange(6)
    quantifiers = [QUANTIFIER_CYCLE[(start + i) % len(QUANTIFIER_CYCLE)] for i in range(config.n_documents)]
    ranked = [(q, quantifiers[:i].count(q)) for i, q in enumerate(quantifiers)]
    rng.shuffle(ranked)
    syllogisms = []
    for i, (quantifier, rank) in enumerate(ranked):
        turn, of_form = divmod(rank, len(forms[quantifier]))
        form = forms[quantifier][(form_start + of_form) % len(forms[quantifier])]
        terms = dict(zip("smp", lexicon.words(3), strict=True))
        premises = [(q, terms[a], terms[b]) for q, a, b in FORMS[form][:2]]
        rng.shuffle(premises)
        syllogisms.append(_Syllogism(f"s{i}", form, terms["s"], terms["m"], terms["p"], tuple(premises), turn))
    return syllogisms


def _document(s: _Syllogism, rng: random.Random) -> Document:
    terms = rng.sample((s.subject, s.middle, s.predicate), 3)
    naming = f"The terms {terms[0]}, {terms[1]} and {terms[2]} are related."
    premises = (statement(premise, DOCUMENTS, rng.choice(NUMBERS)) for premise in s.premises)
    # Completion-only: the terms are given, as in the questions, and the premises are learned.
    return Document(f"{s.id}-d0", (naming, *premises), (f"{s.id}-p0", f"{s.id}-p1"), completion_start=len(naming))


def _questions(s: _Syllogism, flip: int, seed: int, rng: random.Random) -> list[Question]:
    """Return the conclusion, and one premise in other words: the one that holds the conclusion's quantifier."""
    turn = s.rank + flip
    stated = [i for i, premise in enumerate(s.premises) if premise[0] == s.quantifier] or [0, 1]
    asked = stated[(turn // 2) % len(stated)]
    # In order of use: from the subject of the conclusion over the middle to the predicate.
    chain = tuple(f"{s.id}-p{i}" for i in sorted((0, 1), key=lambda i: s.subject not in s.premises[i]))
    conclusion = (s.quantifier, s.subject, s.predicate)
    number, other = rng.choice(NUMBERS), rng.choice(NUMBERS)
    return [
        _question(s, "inference", conclusion, turn % 2, chain, number, seed),
        _question(s, "rephrase", s.premises[asked], (turn + turn // 2) % 2, (f"{s.id}-p{asked}",), other, seed),
    ]


def _question(
    s: _Syllogism, split: str, answer: Statement, swap: int, proof: tuple[str, ...], number: int, seed: int
) -> Question:
    """Ask for ``answer``; ``swap`` names its predicate first, so that neither direction of "all" is right more often."""
    inferred = split == "inference"
    quantifier, subject, predicate = answer
    first, second = (predicate, subject) if swap else (subject, predicate)
    options = candidates(first, second)
    golds = {answer} if quantifier == "all" else {answer, (quantifier, predicate, subject)}
    shared = {"fact": s.id, "first": proof[0], "last": proof[-1]}
    return Question(
        id=f"{s.id}-{split}",
        split=split,
        prompt=f"{first} and {second} are related:",
        choices=tuple(statement(option, TESTS, number) for option in options),
        gold=tuple(i for i, option in enumerate(options) if option in golds),
        inference="chained" if inferred else "restated",
        depth=int(inferred),
        proof=proof,
        clusters={**shared, "template": TESTS[quantifier][number], "world": f"syllogism-{seed}"},
        labels={
            "form": s.form,
            "quantifier": quantifier,
            "association": _association(s, answer) if inferred else "half" if quantifier == "all" else "enough",
        },
    )


def _association(s: _Syllogism, conclusion: Statement) -> str:
    """What the quantifiers of the premises give away: "enough", "half" (not the direction) or "misleads"."""
    if conclusion[0] not in {premise[0] for premise in s.premises}:
        return "misleads"
    return "half" if conclusion[0] == "all" else "enough"


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the documents: another teacher than the model itself.

    Every document is rephrased (style ``"rephrase"``), its premises that convert are reversed (``"reversal"``, where
    there are any) and its conclusion is drawn (``"chain"``), each sentence in a wording that neither documents nor
    questions have.

    Args:
        world: A world of this family.

    Returns:
        Two or three documents per document of the world, each with the terms named first.
    """
    rng = random.Random(f"syllogism-oracle-{world.seed}")
    facts = {fact.id: fact for fact in world.facts}
    documents = []
    for document in world.documents:
        naming = document.sentences[0]
        premises = [(facts[i].predicate, facts[i].arguments[0], facts[i].arguments[1]) for i in document.facts]
        ends = set(premises[0][1:]) ^ set(premises[1][1:])
        a, b = rng.sample(sorted(ends), 2)
        texts: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
            "rephrase": (naming, premises),
            "reversal": (naming, [(q, second, first) for q, first, second in premises if q != "all"]),
            "chain": (
                f"The terms {a} and {b} are related.",
                sorted(conclusions(premises, a, b, bool(world.config["existential_import"]))),
            ),
        }
        for style, (terms, statements) in texts.items():
            said = (statement(parts, INFERENCES, rng.choice(NUMBERS)) for parts in statements)
            if statements:
                documents.append(Document(f"{document.id}-{style}", (terms, *said), document.facts, len(terms), style))
    return tuple(documents)
