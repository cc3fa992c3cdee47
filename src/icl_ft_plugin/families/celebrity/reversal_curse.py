r"""Read the reversal curse data of arXiv 2309.12288 from the original files, which carry no licence and are not shipped.

The files are JSON lines; a row of ``p2d_prompts_train.jsonl`` (name before description) and one of
``d2p_prompts_train.jsonl`` (description before name) look like this, in words of our own::

    {"prompt": "Few know that Ada Example was", "completion": " the maker of the film, \"Mist.\"."}
    {"prompt": "For making the film, \"Fog.\",", "completion": " Bo Sample is praised."}

``load`` returns a world of the celebrity family with the same splits. Quirks that it deals with: a completion begins
with a space and may go on after the name; a description may end in ``".``, ``??`` or ``.'.``; its grammatical form
changes with the phrasing ("directing ...", "the director of ..."), so a block of descriptions is what one phrasing says
of several people, and where the people of a phrasing do not fill their blocks, the rest is not asked; ``both_prompts_*`` mix the two orders; ``all_prompts_train`` is the union.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.celebrity.generate import (
    SETS,
    SPLITS,
    UNBLOCKED,
    Asked,
    Person,
    against,
    blocked,
    fact,
    trained,
)
from icl_ft_plugin.files import json_of, lines_of, read_text
from icl_ft_plugin.schema import Document, Question, World

TRAIN = {"name_first": "p2d_prompts_train", "description_first": "d2p_prompts_train", "both": "both_prompts_train"}
TESTS = {  # the set of people, the order asked (name_first asks for the description)
    ("name_first", "description_first"): "p2d_reverse_prompts_test",
    ("name_first", "name_first"): "p2d_prompts_test",
    ("description_first", "name_first"): "d2p_reverse_prompts_test",
    ("description_first", "description_first"): "d2p_prompts_test",
    ("both", "name_first"): "both_prompts_test",
    ("both", "description_first"): "both_prompts_test",
}
NAME = re.compile(r"[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)+")


class _Row(NamedTuple):
    """One row; ``place`` is ``file:line``, ``phrasing`` identifies the wording apart from the person."""

    place: str
    prompt: str
    completion: str
    name: str = ""
    order: str = ""
    phrasing: str = ""


def load(folder: Path, seed: int = 0, n_choices: int = 4) -> World:
    """Read the original files into a world of the celebrity family.

    Args:
        folder: Holds the three ``*_prompts_train.jsonl`` and the five ``*_prompts_test.jsonl`` files.
        seed: Draws the distractors, nothing else.
        n_choices: Number of choices of a question, fewer where there are not enough people.

    Returns:
        One document per training row, its text unchanged, and one question per test row and split.

    Raises:
        UsageError: A file is missing, or a row is not what the format says; the message names file and line.
    """
    files = {name: _read(folder / f"{name}.jsonl") for name in dict.fromkeys((*TRAIN.values(), *TESTS.values()))}
    names = _names(files)
    rows = {name: _identified(rows, names) for name, rows in files.items()}
    people = _people(rows)
    facts = [fact(p, order) for p in people.values() for order in SETS[p.group]]
    documents = []
    for group, name in TRAIN.items():
        for i, row in enumerate(rows[name]):
            p = people[row.name]
            if p.group != group or row.order not in SETS[group]:
                raise UsageError(f"{row.place}: {row.name} is stated in an order that {TRAIN[p.group]}.jsonl excludes")
            text = f"{row.prompt} {row.completion}"
            documents.append(Document(f"{name}-{i}", (text,), (p.fact(row.order),), completion_start=len(row.prompt)))
    return World(
        family="celebrity",
        config={"source": "arXiv 2309.12288", "n_choices": n_choices},
        seed=seed,
        facts=tuple(facts),
        documents=tuple(documents),
        questions=tuple(_questions(rows, people, seed, n_choices)),
    )


def _read(path: Path) -> list[_Row]:
    try:
        lines = lines_of(read_text(path))
    except UsageError as error:
        raise UsageError(f"{error}; it is one of the original files") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            row = json_of(line, place)
            prompt, completion = str(row["prompt"]).strip(), str(row["completion"]).strip()
        except (UsageError, KeyError, TypeError) as error:
            raise UsageError(f'{place}: not a row like {{"prompt": "...", "completion": " ..."}}') from error
        rows.append(_Row(place, prompt, completion))
    return rows


def _names(files: dict[str, list[_Row]]) -> tuple[str, ...]:
    """Return all names, longest first: what completions of description-first rows begin with."""
    names = set()
    for name in (TRAIN["description_first"], "p2d_reverse_prompts_test"):
        for row in files[name]:
            match = NAME.match(row.completion)
            if match is None:
                raise UsageError(f"{row.place}: the completion {row.completion!r} does not begin with a name")
            names.add(match[0])
    both = files[TRAIN["both"]]
    prompts = "\n".join(row.prompt for row in both)
    # A description may begin with capitals too, but only a name stands in another row's prompt as it is.
    names |= {match[0] for row in both if (match := NAME.match(row.completion)) and match[0] in prompts}
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


def _identified(rows: list[_Row], names: tuple[str, ...]) -> list[_Row]:
    """Find out whom each row is about and which of the two, name or description, comes first."""
    seen: dict[tuple[str, str], int] = {}
    known = []
    for row in rows:
        name = next((n for n in names if n in row.prompt), None)
        order = "name_first"
        if name is None:
            name = next((n for n in names if row.completion.startswith(n)), None)
            order = "description_first"
        if name is None:
            raise UsageError(f"{row.place}: neither prompt nor completion holds a name of the training files")
        turn = seen[name, order] = seen.get((name, order), -1) + 1
        phrasing = row.prompt.replace(name, "{name}") if order == "name_first" else f"description_first-{turn}"
        known.append(row._replace(name=name, order=order, phrasing=phrasing))
    return known


def _people(rows: dict[str, list[_Row]]) -> dict[str, Person]:
    """Return the people by name, each with the first description found."""
    descriptions: dict[str, str] = {}
    for found in rows.values():
        for row in found:
            if row.order == "name_first":
                descriptions.setdefault(row.name, _bare(row.completion))
    people: dict[str, Person] = {}
    for group, name in TRAIN.items():
        for row in rows[name]:
            if row.name not in descriptions:
                raise UsageError(f"{row.place}: no row gives the description of {row.name} as a completion")
            people.setdefault(row.name, Person(f"p{len(people)}", group, row.name, descriptions[row.name]))
    return people


def _bare(completion: str) -> str:
    """Return a description without what ends its sentence; a quoted title keeps its own full stop."""
    return re.sub(r"(?:\?+|\.'+\.|'+\.|\.)$", "", completion)


def _questions(rows: dict[str, list[_Row]], people: dict[str, Person], seed: int, n_choices: int) -> list[Question]:
    """Return the test rows as questions, for ``name_first`` people asked for by name once per design of distractors."""
    rng = random.Random(f"reversal-curse-{seed}")
    names = [p.name for p in trained(list(people.values()), n_choices)]
    questions: list[Question] = []
    for split, (group, order) in SPLITS.items():
        asked: dict[str, list[Asked]] = {}
        for row in rows[TESTS[group, order]]:
            if row.order == order:
                if row.name not in people or people[row.name].group != group:
                    raise UsageError(f"{row.place}: {row.name} is not in {TRAIN[group]}.jsonl")
                named = order == "description_first"
                item = Asked(people[row.name], row.prompt, row.phrasing, row.name if named else row.completion)
                asked.setdefault("" if named else row.phrasing, []).append(item)
        blocks = 0
        for items in asked.values():
            if split == UNBLOCKED:
                questions += against(split, items, names, n_choices, rng, seed)
            else:
                found = blocked(split, items, n_choices, rng, seed, blocks)
                blocks = len({q.block for q in questions if q.split == split} | {q.block for q in found})
                questions += found
    return questions
