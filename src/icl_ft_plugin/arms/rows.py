"""From an arm's corpus to the rows that TRL trains on: documents and statements, split or transformed.

For example ``training_rows(world, arm.corpus, {"local": rows}, splitting="independent")`` gives one ``{"text": ...}`` a
sentence, those of the world's own documents first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from icl_ft_plugin.arms.arm import GENERATED
from icl_ft_plugin.arms.splitting import Row, SplitLoss, Splitting, split_documents, split_text
from icl_ft_plugin.arms.transforms import Transform, transform
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.schema import Document, World

Loss = Literal["full", "completion"]
DOCUMENTS = "documents"
Keep = Callable[[World, Sequence[str]], Sequence[bool]]


def training_documents(world: World, parts: Sequence[str] = (DOCUMENTS,)) -> list[Document]:
    """Return the documents of a corpus made of the named parts.

    Args:
        world: The world.
        parts: ``"documents"`` for the world's own, and styles of the family's oracle (``"rephrase"``,
            ``"reversal"``, ``"chain"``) for rule-based augmentations.

    Raises:
        UsageError: A part that the family does not have.
    """
    if world.family == own.FAMILY and (rules := set(parts) - {DOCUMENTS}):
        raise UsageError(own.no_rules(f"corpus part {min(rules)!r}"))
    inferred = family_of(world.family).oracle(world) if set(parts) - {DOCUMENTS} else ()
    known = {DOCUMENTS, *(document.style for document in inferred)}
    for part in parts:
        if part not in known:
            raise UsageError(
                f"corpus part {part!r} does not exist in {world.family}; it has {', '.join(sorted(known))}"
            )
    stated = list(world.documents) if DOCUMENTS in parts else []
    return stated + [document for document in inferred if document.style in parts]


def training_rows(
    world: World,
    parts: Sequence[str] = (DOCUMENTS,),
    generated: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    loss: Loss = "full",
    splitting: Splitting = "none",
    split_loss: SplitLoss = "target",
    rival: Transform | None = None,
) -> list[Row]:
    """Return an arm's training rows.

    Args:
        world: The world.
        parts: Names of its own parts (see ``corpus.training_documents``), ``"local"`` and ``"global"``.
        generated: The statements of each generated part.
        loss: ``"full"`` or ``"completion"``; statements have no stem of their own and bear the loss in full.
        splitting: See ``splitting``.
        split_loss: See ``splitting``.
        rival: See ``transforms``.

    Returns:
        Rows of one form, ``{"text"}`` or ``{"prompt", "completion"}``.

    Raises:
        UsageError: A part does not exist or was not generated, or two of the settings exclude one another.
    """
    check_form(loss, splitting, rival)
    documents = training_documents(world, [part for part in parts if part not in GENERATED])
    for part in parts:
        if part in GENERATED:
            if part not in generated:
                raise UsageError(
                    f"corpus part {part!r} is written by a model; make it with `icl-ft augment` or a study"
                )
            documents += statements_as_documents(part, generated[part])
    if rival:
        return transform(world, documents, rival)
    if loss == "completion":
        return [{"prompt": d.text[: d.completion_start], "completion": d.text[d.completion_start :]} for d in documents]
    return split_documents(documents, splitting, split_loss)


def check_form(loss: str, splitting: str, rival: str | None) -> None:
    """Refuse settings of an arm that cannot hold together.

    Raises:
        UsageError: More than one of loss, splitting and transform is set.
    """
    given = [
        f"{key}: {value}"
        for key, value, usual in (("loss", loss, "full"), ("splitting", splitting, "none"), ("transform", rival, None))
        if value != usual
    ]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude one another: each decides what a training row is; keep one")


def statements_as_documents(part: str, statements: Sequence[str]) -> list[Document]:
    """Return generated statements as documents, so that they can be split like the world's own."""
    return [
        Document(f"{part}-{number}", tuple(split_text(statement)), (), style=part)
        for number, statement in enumerate(statements)
    ]
