"""Proofs of the process, from the text of the documents alone.

The worked examples are read back, the rules that contradict them are struck out, and what is left is applied: "the
bilku of 3*sin(x^2) is" + "4*(exp(x^2)-3*x^5)." follows when all that is left agrees on it. That two choices are
different functions is checked by numbers, so that no identity such as exp(log(x)) = x slips through.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from icl_ft_plugin.families.process.algebra import canonical_node, parse, read
from icl_ft_plugin.families.process.expressions import nested
from icl_ft_plugin.families.process.facts import facts_of, rules_of, rules_used
from icl_ft_plugin.families.process.identify import identify
from icl_ft_plugin.families.process.numbers import differ
from icl_ft_plugin.families.process.rules import DERIVATIVE, Node, apply, show
from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import Question, World


def asked(question: Question) -> Node:
    """Return the expression that a question asks about: its prompt is a worked example that lacks the result."""
    return read(f"{question.prompt} 0.")[0][1]


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that follow from the documents."""
    readings = identify(world.documents)
    found = {}
    for q in world.questions:
        results = readings.results(asked(q))
        right = {i for i, choice in enumerate(q.choices) if canonical_node(parse(choice.rstrip("."))) in results}
        found[q.id] = frozenset(right if len(results) == 1 else ())
    return found


def check(world: World) -> list[str]:
    """Prove every gold, refute every distractor, and check the design of the family.

    Args:
        world: A process.

    Returns:
        One message per violation; empty when all is proved.
    """
    messages = disagreements(world, answers(world))
    messages += _document_messages(world)
    shown = {fact for document in world.documents for fact in document.facts}
    taken = {node for document in world.documents for _, node, _ in read(document.text)}
    for q in world.questions:
        messages += [f"{q.id}: {message}" for message in _question_messages(world, q, shown, taken)]
    return messages


def _document_messages(world: World) -> Iterator[str]:
    rules = rules_of(world.facts)
    for document in world.documents:
        examples = read(document.text)
        if len(examples) != len(document.sentences):
            yield f"{document.id}: {len(document.sentences)} sentences hold {len(examples)} worked examples"
        for _, node, result in examples:
            if show(apply(rules, node)) != result:
                yield f"{document.id}: the facts do not turn {show(node)} into {result}"
        found = {fact for _, node, _ in examples for fact in facts_of(node)}
        if found != set(document.facts):
            yield f"{document.id}: shows {sorted(found)}, but lists {sorted(document.facts)}"


def _question_messages(world: World, q: Question, shown: set[str], taken: set[Node]) -> Iterator[str]:
    node = asked(q)
    choices = [parse(choice.rstrip(".")) for choice in q.choices]
    if node in taken:
        yield f"its expression {show(node)} stands in a document"
    pair = f"{q.labels['outer']}-{q.labels['inner']}"
    pairs = {"-".join(found) for found in nested(node)}
    hidden = pairs - shown
    if hidden != ({pair} if q.split == "holdout" else set()):
        yield f"of its pairs {sorted(pairs)}, {sorted(hidden)} stand in no document (split {q.split})"
    proof = [fact for fact in world.facts if fact.id in q.proof]
    if canonical_node(apply(rules_of(proof), node)) != canonical_node(choices[q.gold[0]]):
        yield f"the gold does not follow from its proof {q.proof}"
    if (q.inference, q.depth) != ("applied", len(rules_used(node))):
        yield f"inference {q.inference!r} of depth {q.depth}, but {len(rules_used(node))} rules are applied"
    derivative = canonical_node(apply(DERIVATIVE, node))
    for choice in choices:
        if canonical_node(choice) == derivative:
            yield f"the choice {show(choice)} is the true derivative"
    for i, j in combinations(range(len(choices)), 2):
        if not differ(choices[i], choices[j]):
            yield f"choices {i} and {j} are the same function"
