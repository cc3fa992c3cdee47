"""The part of an audit that all families share: cutting text into sentences, and what must not be read as stated.

"It is not true that femp are more dangerous than glon." holds a statement of the world's forms, and does not state it:
a sentence that negates, asks or doubts is unread, except for frames of the world such as "There is no doubt that ...".
A question with its answer is read as what the two state (``pairs``), or is one that is unread.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple

from icl_ft_plugin.families import pairs

Label = Literal["entailed", "contradicted", "unsupported", "unparsed"]
LABELS: tuple[Label, ...] = ("entailed", "contradicted", "unsupported", "unparsed")
INFERENCES = ("restated", "reversed", "chained", "inherited", "applied")
Unit = tuple[str, ...]

MAX_QUOTED = 200
ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
NEGATES_NEXT = re.compile(
    r"\b(?:not|no(?! doubt)|never|none|nobody|nothing|neither|nor|cannot|without|false|untrue|wrong|unless|if|whether"
    r"|hardly|few|some|only)\b|n['’]t\b"
)
NEGATES_LAST = re.compile(r"\b(?:not|never|false|untrue|wrong|unless|if)\b|n['’]t\b")
ASKS = re.compile(r"(?:is|are|was|do|does|did|can|could|would|will|should|what|which|who|whose|whom|how|why|when)\b")
TITLE = re.compile(r"[\w ]{1,20}:\s+")  # In front of a sentence, as "Follows:" in a prompt.
TELLS = re.compile(r"did you (?:know|hear)\b|is it not\b")


class Way(NamedTuple):
    """How something follows: the inference as questions name it, and the number of its steps."""

    inference: str
    depth: int


class Judgement(NamedTuple):
    """What a world says of one claim.

    Attributes:
        label: Whether it follows, is refuted, or neither.
        way: How it follows; None where it does not.
        covers: What of the world's closure it states.
    """

    label: Label
    way: Way | None = None
    covers: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One statement of a generated text, or one sentence in which none could be read.

    Attributes:
        text: Index of the text.
        statement: The words read, in lower case and without what frames them (a preamble, a list's dash); for an
            unparsed sentence its beginning.
        label: ``"entailed"``: it follows from the documents; ``"contradicted"``: what they say refutes it;
            ``"unsupported"``: neither; ``"unparsed"``: no form of the world was read.
        inference: How it follows: ``"restated"``, ``"reversed"``, ``"chained"``, ``"inherited"`` or ``"applied"``.
        depth: Number of inference steps; 0 where a document states it in this direction.
        new_words: Whether these words stand in no document of the world, whatever their case.
        covers: What of the world's closure it states; see ``Auditor.closure``.
        foreign: Whether an unparsed sentence has a form of the world, in words that only in part are the world's.
    """

    text: int
    statement: str
    label: Label
    inference: str | None = None
    depth: int | None = None
    new_words: bool = True
    covers: tuple[Unit, ...] = ()
    foreign: bool = False

    @property
    def new_fact(self) -> bool:
        """Whether no document states it, in these or other words, in this direction."""
        return self.depth != 0


class Auditor(ABC):
    """Reads and judges statements of one world.

    Attributes:
        closure: The finite part of what follows from the documents that coverage is taken of, and how each unit follows.
        frames: Texts around statements that do not turn their meaning though they hold a word that often does.
    """

    closure: Mapping[Unit, Way]
    frames: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._known: set[str] = set()

    @abstractmethod
    def parse(self, sentence: str) -> Iterable[tuple[str, tuple[int, int], Hashable]]:
        """Return the statements in a sentence: their words, where they stand, and the claim."""

    @abstractmethod
    def judge(self, claim: Any) -> Judgement:
        """Judge a claim that ``parse`` returned."""

    def sentences(self, text: str) -> Iterator[str]:
        """Yield the sentences of a text, in lower case, with single spaces."""
        for sentence in ENDS.split(text.lower()):
            yield " ".join(sentence.split())

    def states_nothing(self, sentence: str) -> bool:
        """Tell whether a sentence is a frame of the world's documents, e.g. a title, that states nothing."""
        return False

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence in which nothing is read has a form of the world, but not all words of the world."""
        return False

    def read(self, text: str) -> Iterator[tuple[str, Hashable | None]]:
        """Yield (words, claim) of every statement; the claim is None for a sentence, or a pair, in which none can be read."""
        for part in pairs.cut(text):
            if isinstance(part, str):
                yield from self._plainly(part)
                continue
            readings = (list(self._plainly(stated)) for stated in pairs.statements(*part))
            unread = [(pairs.written(*part).lower()[:MAX_QUOTED], None)]
            yield from next((each for each in readings if any(claim is not None for _, claim in each)), unread)

    def _plainly(self, text: str) -> Iterator[tuple[str, Hashable | None]]:
        for sentence in self.sentences(text):
            found = sorted(self.parse(sentence), key=lambda item: item[1])
            asserted = self._asserted(sentence, [span for _, span, _ in found])
            for (words, _, claim), holds in zip(found, asserted, strict=True):
                yield (words, claim) if holds else (sentence[:MAX_QUOTED], None)
            if (
                not found
                and any(map(str.isalpha, sentence))
                and not self.states_nothing(TITLE.sub("", sentence, count=1))
            ):
                yield sentence[:MAX_QUOTED], None

    def audit(self, texts: Iterable[str]) -> Iterator[Verdict]:
        """Yield at least one verdict per text."""
        for i, text in enumerate(texts):
            found = list(self.read(text)) or [(text.strip()[:MAX_QUOTED], None)]
            for words, claim in found:
                if claim is None:
                    yield Verdict(i, words, "unparsed", foreign=self.foreign(words))
                else:
                    label, way, covers = self.judge(claim)
                    inference, depth = way or (None, None)
                    yield Verdict(i, words, label, inference, depth, words not in self._known, covers)

    def learn(self, texts: Iterable[str]) -> None:
        """Take note of the words of all statements in the world's documents, so that others are new."""
        self._known.update(words for text in texts for words, claim in self.read(text) if claim is not None)

    def _asserted(self, sentence: str, spans: list[tuple[int, int]]) -> list[bool]:
        if not spans:
            return []
        edges = [0, *(edge for span in spans for edge in span), len(sentence)]
        gaps = [sentence[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
        if sentence.endswith("?") and ASKS.match(sentence) and not TELLS.match(sentence):
            return [False] * len(spans)
        for frame in self.frames:
            gaps = [gap.replace(frame, "") for gap in gaps]
        return [not (NEGATES_NEXT.search(before) or NEGATES_LAST.search(after)) for before, after in pairwise(gaps)]
