"""From the parts of an arm's corpus to the rows that TRL trains on.

For example ``training_rows(world, arm.corpus, {"local": texts}, rows="sentences")`` gives one ``{"text": ...}`` a
sentence, those of the world's own documents first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from icl_ft_plugin.arms.arm import Arm, is_written
from icl_ft_plugin.arms.partial import Part, check_divisible
from icl_ft_plugin.arms.questions import has_names, questions
from icl_ft_plugin.arms.rows import ROWS, Row
from icl_ft_plugin.arms.splitting import split_text
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import Family, family_of
from icl_ft_plugin.families.pairs import pair_of
from icl_ft_plugin.schema import Document, World

DOCUMENTS = "documents"
ORACLE = "oracle"


def check_parts(family: Family, parts: Sequence[str]) -> None:
    """Refuse parts that no world of the family has.

    Raises:
        UsageError: One is neither ``"documents"`` nor a style of the family's oracle.
    """
    known = {DOCUMENTS, *family.styles}
    for part in parts:
        if part not in known:
            what = f"corpus part {shown(part)}"
            there = f"{what} does not exist in {family.name}; it has {', '.join(sorted(known))}"
            raise UsageError(there if family.oracle else family.no_rules(what))


def corpus_parts(world: World, arm: Arm) -> list[str]:
    """Return the parts an arm trains on, with ``"oracle"`` spelt out in the styles that the family's oracle has.

    Raises:
        UsageError: The family has no such part.
    """
    if not arm.corpus:
        return []
    family, place = family_of(world.family), f"arm {shown(arm.name)}"
    if family.oracle is None and ORACLE in arm.corpus:
        raise UsageError(f"{place}: {family.no_rules(f'corpus part {shown(ORACLE)}')}")
    if family.auditor is None and arm.keep == "entailed":
        raise UsageError(f"{place}: {family.no_rules('keep: entailed')}")
    if arm.method == "sdft" and not any(fact.arguments for fact in world.facts):
        raise UsageError(
            f"{place}: method: sdft continues names, and the documents have none (no runs of capitalized words)"
        )
    parts = [part for name in arm.corpus for part in (family.styles if name == ORACLE else [name])]
    try:
        check_parts(family, [part for part in parts if not is_written(part)])
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    if ROWS[arm.rows] is questions and not (set(parts) - {DOCUMENTS} and has_names(world)):
        raise UsageError(
            f"{place}: rows: {arm.rows}: asks for names in what was inferred, and "
            + ("the facts have none" if set(parts) - {DOCUMENTS} else "the corpus has documents and no inferences")
        )
    if arm.inferred < 100:
        if set(parts) == {DOCUMENTS}:
            raise UsageError(f"{place}: inferred: {arm.inferred}: the corpus has documents and no inferences")
        check_divisible(world, place)
    return list(dict.fromkeys(parts))


def training_documents(world: World, parts: Sequence[str] = (DOCUMENTS,)) -> list[Document]:
    """Return the documents of a corpus made of the named parts.

    Args:
        world: The world.
        parts: ``"documents"`` for the world's own, and styles of the family's oracle (``"rephrase"``,
            ``"reversal"``, ``"chain"``) for rule-based augmentations.

    Raises:
        UsageError: A part that the family does not have.
    """
    family = family_of(world.family)
    check_parts(family, parts)
    inferred = family.oracle(world) if family.oracle and set(parts) - {DOCUMENTS} else ()
    stated = list(world.documents) if DOCUMENTS in parts else []
    return stated + [document for document in inferred if document.style in parts]


def training_rows(
    world: World,
    parts: Sequence[str] = (DOCUMENTS,),
    generated: Mapping[str, Sequence[str]] = MappingProxyType({}),
    rows: str = "documents",
    inferred: Part | None = None,
) -> list[Row]:
    """Return an arm's training rows.

    Args:
        world: The world.
        parts: Names of its own parts (see ``training_documents``), and of those that are written.
        generated: The statements of each part that is written.
        rows: What a row is: a name of ``ROWS``.
        inferred: Of the facts whose inferences by rule are in the corpus; None: of all.

    Returns:
        Rows of one form, ``{"text"}``, ``{"prompt", "completion"}`` or ``{"messages"}``.

    Raises:
        UsageError: A part does not exist or was not generated.
    """
    documents = training_documents(world, [part for part in parts if not is_written(part)])
    if inferred:
        styles = family_of(world.family).styles
        found = (inferred.of_document(each) if each.style in styles else each for each in documents)
        documents = [document for document in found if document]
    for part in parts:
        if is_written(part):
            if part not in generated:
                raise UsageError(
                    f"corpus part {shown(part)} is written by a model; make it with `icl-ft augment` or a study"
                )
            documents += statements_as_documents(part, generated[part])
    return ROWS[rows](world, documents)


def statements_as_documents(part: str, statements: Sequence[str]) -> list[Document]:
    """Return generated statements as documents, so that they can be split like the world's own."""
    return [
        Document(f"{part}-{number}", tuple(split_text(statement)), (), _answer_in(statement), part)
        for number, statement in enumerate(statements)
    ]


def _answer_in(text: str) -> int:
    """Return where the answer begins in a question with its answer; 0 in another text."""
    pair = pair_of(text)
    return len(text) - len(f" {pair[1]}") if pair else 0
