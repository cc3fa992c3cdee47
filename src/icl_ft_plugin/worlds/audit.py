"""Compares generated text with what a world's documents entail: ``audit(world, ["glon are less dangerous than femp."])``.

Every statement that a parser of the world's sentence forms can read is labelled entailed (and how it follows),
contradicted or unsupported; a sentence in which none can be read is unparsed. The audit measures and changes nothing;
``keep`` is the filter that uses the truth.
"""

from __future__ import annotations

from collections.abc import Iterable

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of
from icl_ft_plugin.families.auditor import Auditor, Verdict
from icl_ft_plugin.schema import World
from icl_ft_plugin.worlds.audit_report import AuditReport, to_markdown
from icl_ft_plugin.worlds.audit_report import summarize as _summarize

__all__ = ["AuditReport", "Verdict", "audit", "keep", "summarize", "to_markdown"]

_latest: list[tuple[World, Auditor]] = []


def audit(world: World, texts: Iterable[str]) -> list[Verdict]:
    """Judge every statement of some texts by what the world's documents entail.

    The closure of the world audited last is kept, so that a second call with the same object is fast.

    Args:
        world: The world.
        texts: Generated texts.

    Returns:
        In the order of the texts, one verdict per statement and per sentence in which none can be read; at least one
        per text.

    Raises:
        UsageError: The family has no audit.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("reversal", n_facts=3)
        >>> first, second = world.facts[0].arguments
        >>> texts = [world.facts[0].text, f"{first} are known for {second}."]
        >>> [verdict.label for verdict in icl_ft.audit(world, texts)]
        ['entailed', 'unparsed']
    """
    return list(_auditor(world).audit(texts))


def summarize(world: World, verdicts: Iterable[Verdict], tokens: int) -> AuditReport:
    """Count verdicts and what of the world's closure they cover.

    Args:
        world: The world that was audited.
        verdicts: What one call of ``audit`` returned.
        tokens: Tokens spent on the texts.

    Raises:
        UsageError: The family has no audit.
    """
    return _summarize(world.family, _auditor(world).closure, list(verdicts), tokens)


def keep(texts: Iterable[str], verdicts: Iterable[Verdict]) -> list[str]:
    """Return the texts in which a statement was read, all that were read are entailed, and none is of invented words.

    Args:
        texts: The texts that were audited.
        verdicts: What ``audit`` returned for them.
    """
    read: set[int] = set()
    wrong: set[int] = set()
    for verdict in verdicts:
        if verdict.label != "unparsed":
            (read if verdict.label == "entailed" else wrong).add(verdict.text)
        elif verdict.foreign:
            wrong.add(verdict.text)
    return [text for i, text in enumerate(texts) if i in read - wrong]


def _auditor(world: World) -> Auditor:
    family = family_of(world.family)
    if family.auditor is None:
        raise UsageError(family.no_rules("audit"))
    if not _latest or _latest[0][0] is not world:
        auditor = family.auditor(world)
        auditor.learn(document.text for document in world.documents)
        _latest[:] = [(world, auditor)]
    return _latest[0][1]
