r"""From what a model writes to what is trained on: answers are cut into statements, and of these some are chosen.

A statement of the corpus of a world of reversals, as a line of ``corpus.jsonl``::

    {"text": "glon are less dangerous than femp.", "source": "f0-d0", "asked": "femp are more dangerous than glon.",
     "strategy": "local", "prompt": "nano-local/1", "sample": 0,
     "sampling": {"temperature": 0.0, "seed": null, "max_tokens": 160}, "raw": "glon are less ...\nFollows: ..."}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from icl_ft_plugin.arms.arm import GENERATED, Arm
from icl_ft_plugin.arms.corpus import corpus_parts, training_rows
from icl_ft_plugin.arms.foreign import FILE, read_texts, with_replay
from icl_ft_plugin.arms.named import arm as named_arm
from icl_ft_plugin.arms.partial import Part
from icl_ft_plugin.arms.rows import Row
from icl_ft_plugin.arms.splitting import split_text
from icl_ft_plugin.augment.asking import Request, sampling_of
from icl_ft_plugin.augment.journal import Answer
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds.audit import audit, keep

NONE = "none"  # the strategy whose statements are the world's own documents


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and where it is from; only the first two and the strategy are known of what needs no model.

    Attributes:
        text: The statement.
        source: Id of the document that the model was asked about.
        asked: The text that it was asked about.
        strategy: ``"local"``, ``"global"``, ``"qa"``, ``"qa-global"``, ``"oracle"``, ``"none"``, or ``"file:"`` and the path that it was read from.
        prompt: Name and version of the prompt.
        sample: Number of the sample.
        sampling: Its parameters.
        raw: The whole answer.
    """

    text: str
    source: str
    asked: str | None
    strategy: str
    prompt: str | None
    sample: int | None
    sampling: dict[str, float | int | None] | None
    raw: str | None


def cut(
    prompt: Prompt, settings: Settings, requests: Sequence[Request], answers: Sequence[Answer | None]
) -> Iterator[Statement]:
    """Yield every statement of the answers; a sentence that a looping model says again within one is there once."""
    for request, answer in zip(requests, answers, strict=True):
        for statement in prompt.statements(answer.raw) if answer else []:
            yield Statement(
                text=" ".join(dict.fromkeys(split_text(statement))) if settings.deduplicate else statement,
                source=request.source,
                asked=request.text,
                strategy=prompt.strategy,
                prompt=f"{prompt.name}/{prompt.version}",
                sample=request.sample,
                sampling=sampling_of(prompt, settings),
                raw=answer.raw if answer else "",
            )


def news(groups: Iterable[Sequence[Statement]], known: Iterable[str] = ()) -> list[Statement]:
    """Return the statements of which no text is known and none stands in a group before theirs."""
    seen = set(known)
    found: list[Statement] = []
    for group in groups:
        found += [statement for statement in group if statement.text not in seen]
        seen.update(statement.text for statement in group)
    return found


def from_file(world: World, part: str, expected: str = "") -> tuple[list[Statement], int, str]:
    """Return what another tool wrote about a world: what is new of it, how much is not, and the file's hash.

    Args:
        world: The world.
        part: ``"file:"`` and the path.
        expected: The hash that the file must have; empty: any.

    Raises:
        UsageError: The file is not there, not of this form, or has changed.
    """
    read = read_texts(part.removeprefix(FILE), expected)
    every = [Statement(text, "", None, part, *[None] * 4) for text in read.texts]
    kept = news(([one] for one in every), said(world))
    return kept, len(every) - len(kept), read.sha256


def said(world: World) -> set[str]:
    """Return what the documents say already."""
    return {text for document in world.documents for text in (document.text, *document.sentences)}


def chosen(world: World, statements: Sequence[Statement], *, deduplicate: bool, only_entailed: bool) -> list[Statement]:
    """Return what is trained on of the statements of one or several strategies.

    Args:
        world: The world.
        statements: One strategy after the other.
        deduplicate: Whether what a strategy before has said too is dropped.
        only_entailed: Whether what does not follow from the world's documents is dropped: this uses the truth, which no
            learner has.
    """
    groups = [list(group) for _, group in groupby(statements, lambda statement: statement.strategy)]
    found = news(groups) if deduplicate else list(statements)
    if not only_entailed:
        return found
    texts = [statement.text for statement in found if statement.strategy != NONE]
    true = set(keep(texts, audit(world, texts)))
    return [statement for statement in found if statement.strategy == NONE or statement.text in true]


def rows(arm: str | Arm, world: World, statements: Sequence[Statement] = ()) -> list[Row]:
    """Return the rows that an arm trains on in a world.

    Args:
        arm: The name of one of ``recipes/arms.yaml``, or an arm.
        world: The world.
        statements: What a model wrote about the world (``augment``), for the parts ``"local"``, ``"global"``, ``"qa"`` and ``"qa-global"``.

    Returns:
        Rows as TRL takes them, all ``{"text": ...}`` (loss on all tokens) or all ``{"prompt": ..., "completion": ...}``
        (loss on the completion).

    Raises:
        UsageError: There is no such arm, it has no rows, or one of its parts does not exist or was not written.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> rows = icl_ft.rows("ft", world)
        >>> len(rows) == len(world.documents)
        True
        >>> rows[0] == {"text": world.documents[0].text}
        True
        >>> sentences = icl_ft.Arm(name="sentences", corpus=["documents", "oracle"], rows="sentences")
        >>> len(icl_ft.rows(sentences, world)) > len(rows)
        True
    """
    found = named_arm(arm) if isinstance(arm, str) else arm
    if not found.corpus:
        raise UsageError(f"arm {found.name!r} is not trained, so it has no rows")
    if found.method != "finetune":
        raise UsageError(f"arm {found.name!r} learns from a teacher in a study, not from rows")
    written = {
        strategy: those
        for strategy in (*GENERATED, *(part for part in found.corpus if part.startswith(FILE)))
        if (those := [statement for statement in statements if statement.strategy == strategy])
        or (those := from_file(world, strategy)[0] if strategy.startswith(FILE) else [])
    }
    return rows_of(found, world, corpus_parts(world, found), written)


def rows_of(
    arm: Arm,
    world: World,
    parts: Sequence[str],
    written: Mapping[str, Sequence[Statement]],
    *,
    deduplicate: bool = True,
) -> list[Row]:
    """Return the rows of some parts of an arm's corpus.

    Args:
        arm: The arm.
        world: The world.
        parts: Of the arm's corpus.
        written: All statements of each part that is written, in the order in which they come first.
        deduplicate: As in ``chosen``.
    """
    every = [statement for part in written.values() for statement in part]
    kept = chosen(world, every, deduplicate=deduplicate, only_entailed=arm.keep == "entailed")
    part = Part(world, arm.inferred) if arm.inferred < 100 else None
    generated: dict[str, list[str]] = {strategy: [] for strategy in written}
    for statement in kept:
        if text := part.of_text(statement.text, statement.source) if part else statement.text:
            generated[statement.strategy].append(text)
    made = training_rows(world, parts, generated, arm.rows, part)
    return with_replay(made, arm.replay) if arm.replay and made else made
