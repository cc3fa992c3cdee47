"""What looks wrong about own documents though they can be used, and what they are in numbers.

For example ``check(Path("handbook")).lines()``::

    questions.jsonl, line 7, choices: "the only lamp in the hall" is 5 times as long as the shortest choice
    30 documents, 60 questions
    direct: 20 questions, chance 25.0%
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.own.balance import taste_of
from icl_ft_plugin.families.own.read import DOCUMENTS, QUESTIONS, Problem, Reading
from icl_ft_plugin.families.told import Told, plain, statements_of
from icl_ft_plugin.schema import Document, Question

LENGTHS = 3.0  # a choice so many times as long as another is told apart by its length
FEW = 20  # questions of a split below which an interval says little
Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A model's tokenizer and window.

    Attributes:
        model: Its name.
        count: Returns the number of tokens of a text.
        window: Most tokens of a prompt and its answer; None: not known.
    """

    model: str
    count: Count
    window: int | None


@dataclass(frozen=True, slots=True)
class Check:
    """The result.

    Attributes:
        errors: For which the folder cannot be used.
        warnings: What should be looked at.
        summary: Lines on what can be read.
    """

    errors: list[Problem]
    warnings: list[Problem]
    summary: list[str]


def check(folder: Path, tokens: Tokens | None = None) -> Check:
    """Read a folder and look at everything in it.

    Args:
        folder: Of ``documents.jsonl`` and ``questions.jsonl``.
        tokens: Also count tokens, and compare with the model's window.
    """
    reading = own.read(folder)
    warnings = [problem for problem in reading.problems if not problem.error]
    for rule in (_documents, _choices, _stems, _splits):
        warnings += rule(reading)
    told = _told(reading)
    for search in (_verbatim, _evidence):
        warnings += search(reading, told)
    tastes, preferred = taste_of(reading.questions)
    warnings += preferred
    if tokens:
        warnings += _window(reading, tokens)
    places = {DOCUMENTS: 0, QUESTIONS: 1}
    for found in (reading.problems, warnings):
        found.sort(key=lambda problem: (places.get(problem.file, -1), problem.line))
    return Check(reading.errors, warnings, _summary(reading, tastes, tokens))


def _warn(file: str, line: int, field: str, message: str) -> Problem:
    return Problem(file, line, field, message, error=False)


def _documents(reading: Reading) -> Iterator[Problem]:
    """Documents that say the same."""
    seen: dict[str, int] = {}
    for line, document in reading.documents.items():
        text = document.text.lower()
        if text in seen:
            yield _warn(DOCUMENTS, line, "text", f"the same as line {seen[text]}: it is trained on twice")
        seen.setdefault(text, line)


def _told(reading: Reading) -> Told:
    """Return the documents, in which the questions and their choices can be looked for."""
    asked = [text for q in reading.questions.values() for text in (own.stem_of(q.prompt), *q.choices)]
    return Told(((d.id, d.text) for d in reading.documents.values()), map(plain, asked))


def _verbatim(reading: Reading, told: Told) -> Iterator[Problem]:
    """Questions whose statement, or which themselves, stand in a document."""
    for line, q in reading.questions.items():
        if (place := told.holder(statements_of(q, own.stem_of))) is not None:
            yield _warn(
                QUESTIONS,
                line,
                "question",
                f"with its answer it stands word for word in document {place!r}: recalling is enough, nothing is inferred",
            )
        elif (asked := plain(own.stem_of(q.prompt))).count(" ") > 4 and (place := told.holder([asked])) is not None:
            yield _warn(QUESTIONS, line, "question", f"stands word for word in document {place!r}")


def _choices(reading: Reading) -> Iterator[Problem]:
    """Choices that give themselves away by their form."""
    for line, q in reading.questions.items():
        shortest, longest = min(q.choices, key=len), max(q.choices, key=len)
        if len(longest) >= LENGTHS * len(shortest) and len(longest) - len(shortest) > 10:
            yield _warn(
                QUESTIONS,
                line,
                "choices",
                f"{longest!r} is {len(longest) / len(shortest):.0f} times as long as {shortest!r}: likelihood favours the "
                "short; read acc_norm (per character) beside acc",
            )
        ends = Counter(choice[-1] in ".!?" for choice in q.choices)
        if len(ends) > 1:
            yield _warn(QUESTIONS, line, "choices", "some end in a full stop and some do not")
        folded = Counter(choice.lower().rstrip(".!?") for choice in q.choices)
        for choice, times in folded.items():
            if times > 1:
                yield _warn(QUESTIONS, line, "choices", f"{times} of them are {choice!r} but for case or full stop")


def _stems(reading: Reading) -> Iterator[Problem]:
    """Questions that hold their answer, or are asked twice."""
    seen: dict[tuple[str, frozenset[str]], int] = {}
    for line, q in reading.questions.items():
        asked = plain(own.stem_of(q.prompt))
        held = [plain(choice) in asked for choice in q.choices]
        if any(held[i] for i in q.gold):
            yield _warn(QUESTIONS, line, "question", "holds its answer")
        key = (asked, frozenset(q.choices))
        if key in seen:
            yield _warn(QUESTIONS, line, "question", f"the same, with the same choices, as line {seen[key]}")
        seen.setdefault(key, line)


def _splits(reading: Reading) -> Iterator[Problem]:
    """Splits that are small, or in which the place of the answer gives it away."""
    lines: dict[str, list[int]] = {}
    for line, q in reading.questions.items():
        lines.setdefault(q.split, []).append(line)
    for split, of in lines.items():
        questions = [reading.questions[line] for line in of]
        if len(questions) < FEW:
            yield _warn(
                QUESTIONS,
                of[0],
                "split",
                f"{split!r} has only {len(questions)}; with fewer than {FEW} questions an accuracy says little",
            )
        right = Counter(i for q in questions for i in q.gold)
        place, times = right.most_common(1)[0]
        expected = sum(q.chance for q in questions)
        # Two standard deviations of a fair draw, and at least ten questions.
        if len(questions) >= 10 and times > expected + 2 * sum(q.chance * (1 - q.chance) for q in questions) ** 0.5:
            yield _warn(
                QUESTIONS,
                of[0],
                "answer",
                f"in split {split!r} choices[{place}] is right in {times} of {len(questions)} questions, {expected:.0f} would "
                "be even; likelihood does not see the order, but who reads the file does",
            )


def _evidence(reading: Reading, told: Told) -> Iterator[Problem]:
    """Questions without evidence beside some with it, and answers that stand nowhere."""
    named = [q for q in reading.questions.values() if q.proof]
    without = [line for line, q in reading.questions.items() if not q.proof]
    if named and without:
        yield _warn(
            QUESTIONS,
            without[0],
            "evidence",
            f"missing on {len(without)} lines, the first is this; {len(named)} have it: errors are clustered by it",
        )
    for line, q in reading.questions.items():
        if reading.documents and told.holder(plain(q.choices[i]) for i in q.gold) is None:
            answer = q.choices[q.gold[0]]
            yield _warn(QUESTIONS, line, "answer", f"{answer!r} stands in no document; does it follow from them?")


def _window(reading: Reading, tokens: Tokens) -> Iterator[Problem]:
    """Documents that do not fit into the model's window, one alone or all together."""
    if tokens.window is None:
        return
    asked = max((_longest(q, tokens.count) for q in reading.questions.values()), default=0)
    whole = 0
    for line, document in reading.documents.items():
        needed = tokens.count(f"{document.text}\n")
        whole += needed
        if needed + asked > tokens.window:
            yield _warn(
                DOCUMENTS,
                line,
                "text",
                f"{needed} tokens: with a question of up to {asked} it does not fit into the {tokens.window} of {tokens.model}",
            )
    if whole + asked > tokens.window:
        yield _warn(
            DOCUMENTS,
            0,
            "",
            f"all documents and a question take up to {whole + asked} tokens, the window of {tokens.model} is {tokens.window}: "
            f"choose some per question with context_tokens, at most {tokens.window - asked}",
        )


def _longest(q: Question, count: Count) -> int:
    return count(q.prompt) + max(count(f" {choice}") for choice in q.choices) + 2


def _summary(reading: Reading, tastes: list[str], tokens: Tokens | None) -> list[str]:
    documents, questions = list(reading.documents.values()), list(reading.questions.values())
    lines = [
        f"{len(documents)} documents, {sum(len(d.sentences) for d in documents)} sentences, {len(questions)} questions"
    ]
    for split in dict.fromkeys(q.split for q in questions):
        of = [q for q in questions if q.split == split]
        about = len({q.clusters["fact"] for q in of})
        kind = "documents they are about" if any(q.proof for q in of) else "questions, each its own cluster"
        lines.append(f"{split}: {len(of)} questions, chance {100 * fmean(q.chance for q in of):.1f}%, {about} {kind}")
    lines += tastes
    if tokens and documents:
        lines.append(_token_line(documents, tokens))
    return lines


def _token_line(documents: list[Document], tokens: Tokens) -> str:
    sizes = [tokens.count(f"{document.text}\n") for document in documents]
    window = "not known" if tokens.window is None else f"{tokens.window:,}"
    return f"{tokens.model}: {sum(sizes):,} tokens in all documents, {max(sizes):,} in the longest; window {window}"
