"""Simple syllogisms (arXiv 2505.00661, simple syllogisms dataset).

A document names three terms of its own, then states two premises: "The terms trune, femp and glon are related.
All femp are glon. All glon are trune." Asked is the conclusion: "trune and femp are related:" + one of the six
statements all / some / no in both directions ("All femp are trune."), beside one premise in other words ("Every femp
is a glon."), which tells whether the premises were learned at all.

The gold is the SET of the strongest statements entailed, because "some" and "no" convert: "No femp are trune." and
"No trune are femp." are both right. Without existential import (the default: "all femp are glon" says nothing about
whether there are any femp) 10 of the 36 premise pairs entail something; up to naming they are the five forms Barbara
(one gold statement), Celarent, Cesare, Darii and Datisi (two each). With ``existential_import`` every term has
members, which adds Darapti; a weaker statement that follows from the gold one is then a distractor.

OURS: half of the conclusions say "all", a quarter "some", a quarter "no", and the two directions of "all" alternate.
With one gold statement for "all" and two for the others, every answerer who always gives the same statement then
scores 1/4, which is chance. What remains: the quantifier of the conclusion stands in the premises (``association``
label), so that word association alone is enough for "some" and "no" and leaves the direction open for "all": it scores
3/4. In Barbara, besides, the subject of the conclusion is never a predicate in the document, nor the other way round.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.knobs import check_ranges
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
STATED = {"all": "All {} are {}.", "some": "Some {} are {}.", "no": "No {} are {}."}
REPHRASED = {"all": "Every {} is a {}.", "some": "At least one {} is a {}.", "no": "Not one {} is a {}."}


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
    premises: tuple[tuple[str, str, str], ...]
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
            Fact(f"{s.id}-p{i}", premise[0], premise[1:], statement(premise))
            for s in syllogisms
            for i, premise in enumerate(s.premises)
        ),
        documents=tuple(_document(s, rng) for s in syllogisms),
        questions=tuple(question for s in syllogisms for question in _questions(s, flip, seed)),
    )


def statement(parts: tuple[str, str, str], wording: dict[str, str] = STATED) -> str:
    """Return the sentence of (quantifier, subject, predicate) in a wording, e.g. ``"All femp are glon."``."""
    return wording[parts[0]].format(*parts[1:])


def candidates(first: str, second: str) -> list[tuple[str, str, str]]:
    """Return the six statements over two terms: all, some, no, each in both directions."""
    return [(q, *pair) for q in STATED for pair in ((first, second), (second, first))]


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
    # Completion-only: the terms are given, as in the questions, and the premises are learned.
    return Document(
        f"{s.id}-d0", (naming, *map(statement, s.premises)), (f"{s.id}-p0", f"{s.id}-p1"), completion_start=len(naming)
    )


def _questions(s: _Syllogism, flip: int, seed: int) -> list[Question]:
    """Return the conclusion, and one premise in other words: the one that holds the conclusion's quantifier."""
    turn = s.rank + flip
    stated = [i for i, premise in enumerate(s.premises) if premise[0] == s.quantifier] or [0, 1]
    asked = stated[(turn // 2) % len(stated)]
    conclusion = (s.quantifier, s.subject, s.predicate)
    return [
        _question(s, "inference", conclusion, turn % 2, (f"{s.id}-p0", f"{s.id}-p1"), seed),
        _question(s, "rephrase", s.premises[asked], (turn + turn // 2) % 2, (f"{s.id}-p{asked}",), seed),
    ]


def _question(
    s: _Syllogism, split: str, answer: tuple[str, str, str], swap: int, proof: tuple[str, ...], seed: int
) -> Question:
    """Ask for ``answer``; ``swap`` names its predicate first, so that neither direction of "all" is right more often."""
    inferred = split == "inference"
    quantifier, subject, predicate = answer
    first, second = (predicate, subject) if swap else (subject, predicate)
    options = candidates(first, second)
    golds = {answer} if quantifier == "all" else {answer, (quantifier, predicate, subject)}
    return Question(
        id=f"{s.id}-{split}",
        split=split,
        prompt=f"{first} and {second} are related:",
        choices=tuple(statement(option, STATED if inferred else REPHRASED) for option in options),
        gold=tuple(i for i, option in enumerate(options) if option in golds),
        inference="chained" if inferred else "restated",
        depth=int(inferred),
        proof=proof,
        clusters={"fact": s.id, "entity": subject, "template": s.form, "world": f"syllogism-{seed}"},
        labels={
            "form": s.form,
            "quantifier": quantifier,
            "association": _association(s, answer) if inferred else "half" if quantifier == "all" else "enough",
        },
    )


def _association(s: _Syllogism, conclusion: tuple[str, str, str]) -> str:
    """What the quantifier words of the premises give away: "enough", "half" (not the direction) or "misleads"."""
    if conclusion[0] not in {premise[0] for premise in s.premises}:
        return "misleads"
    return "half" if conclusion[0] == "all" else "enough"


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the documents: another teacher than the model itself.

    Every document is rephrased (style ``"rephrase"``), its premises that convert are reversed (``"reversal"``, where
    there are any) and its conclusion is drawn (``"chain"``).

    Args:
        world: A world of this family.

    Returns:
        Two or three documents per document of the world, each with the terms named first.
    """
    facts = {fact.id: fact for fact in world.facts}
    conclusions = {question.clusters["fact"]: question for question in world.questions if question.split == "inference"}
    documents = []
    for document in world.documents:
        naming = document.sentences[0]
        premises = [(facts[i].predicate, facts[i].arguments[0], facts[i].arguments[1]) for i in document.facts]
        converted = [statement((q, b, a)) for q, a, b in premises if q != "all"]
        question = conclusions[document.facts[0].split("-")[0]]
        terms = f"The terms {question.prompt[:-1]}."
        texts = {
            "rephrase": (naming, *(statement(premise, REPHRASED) for premise in premises)),
            "reversal": (naming, *converted),
            "chain": (terms, *(question.choices[i] for i in question.gold)),
        }
        documents += [
            Document(f"{document.id}-{style}", text, document.facts, len(text[0]), style)
            for style, text in texts.items()
            if len(text) > 1
        ]
    return tuple(documents)
