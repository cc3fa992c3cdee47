"""Proofs of the codebooks, from the text of the documents alone.

"In the femp code, glon wost is written as trune bilk." is read as ``("femp", ("glon", "wost"), ("trune", "bilk"))``.
Definitions (texts of one word) make the codes; every question and every message must agree with them, word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from icl_ft_plugin.families.blocks import faults
from icl_ft_plugin.families.codebook.wordings import DOCUMENTS, INFERENCES, TESTS
from icl_ft_plugin.families.proof import disagreements
from icl_ft_plugin.schema import World

Statement = tuple[str, tuple[str, ...], tuple[str, ...]]
Codes = dict[str, dict[str, str]]
ASKED = tuple(f"{wording} {{{'plain' if back else 'code'}}}." for back, bank in TESTS.items() for wording in bank)
ALL = (*DOCUMENTS, *INFERENCES[False], *INFERENCES[True], *ASKED)


def pattern(wordings: Iterable[str]) -> re.Pattern[str]:
    """Return what reads sentences in some wordings, whatever the case of letters, without the full stop."""
    forms = []
    for i, wording in enumerate(wordings):
        form = re.escape(wording.removesuffix("."))
        for part, words in (("book", r"\w+"), ("plain", r"\w+(?: \w+)?"), ("code", r"\w+(?: \w+)?")):
            form = form.replace(rf"\{{{part}\}}", f"(?P<{part}{i}>{words})")
        forms.append(form)
    return re.compile("|".join(forms), re.IGNORECASE)


def statement(match: re.Match[str]) -> Statement:
    """Return what a match of ``pattern`` states."""
    said = {name.rstrip("0123456789"): text for name, text in match.groupdict().items() if text is not None}
    return said["book"], tuple(said["plain"].split()), tuple(said["code"].split())


STATED = pattern(DOCUMENTS)
QUESTIONS = pattern(ASKED)


def statements(world: World) -> Iterator[tuple[str, Statement]]:
    """Yield what each document states, with the document's id; a sentence that cannot be read states nothing."""
    for document in world.documents:
        for sentence in document.sentences:
            if match := STATED.fullmatch(sentence.removesuffix(".")):
                yield document.id, statement(match)


def codes_of(world: World) -> Codes:
    """Return the codes that the definitions make: plain word to code word, by code."""
    codes: Codes = {}
    for _, (book, plain, code) in statements(world):
        if len(plain) == len(code) == 1:
            codes.setdefault(book, {}).setdefault(plain[0], code[0])
    return codes


def holds(codes: Codes, said: Statement) -> bool:
    """Tell whether a text is written so, word by word."""
    book, plain, code = said
    return tuple(codes.get(book, {}).get(word, "") for word in plain) == code


def answers(world: World) -> dict[str, frozenset[int]]:
    """Return, by question id, the choices that follow from the documents."""
    codes = codes_of(world)
    found = {}
    for q in world.questions:
        read = [QUESTIONS.fullmatch(f"{q.prompt} {choice}".removesuffix(".")) for choice in q.choices]
        found[q.id] = frozenset(i for i, match in enumerate(read) if match and holds(codes, statement(match)))
    return found


def check(world: World) -> list[str]:
    """Prove every gold, refute every distractor, and check the design of the family.

    Args:
        world: A world of codebooks.

    Returns:
        One message per violation; empty when all is proved.
    """
    codes = codes_of(world)
    stated = list(statements(world))
    messages = [*disagreements(world, answers(world)), *faults(world)]
    n_read = {document.id: 0 for document in world.documents}
    for id, said in stated:
        n_read[id] += 1
        if not holds(codes, said):
            messages.append(f"{id}: {said} contradicts a definition")
    messages += [f"{d.id}: a sentence cannot be read" for d in world.documents if n_read[d.id] != len(d.sentences)]
    for book, code in codes.items():
        if len(set(code.values())) < len(code):
            messages.append(f"code {book}: two words are written alike")
    return messages + list(_design(world, [said for _, said in stated]))


def _design(world: World, stated: list[Statement]) -> Iterator[str]:
    """Check what stands in messages: what is asked does not, words that are held out do not, the others do."""
    sent = [said for said in stated if len(said[1]) > 1]
    used = {(book, word) for book, plain, _ in sent for word in plain}
    for q in world.questions:
        if q.split in ("rephrase", "reversal"):
            continue
        match = QUESTIONS.fullmatch(f"{q.prompt} {q.choices[q.gold[0]]}".removesuffix("."))
        if match is None:
            continue  # which is told already: the gold does not follow
        book, plain, code = statement(match)
        if (book, plain, code) in sent:
            yield f"{q.id}: the message stands in a document"
        in_use = [(book, word) in used for word in plain]
        if any(in_use) if q.split.endswith("holdout") else not all(in_use):
            yield f"{q.id}: its words are used in messages: {in_use}, which does not fit split {q.split}"
