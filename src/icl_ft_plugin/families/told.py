"""Whether a question stands with its answer in some texts, word for word: who was told it, or trained on it, need not infer it.

One rule for the documents of a world, for what an oracle or a model writes, and for the rows of a training. Case, white space,
the plural and the punctuation at the ends of words hide nothing; words are whole. For example the row
``"It seems GLON  are less dangerous than femp!"`` holds the question ``"glon are"`` with its answer ``"less dangerous than femp."``, and
``"glon are less dangerous than femple."`` does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from icl_ft_plugin.schema import Question

Named = tuple[str, str]  # what a text is called, and the text
_MARKS = r"[\"'“”‘’.,;:!?…]+"
_AT_ENDS = re.compile(rf"(?<!\S){_MARKS}|{_MARKS}(?!\S)")
# Endings of a plural, and what the singular has in their place; the first that fits. "glass" and "bus" are none, and since "movies" and
# "ferries" look alike, "movie" ends like "ferry", and so does "axe" like "box".
_PLURALS = (
    *(("ies", "y"), ("ie", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("xe", "x")),
    *(("ss", "ss"), ("us", "us"), ("is", "is"), ("s", "")),
)
_IRREGULAR = {
    "buses": "bus", "calves": "calf", "children": "child", "feet": "foot", "geese": "goose",
    "halves": "half", "heroes": "hero", "knives": "knife", "lenses": "lens", "loaves": "loaf",
    "men": "man", "mice": "mouse", "oxen": "ox", "people": "person", "potatoes": "potato",
    "scarves": "scarf", "selves": "self", "shelves": "shelf", "teeth": "tooth", "thieves": "thief",
    "wives": "wife", "wolves": "wolf", "women": "woman",
}  # fmt: skip


def plain(text: str) -> str:
    """Return a text in small letters and the singular, with single spaces and no punctuation at the ends of words, between spaces."""
    return f" {' '.join(map(_singular, _AT_ENDS.sub(' ', text.casefold()).split()))} "


@lru_cache(maxsize=100_000)
def _singular(word: str) -> str:
    """Return what is left of a word without a plural's ending; roughly, but the same for "ferry" and "ferries"."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, rest in _PLURALS:
        if len(word) > (3 if ending == "s" else len(ending)) and word.endswith(ending):
            return word.removesuffix(ending) + rest
    return word


def statements_of(question: Question, stem: Callable[[str], str] = str) -> list[str]:
    """Return a question with each of its right answers, as ``plain`` does.

    Args:
        question: The question.
        stem: Of its family: returns a question without what sets it off from its answer.
    """
    return [plain(f"{stem(question.prompt)} {question.choices[i]}") for i in _right(question)]


def _right(question: Question) -> list[int]:
    return [i for i in question.gold if 0 <= i < len(question.choices)]


class Told:
    """Texts in plain words, and which of them hold the words of what is looked for.

    Args:
        texts: The texts.
        asked: All that will be looked for, in plain words.
    """

    def __init__(self, texts: Iterable[Named], asked: Iterable[str]) -> None:
        self._texts = [(name, plain(text)) for name, text in texts]
        self._holders: dict[str, list[int]] = {word: [] for part in asked for word in part.split()}
        for place, (_, text) in enumerate(self._texts):
            for word in self._holders.keys() & set(text.split()):
                self._holders[word].append(place)

    def holder(self, parts: Iterable[str]) -> str | None:
        """Return what the first text is called that holds one of the parts, word for word; None where none does."""
        for part in parts:
            # A part without words stands in any text; else it can stand only where its rarest word does.
            everywhere = range(len(self._texts))
            places: Sequence[int] = min((self._holders[word] for word in part.split()), key=len, default=everywhere)
            if (found := next((place for place in places if part in self._texts[place][1]), None)) is not None:
                return self._texts[found][0]
        return None


def verbatim(
    questions: Sequence[Question], texts: Iterable[Named], stem: Callable[[str], str] = str
) -> Iterator[tuple[Question, int, str]]:
    """Yield each question that stands in a text with a right answer, the place of this answer, and what the text is called.

    Args:
        questions: What is asked.
        texts: Where to look.
        stem: As in ``statements_of``.
    """
    stated = [statements_of(question, stem) for question in questions]
    told = Told(texts, (statement for statements in stated for statement in statements))
    for question, statements in zip(questions, stated, strict=True):
        for place, statement in zip(_right(question), statements, strict=True):
            if (name := told.holder([statement])) is not None:
                yield question, place, name
