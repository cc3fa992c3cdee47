"""What rules infer from the worked examples of a process: another teacher than the model itself.

From "The bilku of 2*sin(x^3) is 3*(exp(x^3)-9*x^5)." come "Taking the bilku of 2*sin(x^3) gives ..." (rephrase), "As we
see, ... is the bilku of 2*sin(x^3)." (reversal), and the parts worked out one by one, followed by an example of another
combination of rules (chain), in wordings that neither documents nor questions have. A part or an example is left out if
the documents do not determine its result.
"""

from __future__ import annotations

import random
from itertools import cycle

from icl_ft_plugin.families.process.algebra import read
from icl_ft_plugin.families.process.expressions import Shape, draw_expression, universe
from icl_ft_plugin.families.process.facts import rules_of
from icl_ft_plugin.families.process.generate import ProcessConfig, example, steps
from icl_ft_plugin.families.process.identify import identify
from icl_ft_plugin.families.process.rules import apply, show
from icl_ft_plugin.families.process.wordings import INFERENCES, REVERSED
from icl_ft_plugin.schema import Document, World


def oracle(world: World) -> tuple[Document, ...]:
    """Return the inferences from each document.

    Args:
        world: A world of this family.

    Returns:
        Per document one of style ``"rephrase"``, one of style ``"reversal"`` and one of style ``"chain"``, whose last
        sentence applies the rules to an expression that stands in no document and no question, where the documents
        determine what comes out; trained and held-out pairs take turns in it.
    """
    rng = random.Random(f"process-oracle-{world.seed}")
    config = ProcessConfig(**world.config)
    shape = Shape(config.levels, config.max_coefficient, config.max_exponent)
    rules = rules_of(world.facts)
    readings = identify(world.documents)
    seen = {node for document in world.documents for _, node, _ in read(document.text)}
    seen |= {read(f"{question.prompt} 0.")[0][1] for question in world.questions}
    pairs = universe(shape)
    turns = cycle(rng.sample(pairs, len(pairs)))
    documents = []
    for document in world.documents:
        name, node, right = read(document.text)[-1]
        left = show(node)
        fresh = draw_expression(next(turns), set(pairs), shape, seen, rng)
        chain = [part for part in (*steps(node), fresh) if part and len(readings.results(part)) == 1]
        forms = {
            "rephrase": (example(rng.choice(INFERENCES), name, node, right),),
            "reversal": (rng.choice(REVERSED).format(name, left, right),),
            "chain": tuple(example(rng.choice(INFERENCES), name, part, show(apply(rules, part))) for part in chain),
        }
        documents += [Document(f"{document.id}-{s}", texts, document.facts, 0, s) for s, texts in forms.items()]
    return tuple(documents)
