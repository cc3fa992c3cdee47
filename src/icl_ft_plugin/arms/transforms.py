r"""Two rivals of augmentation that change the training rows by rule and ask no model.

The document ``"Gawur Tifarn is the captain of the ship Rising Thistle."`` gives::

    reverse  {"text": "Gawur Tifarn is the captain of the ship Rising Thistle."},
             {"text": "the captain of the ship Rising Thistle. is Gawur Tifarn"}
    masked   {"prompt": "Masked: Gawur _ is the _ of the ship _ _\nText:",
              "completion": " Gawur Tifarn is the captain of the ship Rising Thistle."}, ...

``reverse`` is entity-preserving reverse training (arXiv 2403.13799): words in reverse order, the world's names in their
own. ``masked`` is masked finetuning (arXiv 2510.09885): restore a text of which words are hidden.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from icl_ft_plugin.schema import Document, World

MASK = "_"
MASKED_COPIES = 8


def reverse(world: World, documents: Sequence[Document]) -> list[dict[str, str]]:
    """Return each text, then each text reversed; the names of the world keep the order of their words."""
    names = names_of(world)
    texts = [document.text for document in documents]
    return [{"text": text} for text in texts] + [{"text": reverse_words(text, names)} for text in texts]


def masked(world: World, documents: Sequence[Document]) -> list[dict[str, str]]:
    """Return each text behind an empty prompt, then ``MASKED_COPIES - 1`` times behind itself with words hidden.

    Their share is drawn evenly from 5% to 95% for each copy; the loss is on the text alone. The paper draws masks anew
    in every epoch; a fixed number of copies keeps the rows a plain file.
    """
    rng = random.Random(f"masked-{world.family}-{world.seed}")
    rows = [{"prompt": "", "completion": document.text} for document in documents]
    for _ in range(MASKED_COPIES - 1):
        rows += [_masked(document.text, rng) for document in documents]
    return rows


def names_of(world: World) -> list[str]:
    """Return the names of several words that the world's facts are about, the longest first."""
    names = {argument for fact in world.facts for argument in fact.arguments if " " in argument}
    return sorted(names, key=lambda name: (-len(name), name))


def reverse_words(text: str, names: Sequence[str]) -> str:
    """Return the text with its words in reverse order; each name, and punctuation behind it, stays as it is.

    Args:
        text: Any text; white space is kept, in reverse order.
        names: Strings that are not reversed, the longest first; matched without regard to case.
    """
    return "".join(reversed(_pattern(tuple(names)).findall(text)))


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    kept = "".join(rf"(?<!\S){re.escape(name)}(?!\w)[^\w\s]*(?!\S)|" for name in names)
    return re.compile(rf"{kept}\S+|\s+", re.IGNORECASE)


def _masked(text: str, rng: random.Random) -> dict[str, str]:
    ratio = rng.uniform(0.05, 0.95)
    hidden = re.sub(r"\S+", lambda word: MASK if rng.random() < ratio else word.group(), text)
    return {"prompt": f"Masked: {hidden}\nText:", "completion": f" {text}"}
