"""From an arm's corpus to the rows that TRL trains on: documents and statements, split or transformed.

For example ``training_rows(world, arm.corpus, {"local": rows}, splitting="independent")`` gives one ``{"text": ...}`` a
sentence, those of the world's own documents first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from icl_ft_plugin.arms.splitting import Row, SplitLoss, Splitting, split_documents, split_text
from icl_ft_plugin.arms.transforms import Transform, transform
from icl_ft_plugin.augment.settings import GENERATED
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import Document, KnowledgeSet
from icl_ft_plugin.worlds.corpus import Loss, training_documents

Keep = Callable[[KnowledgeSet, Sequence[str]], Sequence[bool]]


def training_rows(
    world: KnowledgeSet,
    parts: Sequence[str],
    generated: Mapping[str, Sequence[str]],
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
