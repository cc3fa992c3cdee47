r"""The embedded model's pretraining text: small worlds of fresh words, first stated, then used.

An episode is a list of (text, weight) segments. A world of two simple reversals gives, for instance::

    ("Did you know that drulk are more famous than fesk?\nIn general, bonx are less common than wild.", 0.2)
    ("\n\nfesk are", 0.1) (" less famous than drulk.", 1.0)
    ("\n\nbonx are less common than", 0.1) (" wild.", 1.0)

so the prompt shapes are those of the tasks: documents, a blank line, a bare question. Words are coined anew for every
episode (or drawn from the pool's pretraining share), so that nothing can be memorized and everything must be inferred
from the text before. Another kind of episode shows the augmentation format: a text, then what follows from it, with
or without other documents before it (arXiv 2505.00661, section 4).
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import FAMILIES, family_of, generate
from icl_ft_plugin.families.words import coin
from icl_ft_plugin.schema import Document, World
from icl_ft_plugin.worlds.context import context_text

Segment = tuple[str, float]
TEXT_MARK = "Text:"
INFERENCE_MARK = "Follows:"


def episode(rng: random.Random, mixture: Mapping[str, float], room: int, weights: Mapping[str, float]) -> list[Segment]:
    """Return one episode of at most about ``room`` tokens.

    Args:
        rng: Source of all randomness.
        mixture: Relative frequency by family.
        room: Tokens left in the training row; sizes are drawn so that the episode nearly always fits.
        weights: Loss weight of ``"document"``, ``"question"`` (stems) and ``"answer"`` tokens.

    Returns:
        Segments in order; their texts concatenated are the episode.
    """
    family = rng.choices(list(mixture), weights=list(mixture.values()))[0]
    # Half of the episodes fill the room, the others are of any size, small ones as likely as large ones.
    share = 0.9 if rng.random() < 0.5 else 0.9 * (64 / room) ** rng.random() if room > 64 else 0.9
    knobs = family_of(family).episodes
    if knobs is None:
        raise UsageError(f"mixture: the family {family!r} has no episodes")
    world = generate(family, rng.randrange(2**32), {**knobs(rng, int(room * share)), "share": "pretraining"})
    kind = _augmentation if rng.random() < AUGMENTATION_SHARE else _reading
    segments = kind(world, rng, int(room * share), weights)
    return segments if rng.random() < POOL_SHARE else _renamed(segments, rng)


AUGMENTATION_SHARE = 0.25
POOL_SHARE = 0.1  # episodes that keep the words of the pool


def _renamed(segments: list[Segment], rng: random.Random) -> list[Segment]:
    """Replace every word that names something by a coined one, the same everywhere in the episode.

    The lists of words and names are finite: a model trained on them alone learns them by heart and cannot read, let
    alone copy, a name that it has never seen.
    """
    replaced, banned = _vocabulary()
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        word = match.group()
        if word not in replaced:
            return word
        if word not in names:
            coined = coin(rng, banned)
            names[word] = coined.capitalize() if word[0].isupper() else coined
        return names[word]

    return [(_WORD.sub(rename, text), weight) for text, weight in segments]


_WORD = re.compile("[A-Za-z]+")


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """Return the pretraining share's words, names and title words, and in lower case those of the evaluation share."""

    def of(share: str) -> Iterator[str]:
        return chain.from_iterable(family.vocabulary(share) for family in FAMILIES.values())

    return frozenset(of("pretraining")), frozenset(word.lower() for word in of("evaluation"))


def _reading(world: World, rng: random.Random, budget: int, weights: Mapping[str, float]) -> list[Segment]:
    """Documents, then as many of the world's questions as fit, each with a correct answer."""
    text = context_text(world, rng.choice((1, 1, 1, 2)))
    segments = [(text, weights["document"])]
    left = budget - tokens(text)
    questions = list(world.questions)
    rng.shuffle(questions)
    for number, question in enumerate(questions):
        answer = " " + question.choices[rng.choice(question.gold)]
        left -= tokens(question.prompt) + tokens(answer)
        if left < 0 and number > 1:
            break
        segments.append((f"\n\n{question.prompt}", weights["question"]))
        segments.append((answer, weights["answer"]))
    return segments


def _augmentation(world: World, rng: random.Random, budget: int, weights: Mapping[str, float]) -> list[Segment]:
    """Show what follows from one text: alone (local) or together with the documents before it (global)."""
    oracle = family_of(world.family).oracle
    inferred = defaultdict(list)  # by the document that it follows from
    for document in oracle(world) if oracle else ():
        inferred[document.id.rpartition("-")[0]].append(document)
    segments: list[Segment] = []
    left = budget
    alone = rng.random() < 0.5
    if not alone:
        text = context_text(world)
        segments.append((text + "\n\n", weights["document"]))
        left -= tokens(text)
    for number, document in enumerate(rng.sample(world.documents, len(world.documents))):
        lines = _inferences(document, inferred, alone)
        if not lines:
            continue
        rng.shuffle(lines)
        prompt = augmentation_prompt(document.text)
        left -= tokens(prompt) + sum(tokens(line) + 2 for line in lines)
        if left < 0 and number > 1:
            break
        weight = weights["document"] if alone else weights["question"]
        segments.append((prompt, weight))
        segments.append((f" {lines[0]}", weights["answer"]))
        segments.extend((f"\n{INFERENCE_MARK} {line}", weights["answer"]) for line in lines[1:])
        segments.append(("\n\n", weights["answer"]))
    return segments


def augmentation_prompt(text: str) -> str:
    """Return the prompt that asks the embedded model for what follows from a text."""
    return f"{TEXT_MARK} {text}\n{INFERENCE_MARK}"


def _inferences(document: Document, inferred: Mapping[str, Sequence[Document]], alone: bool) -> list[str]:
    """Return what rules infer from a document, one text of each kind; alone, without what needs other documents."""
    own = set(document.facts)
    found = inferred[document.id]
    return [other.text for other in found if not alone or other.style != "chain" or own.issuperset(other.facts)]


def tokens(text: str) -> int:
    """Return a cautious estimate of the text's length in the embedded model's tokens."""
    return len(text) * 3 // 7 + 1
