"""Process knowledge (arXiv 2505.00661, process dataset; all details OURS): an operator that turns functions into functions.

The operator, named by a pseudoword, has a rule per node of the expression tree, each unlike the derivative's
(``process_rules``). Documents are worked examples, and a question asks for a fresh expression::

    As an example, the bilku of sin(2*x^3) comes to exp(2*x^3)-9*x^5.
    In general, the bilku of exp(exp(x)) evaluates to + "cos(exp(x))+cos(x)." or "cos(x)-cos(exp(x))." or ...

Rules meet in pairs of nested nodes ("a sum with a sine in it"): some pairs stand in the documents (split trained),
the others never do (split holdout), though each of their two rules does. The four choices cross two factors, one rule
and all others, each as here or as of another operator of the same kind, drawn anew for each question: so no choice is
the odd one out or the average one, and who knows calculus, or what operators of this kind look like, but has not read
the documents, is at chance. The true derivative is never a choice. Questions need rules only that the documents leave
no choice about. Which of the four is longest is balanced as far as the rules allow.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.process.expressions import Pair, Shape, draw_expression, nested, split_pairs, universe
from icl_ft_plugin.families.process.facts import facts_of, rule_facts
from icl_ft_plugin.families.process.identify import identify
from icl_ft_plugin.families.process.questions import ask
from icl_ft_plugin.families.process.rules import Node, Rules, X, apply, draw_rules, show
from icl_ft_plugin.families.process.wordings import DOCUMENTS
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, World


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """Knobs of the process.

    Attributes:
        n_documents: Number of worked examples.
        n_questions: Most questions per split.
        levels: Most nodes nested in one another: 2 for "sin(x^3)", 3 for "sin(x^3 + exp(x))".
        max_coefficient: Largest factor in an expression.
        max_exponent: Largest exponent in an expression.
        holdout: Share of the nested pairs that no document shows.
        steps: Whether documents work out the parts of an expression before the whole.
        share: Share of the word pool and of the operators, ``"evaluation"`` or ``"pretraining"``.
    """

    n_documents: int = 60
    n_questions: int = 100
    levels: int = 2
    max_coefficient: int = 9
    max_exponent: int = 5
    holdout: float = 0.25
    steps: bool = False
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_documents": (1, 1500),
            "n_questions": (1, 300),
            "levels": (2, 3),
            "max_coefficient": (3, 99),
            "max_exponent": (3, 20),
            "holdout": (0, 0.5),
        }
        check_ranges("process", self, ranges)


def generate(config: ProcessConfig, seed: int) -> World:
    """Generate a process; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        Facts (the rules and the nested pairs that documents show), the worked examples and up to ``n_questions``
        questions per split.
    """
    rng = random.Random(f"process-{seed}")
    name = Lexicon(rng, config.share).word()
    rules = draw_rules(rng, config.share)
    shape = Shape(config.levels, config.max_coefficient, config.max_exponent)
    trained, heldout = split_pairs(universe(shape), config.holdout, rng)
    seen: set[Node] = set()
    documents, pair_facts = _documents(name, rules, shape, trained, config, seen, rng)
    stated = {fact for document in documents for fact in document.facts}
    facts = [fact for fact in rule_facts(name, rules) if fact.id in stated] + pair_facts
    questions = ask(
        name,
        rules,
        shape,
        (trained, heldout),
        stated,
        identify(documents).determined,
        seen,
        config.n_questions,
        config.share,
        f"process-{seed}",
        rng,
    )
    return World(
        family="process",
        config=asdict(config),
        seed=seed,
        facts=tuple(facts),
        documents=tuple(documents),
        questions=tuple(questions),
    )


def example(wording: str, name: str, node: Node, result: str) -> str:
    """Return the sentence that works out one expression, in one of the ``wordings``."""
    return f"{wording.format(name, show(node))} {result}."


def steps(node: Node) -> Iterator[Node]:
    """Yield the parts that have to be worked out before ``node``, then ``node`` itself, innermost first."""
    inside = node.parts[0] if node.kind == "scale" else node
    for part in inside.parts:
        if part != X:
            yield from steps(part)
    yield node


def _documents(
    name: str,
    rules: Rules,
    shape: Shape,
    trained: list[Pair],
    config: ProcessConfig,
    seen: set[Node],
    rng: random.Random,
) -> tuple[list[Document], list[Fact]]:
    """Write the worked examples, every single rule first; return a fact for each nested pair, too."""
    turns: list[Pair | str] = [*shape.leaves, *rng.sample(trained, len(trained))]
    order = rng.sample(range(config.n_documents), config.n_documents)
    documents = []
    worked_out: list[Node] = []
    pairs: dict[str, Fact] = {}
    for i, place in enumerate(order):
        # A single rule has few expressions; when they are used up, the next in turn takes its place.
        tries = (
            draw_expression(turns[(i + j) % len(turns)], set(trained), shape, seen, rng) for j in range(len(turns))
        )
        node = next(filter(None, tries), None)
        if node is None:
            raise UsageError(
                f"process: n_documents={config.n_documents} exhausts the expressions; raise max_coefficient"
            )
        worked = [(part, show(apply(rules, part))) for part in (steps(node) if config.steps else (node,))]
        worked_out += (part for part, _ in worked)
        wordings = [rng.choice(DOCUMENTS) for _ in worked]
        sentences = tuple(example(words, name, *made) for words, made in zip(wordings, worked, strict=True))
        for pair in nested(node):
            key = "-".join(pair)
            pairs.setdefault(key, Fact(key, "nested", pair, sentences[-1]))
        start = len(wordings[0].format(name, show(worked[0][0])))
        style = "steps" if config.steps else "example"
        documents.append((place, Document(f"d{place}", sentences, facts_of(node), start, style)))
    seen.update(worked_out)
    return [document for _, document in sorted(documents, key=lambda item: item[0])], list(pairs.values())
