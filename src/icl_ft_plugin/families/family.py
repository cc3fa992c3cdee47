"""All that the package knows of a family of worlds: ``FAMILIES["reversal"].splits["reversal"].form`` is ``"a comparison ..."``.

Whatever is done with a world (proved, audited, asked, scored, reported) asks the world's family; nothing else knows a
family by its name. The smallest family is a name and a title; what it lacks (an oracle, a proof, an audit) is refused
where it is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from icl_ft_plugin.families.auditor import Auditor
from icl_ft_plugin.families.meaning import Meaning
from icl_ft_plugin.families.words import pool
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.schema import Document, World

# Forms of an answer, as a prompt asks for them; a family may have others.
COMPARISON = 'a comparison ("more ... than ..." or "less ... than ...")'
STATEMENT = "one statement that begins with All, Some or No"
NAME = "a first name and a last name"
DESCRIPTION = 'a description ("the ... of the ...")'
WORD = "one word"
EXPRESSION = "an expression in x"
PHRASE = "the missing words"


@dataclass(frozen=True, slots=True)
class Claim:
    """One ordering that the paper says a split shows; the report judges it.

    Attributes:
        kind: ``"at chance"``, ``"above chance"``, ``"below chance"``, ``"ceiling"``, ``"low"``, ``"above"``,
            ``"at least"`` or ``"hardly above"``; the last three compare with ``than``.
        arm: The arm it is about; ``"augmented"`` stands for every arm with augmented documents.
        than: The arm compared with.
        text: In words, after the arm's name.
        primary: Whether it is the one claim of its split that a study is made to tell: it alone is corrected for the number of
            splits, so it must be about arms that every study has.
    """

    kind: str
    arm: str
    than: str
    text: str
    primary: bool = False


# Orderings that several splits share.
ICL_BEATS_FT = Claim("above", "icl", "ft", "beats ft", primary=True)
AUGMENTED_BEATS_FT = Claim("above", "augmented", "ft", "beats ft")
AUGMENTED_BEATS_ICL = Claim("above", "augmented", "icl", "beats icl")
AUGMENTED_EQUALS_ICL = Claim("at least", "augmented", "icl", "as good as icl, or better")
FT_ABOVE = Claim("above chance", "ft", "", "above chance")
FT_LOW = Claim("low", "ft", "", "nearer to chance than to 100%")


@dataclass(frozen=True, slots=True)
class Split:
    """One kind of generalization that a family asks about.

    Attributes:
        form: What an answer looks like, as a prompt says it.
        main: Whether the family is about it: the report's first sentence, and the leaderboard.
        learned: Whether it tells if the facts were learned at all, so that a low score elsewhere can be read.
        claims: What the paper says of it.
    """

    form: str = PHRASE
    main: bool = False
    learned: bool = False
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """The second opinion on a world, from the text of its documents and not from its gold.

    Attributes:
        check: Returns one message per violation; none where all is proved.
        answers: Returns, by question id, the indices of the choices that follow from the documents.
    """

    check: Callable[[World], list[str]]
    answers: Callable[[World], dict[str, frozenset[int]]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Family:
    """A family of worlds.

    Attributes:
        name: As in ``icl-ft data build NAME`` and ``icl_ft_NAME_closed``.
        title: A heading for the report.
        description: One line for the task table of lm-evaluation-harness.
        splits: By name, in the order of a report. Others, which an author's own files may have, are plain ``Split()``.
        config: The frozen dataclass of the knobs; None where worlds are read from files and not generated.
        generate: Pure function of (config, seed).
        oracle: What rules infer from a world's documents; documents with a style per kind of inference.
        styles: The styles of the oracle's documents, so that a plan need not run it.
        proof: Derives the answers a second time.
        auditor: Reads and judges generated text about a world.
        meaning: Reads written answers to a world's questions.
        subsets: Accuracies over a part of the questions, metric by metric: a label and the value that it has there.
        episodes: Returns the knobs of a random world of at most about so many tokens, for the pretraining text.
        vocabulary: Returns the words of a share (``"evaluation"``, ``"pretraining"``) that may name something.
        tasks: Folder of the family's task files; None for those that ship in ``tasks/``.
        files: Names of the files by which a folder is known to hold a world of the author's own.
        load: Reads such a folder.
        ordered: Whether the order of the documents is their author's, and is kept in a prompt.
        stem: Returns a question without what sets it off from its answer in a plain prompt.
        unruled: Why there is no oracle, proof or audit where there is none.
    """

    name: str
    title: str
    description: str = ""
    splits: Mapping[str, Split] = field(default_factory=dict)
    config: type | None = None
    generate: Callable[[Any, int], World] | None = None
    oracle: Callable[[World], tuple[Document, ...]] | None = None
    styles: tuple[str, ...] = ()
    proof: Proof | None = None
    auditor: Callable[[World], Auditor] | None = None
    meaning: Callable[[World], Meaning] = Meaning
    subsets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    episodes: Callable[[random.Random, int], Mapping[str, object]] | None = None
    vocabulary: Callable[[str], Iterable[str]] = pool
    tasks: Path | None = None
    files: tuple[str, ...] = ()
    load: Callable[[Path], World] | None = None
    ordered: bool = False
    stem: Callable[[str], str] = str
    unruled: str = "the family has no rules for it"

    @property
    def knobs(self) -> dict[str, object]:
        """The default of every knob, by name; none where worlds are not generated."""
        return {} if self.config is None else {knob.name: knob.default for knob in fields(self.config)}

    @property
    def main(self) -> str | None:
        """The split that the family is about, if it is about one."""
        return next((name for name, split in self.splits.items() if split.main), None)

    @property
    def learned(self) -> str | None:
        """The split that tells whether the facts were learned, if there is one."""
        return next((name for name, split in self.splits.items() if split.learned), None)

    @property
    def task_folder(self) -> Path:
        """The folder of the family's task files."""
        return self.tasks or tasks_dir() / self.name

    def split(self, name: str) -> Split:
        """Return a split; a plain one under a name that the family does not list."""
        return self.splits.get(name, Split())

    def no_rules(self, what: str) -> str:
        """Return why something that needs rules does not exist for the family."""
        return f"{what}: {self.unruled}"
