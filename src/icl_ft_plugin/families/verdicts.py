"""What the audit says of one statement: "glon are less dangerous than femp" is entailed, reversed, at depth 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Label = Literal["entailed", "contradicted", "unsupported", "unparsed"]
LABELS: tuple[Label, ...] = ("entailed", "contradicted", "unsupported", "unparsed")
INFERENCES = ("restated", "reversed", "chained", "inherited", "applied")
Unit = tuple[str, ...]


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
