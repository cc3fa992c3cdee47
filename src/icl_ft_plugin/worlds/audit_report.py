"""Sums an audit up: how much of what follows some texts cover, how much of what they say is true, and what is new.

A report of the oracle's reversals of a small world reads, in part::

    | inference | depth | follows | covered | share |
    |---|---|---|---|---|
    | restated | 0 | 6 | 0 | 0.000 |
    | reversed | 1 | 6 | 6 | 1.000 |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from icl_ft_plugin.families.auditor import INFERENCES, LABELS, Unit, Verdict, Way


@dataclass(frozen=True, slots=True)
class Line:
    """What follows in one way.

    Attributes:
        inference: ``"restated"``, ``"reversed"``, ``"chained"``, ``"inherited"`` or ``"applied"``.
        depth: Number of inference steps.
        statements: How many entailed statements follow so, repeats included.
        follows: How much of the world's closure follows so.
        covered: How much of that the texts state.
    """

    inference: str
    depth: int
    statements: int
    follows: int
    covered: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit of some texts.

    Attributes:
        family: The world's family.
        texts: Number of texts.
        unread_texts: Number of texts in which no statement was read.
        labels: Number of statements by label; an unparsed sentence counts as one.
        foreign: Number of unparsed sentences that have a form of the world, in words that only in part are the world's.
        distinct: Number of different statements read.
        new_words: Number of entailed statements whose words stand in no document.
        new_facts: Number of entailed statements that no document states in any words.
        lines: The entailed statements and the coverage of the closure, by inference and depth.
        tokens: Tokens spent on the texts.
    """

    family: str
    texts: int
    unread_texts: int
    labels: Mapping[str, int]
    foreign: int
    distinct: int
    new_words: int
    new_facts: int
    lines: tuple[Line, ...]
    tokens: int

    @property
    def parsed(self) -> int:
        """Number of statements read."""
        return sum(self.labels.values()) - self.labels["unparsed"]

    @property
    def precision(self) -> float | None:
        """Share of the statements read that are entailed; None if there are none."""
        return _share(self.labels["entailed"], self.parsed)

    @property
    def strict_precision(self) -> float | None:
        """Share of entailed statements if sentences with words from elsewhere count as statements, too."""
        return _share(self.labels["entailed"], self.parsed + self.foreign)

    @property
    def unparsed(self) -> float | None:
        """Share of statements and unread sentences that are unread sentences; None if there are no texts."""
        return _share(self.labels["unparsed"], sum(self.labels.values()))

    @property
    def novelty(self) -> float | None:
        """Share of the entailed statements that no document states in any words; None if there are none."""
        return _share(self.new_facts, self.labels["entailed"])

    @property
    def coverage(self) -> dict[str, float]:
        """Share of what follows that the texts state, by inference, over all depths."""
        follows: Counter[str] = Counter()
        covered: Counter[str] = Counter()
        for line in self.lines:
            follows[line.inference] += line.follows
            covered[line.inference] += line.covered
        return {inference: covered[inference] / n for inference, n in follows.items() if n}

    @property
    def summary(self) -> str:
        """One line for a person."""
        covered = ", ".join(f"{share:.0%} {inference}" for inference, share in self.coverage.items())
        if self.precision is None or self.strict_precision is None:
            return f"no statement of the world's forms among {self.texts} texts"
        return (
            f"{self.precision:.1%} of {self.parsed} statements follow ({self.strict_precision:.1%} with invented words "
            f"counted); of what follows they state {covered}"
        )

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain JSON values."""
        shares = ("parsed", "precision", "strict_precision", "unparsed", "novelty", "coverage")
        return {**asdict(self), "labels": dict(self.labels), **{name: getattr(self, name) for name in shares}}


def summarize(family: str, closure: Mapping[Unit, Way], verdicts: Sequence[Verdict], tokens: int) -> AuditReport:
    """Count verdicts and what of a closure they cover.

    Args:
        family: The world's family.
        closure: What follows, and how.
        verdicts: All verdicts on the texts.
        tokens: Tokens spent on the texts.
    """
    labels = Counter(verdict.label for verdict in verdicts)
    entailed = [verdict for verdict in verdicts if verdict.label == "entailed"]
    parsed = [verdict for verdict in verdicts if verdict.label != "unparsed"]
    follows = Counter(closure.values())
    covered = Counter(
        closure[unit] for unit in {unit for verdict in entailed for unit in verdict.covers} & closure.keys()
    )
    said = Counter(Way(str(v.inference), int(v.depth or 0)) for v in entailed)
    ways = sorted(follows.keys() | said.keys(), key=lambda way: (INFERENCES.index(way.inference), way.depth))
    texts = {verdict.text for verdict in verdicts}
    return AuditReport(
        family=family,
        texts=len(texts),
        unread_texts=len(texts - {verdict.text for verdict in parsed}),
        labels={label: labels[label] for label in LABELS},
        foreign=sum(verdict.foreign for verdict in verdicts),
        distinct=len({verdict.statement for verdict in parsed}),
        new_words=sum(verdict.new_words for verdict in entailed),
        new_facts=sum(verdict.new_fact for verdict in entailed),
        lines=tuple(Line(*way, said[way], follows[way], covered[way]) for way in ways),
        tokens=tokens,
    )


def to_markdown(report: AuditReport) -> str:
    """Return a report as two Markdown tables: the shares, then a line per inference and depth."""
    labels = report.labels
    rows: dict[str, str] = {
        "texts (of these unread)": f"{report.texts} ({report.unread_texts})",
        "tokens spent": f"{report.tokens}",
        "statements read (different)": f"{report.parsed} ({report.distinct})",
        **{str(label): f"{labels[label]}" for label in LABELS[:3]},
        "precision: entailed of read": _written(report.precision),
        "unparsed sentences (share)": f"{labels['unparsed']} ({_written(report.unparsed)})",
        "of these in the world's forms, with words from elsewhere": f"{report.foreign}",
        "precision, these counted as read": _written(report.strict_precision),
        "entailed in new words": f"{report.new_words} ({_written(_share(report.new_words, labels['entailed']))})",
        "entailed and stated in no document": f"{report.new_facts} ({_written(report.novelty)})",
    }
    table = [f"| {report.family} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""]
    table += ["| inference | depth | statements | follows | covered | share |", "|---|---|---|---|---|---|"]
    for line in report.lines:
        share = _written(_share(line.covered, line.follows))
        table.append(
            f"| {line.inference} | {line.depth} | {line.statements} | {line.follows} | {line.covered} | {share} |"
        )
    return "\n".join(table) + "\n"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _written(share: float | None) -> str:
    return "none" if share is None else f"{share:.3f}"
