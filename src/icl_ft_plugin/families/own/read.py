r"""Own documents: a folder of two JSON-lines files is a world (``docs/own-documents.md``).

``documents.jsonl`` holds one document a line, ``questions.jsonl`` one question a line::

    {"id": "desks", "text": "The Lantern Desk is led by Mirela Voss. It answers to the Keel Office."}
    {"question": "Mirela Voss leads", "choices": ["the Lantern Desk", "the Quarry Desk"], "answer": "the Lantern Desk",
     "split": "reversal", "evidence": ["desks"]}

``read`` explains everything that is wrong, by file, line and field; ``load`` returns the world or refuses it. What such
documents entail is known to nobody but their author: there is no closure, hence no oracle, audit or proof.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from icl_ft_plugin.errors import UsageError, listed, suggest
from icl_ft_plugin.families.own.balance import block_errors
from icl_ft_plugin.families.own.lines import DOCUMENTS, QUESTIONS, Problem, Row, kind, rows
from icl_ft_plugin.families.own.names import names_in
from icl_ft_plugin.schema import Document, Fact, Question, World

__all__ = [
    "DOCUMENTS",
    "NAME",
    "QUESTIONS",
    "Problem",
    "Reading",
    "explained",
    "load",
    "prompt_of",
    "read",
    "stem_of",
    "world_of",
]

NAME = "own"
MACHINE = "-machine"  # behind the split of questions that a model has written


@dataclass(slots=True)
class Reading:
    """What a folder holds, as far as it can be read.

    Attributes:
        documents: The sound ones, by line.
        questions: The sound ones, by line.
        problems: Everything else that is to be said.
    """

    documents: dict[int, Document] = field(default_factory=dict)
    questions: dict[int, Question] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """The problems for which the folder cannot be used."""
        return [problem for problem in self.problems if problem.error]


def load(folder: Path) -> World:
    """Return the world of a folder.

    Raises:
        UsageError: Anything in it cannot be used; the message names the first problems by file, line and field.
    """
    reading = read(folder)
    if errors := reading.errors:
        told = explained(folder, errors)
        if not folder.is_dir():
            raise UsageError(f"{told}\n`icl-ft data example handbook {folder}` writes an example there, to be changed")
        raise UsageError(f"{told}\n`icl-ft data check {folder}` explains all of it")
    return world_of(reading)


def explained(folder: Path, problems: Sequence[Problem]) -> str:
    """Return the first problems of a folder, each with its path."""
    paths = (folder if problem.file == str(folder) else folder / problem.file for problem in problems)
    return listed([str(replace(problem, file=str(path))) for problem, path in zip(problems, paths, strict=True)], 300)


def world_of(reading: Reading) -> World:
    """Return the world of what was read; a document is one fact, about the names in it."""
    documents = tuple(reading.documents.values())
    names = names_in([document.text for document in documents])
    facts = (Fact(d.id, "document", of, d.text) for d, of in zip(documents, names, strict=True))
    return World(NAME, {}, 0, tuple(facts), documents, tuple(reading.questions.values()))


def read(folder: Path) -> Reading:
    """Read a folder and collect every error in it."""
    reading = Reading()
    if not folder.is_dir():
        reading.problems.append(Problem(str(folder), 0, "", "no such folder"))
        return reading
    if (folder / "world.json").exists():
        message = "the folder holds a generated world, no documents of your own; `icl-ft data verify` proves it"
        reading.problems.append(Problem("world.json", 0, "", message))
        return reading
    _read_documents(folder, reading)
    _read_questions(folder, reading)
    return reading


def _read_documents(folder: Path, reading: Reading) -> None:
    taken: dict[str, int] = {}
    for row in rows(folder, DOCUMENTS, reading.problems):
        number, values = row.line, row.row
        id_ = row.id(f"document-{number}", taken)
        taken.setdefault(id_, number)
        sentences: list[str] = []
        if ("text" in values) == ("sentences" in values):
            row.say("text", "give exactly one of text (a string) and sentences (a list of strings)")
        elif "text" in values:
            sentences = _sentences(row.text("text", values["text"]))
        else:
            sentences = row.texts("sentences", 1)
        if row.sound:
            reading.documents[number] = Document(id_, tuple(sentences), (id_,), style="own")


def _sentences(text: str) -> list[str]:
    """Cut a text of one line into sentences that make it up again when they are joined by a space."""
    from sentencex import segment  # type: ignore[import-untyped]

    return [sentence for part in segment("en", text) if (sentence := part.strip())]


def _read_questions(folder: Path, reading: Reading) -> None:
    taken: dict[str, int] = {}
    known = {document.id for document in reading.documents.values()}
    # An id cannot be missed in a file of which a line could not be read.
    complete = not any(problem.file == DOCUMENTS and problem.error for problem in reading.problems)
    for row in rows(folder, QUESTIONS, reading.problems):
        number, values = row.line, row.row
        id_ = row.id(f"question-{number}", taken)
        taken.setdefault(id_, number)
        for key in ("question", "choices", "answer"):
            if key not in values:
                row.say(key, "missing")
        stem = row.text("question", values["question"], one_line=False) if "question" in values else ""
        choices = _choices(row) if "choices" in values else []
        gold = _gold(row, choices) if choices and "answer" in values else ()
        split = _split(row)
        evidence = _evidence(row, known if complete else None)
        labels = _labels(row)
        block = row.text("block", values["block"]) if "block" in values else ""
        if row.sound:
            reading.questions[number] = Question(
                id=id_,
                split=split,
                prompt=prompt_of(stem),
                choices=tuple(choices),
                gold=gold,
                inference="own",
                depth=0,
                proof=evidence,
                clusters={"fact": evidence[0] if evidence else id_, "entity": id_, "template": id_, "world": NAME},
                labels=labels,
                block=block,
            )
    # Of a block whose questions cannot all be read nothing is known.
    if not any(problem.file == QUESTIONS and problem.error for problem in reading.problems):
        reading.problems += block_errors(reading.questions)


def prompt_of(question: str) -> str:
    """Return what a question is asked as: a beginning of a sentence as it stands, a question with room for an answer."""
    return f"Question: {question}\nAnswer:" if question.endswith("?") else question


def stem_of(prompt: str) -> str:
    """Return the question that ``prompt_of`` was given."""
    asked = prompt.endswith("?\nAnswer:") and prompt.startswith("Question: ")
    return prompt.removeprefix("Question: ").removesuffix("\nAnswer:") if asked else prompt


def _choices(row: Row) -> list[str]:
    choices = row.texts("choices", 2)
    seen: dict[str, int] = {}
    for i, choice in enumerate(choices):
        if choice and choice in seen:
            row.say(f"choices[{i}]", f"{choice!r} stands there twice (choices[{seen[choice]}] too)")
        seen.setdefault(choice, i)
    return choices if all(choices) else []


def _gold(row: Row, choices: list[str]) -> tuple[int, ...]:
    """Return the places of the right choices: named by their text, by their index from 0, or by a list of these."""
    value = row.row["answer"]
    gold: list[int] = []
    several = isinstance(value, list)
    for i, answer in enumerate(value if several else [value]):
        key = f"answer[{i}]" if several else "answer"
        if type(answer) is int:
            if not 0 <= answer < len(choices):
                row.say(key, f"{answer} is no index of {len(choices)} choices: they count from 0 to {len(choices) - 1}")
                continue
            place = answer
        elif isinstance(answer, str):
            text = " ".join(answer.split())
            if text not in choices:
                digits = "; an index stands without quotes" if text.isdecimal() else ""
                row.say(key, f"{answer!r} is none of the choices{suggest(text, choices) or digits}")
                continue
            place = choices.index(text)
        else:
            row.say(key, f"{kind(answer)} where the text of a choice or its index (from 0) is needed")
            continue
        if place in gold:
            row.say(key, f"{answer!r} names choices[{place}] a second time")
        gold.append(place)
    if several and not value:
        row.say("answer", "an empty list; at least one choice is right")
    if len(gold) >= len(choices) > 1:
        row.say("answer", "all choices are right; at least one is wrong")
    return tuple(sorted(gold))


def _split(row: Row) -> str:
    """Return the split; what a model has written is never taken for what a person has."""
    value = row.text("split", row.row.get("split", "questions"))
    if value and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", value, re.ASCII):
        row.say("split", f"{value!r}: letters, digits, '_', '-' and '.' only, for it is part of a metric's name")
    if "written_by" in row.row:
        row.text("written_by", row.row["written_by"])
        return value + MACHINE
    return value


def _evidence(row: Row, known: set[str] | None) -> tuple[str, ...]:
    """Return the ids of the documents that a question rests on; the first is the one that it is about."""
    if "evidence" not in row.row:
        return ()
    value = row.row["evidence"]
    ids = [row.text("evidence", value)] if isinstance(value, str) else row.texts("evidence", 1)
    for i, id_ in enumerate(ids):
        key = "evidence" if isinstance(value, str) else f"evidence[{i}]"
        if id_ and known is not None and id_ not in known:
            row.say(key, f"no document has the id {id_!r}{suggest(id_, known)}")
        if id_ in ids[:i]:
            row.say(key, f"{id_!r} stands there twice")
    return tuple(ids)


def _labels(row: Row) -> dict[str, str]:
    value = row.row.get("labels", {})
    if not isinstance(value, dict):
        row.say("labels", f'{kind(value)} where an object is needed, e.g. {{"topic": "rooms"}}')
        return {}
    return {key: row.text(f"labels.{key}", entry) for key, entry in value.items()}
