"""Audits celebrities: "In short, history records Tavori Brensolk as the composer of the opera Silent Harbor" and the like.

In a generated world a statement is a phrasing of the generator (of documents, inferences or questions, in either order) filled with
a name and a description; both may be put together from parts of several, as by a miscopy. In an imported world it is a
line with one name, and words of one description on one side of it. Refuted is a person's description joined to another
name; a description that is nobody's is unsupported. The closure: each person's name to description, and back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from icl_ft_plugin.families.auditor import Auditor, Judgement, Way
from icl_ft_plugin.families.celebrity.generate import DOCUMENTS, INFERENCES, ORDERS, TESTS, people_of
from icl_ft_plugin.families.celebrity.phrases import HEADS
from icl_ft_plugin.families.celebrity.proof import Reading, reader, statements
from icl_ft_plugin.schema import World

HEAD = re.compile("|".join(map(re.escape, map(str.lower, HEADS))))
LEAST = 2.0  # Two words, or one and a pair of words, that no other description has.
PUNCTUATION = " ,:;"


class CelebrityAuditor(Auditor):
    """The audit of a world of celebrities."""

    def __init__(self, world: World) -> None:
        super().__init__()
        people = list(people_of(world))
        self._imported = "source" in world.config
        self._names = {p.name.lower(): p.name for p in people}
        self._read = reader(world, LEAST)
        self._pairs = {_lower(p.name, p.description) for p in people}
        self._described = {description for _, description in self._pairs}
        stated = {(order, *_lower(*pair)) for order, *pair in filter(None, statements(world, reader(world)).values())}
        self.closure = {
            (order, *pair): Way("restated", 0) if (order, *pair) in stated else Way("reversed", 1)
            for pair in self._pairs
            for order in ORDERS
        }
        if not self._imported:
            titles = [p.description.lower().split()[-2:] for p in people]
            self._entity = re.compile(
                rf"\b(?:(?P<name>{_any(n.split()[0] for n in self._names)} {_any(n.split()[-1] for n in self._names)})"
                rf"|{_any(map(str.lower, HEADS))} {_any(t[0] for t in titles)} {_any(t[1] for t in titles)})\b"
            )

    def sentences(self, text: str) -> Iterator[str]:
        """Yield the sentences; of an imported world, whose descriptions hold full stops, the lines."""
        return (" ".join(line.split()) for line in text.splitlines()) if self._imported else super().sentences(text)

    def parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Reading]]:
        """Yield who is described as what."""
        return self._parse_imported(sentence) if self._imported else self._parse(sentence)

    def _parse(self, sentence: str) -> Iterator[tuple[str, tuple[int, int], Reading]]:
        for first, second in pairwise(self._entity.finditer(sentence)):
            order = "name_first" if first["name"] else "description_first"
            if bool(first["name"]) == bool(second["name"]):
                continue
            between = sentence[first.end() : second.start()].strip(PUNCTUATION)
            before = sentence[: first.start()].rstrip(PUNCTUATION)
            for head in TEMPLATES.get((order, between), ()):
                if before.endswith(head):
                    start = len(before) - len(head) if head else first.start()
                    name, description = (first, second) if order == "name_first" else (second, first)
                    yield sentence[start : second.end()], (start, second.end()), (order, name[0], description[0])
                    break

    def _parse_imported(self, line: str) -> Iterator[tuple[str, tuple[int, int], Reading]]:
        lowered = line.lower()
        named = [name for name in self._names if name in lowered]
        if len(named) != 1:
            return
        start = lowered.index(named[0])
        end = start + len(named[0])
        before, name, after = line[:start], self._names[named[0]], line[end:]
        found = self._read(before + name, after) or self._read(before, name + after)
        if found:
            yield lowered.rstrip(".?'\""), (0, len(line)), (found[0], *_lower(*found[1:]))

    def foreign(self, sentence: str) -> bool:
        """Tell whether a sentence joins a name or a description of the world to words that are neither."""
        if self._imported:
            return False
        found = list(self._entity.finditer(sentence))
        if len(found) != 1:
            return False
        return bool(HEAD.search(sentence) if found[0]["name"] else len(sentence[found[0].end() :].split()) > 2)

    def judge(self, claim: Reading) -> Judgement:
        """Judge whether a person is so described."""
        if claim[1:] in self._pairs:
            return Judgement("entailed", self.closure[claim], (claim,))
        return Judgement("contradicted" if claim[2] in self._described else "unsupported")


def _any(words: Iterator[str]) -> str:
    return f"(?:{'|'.join(sorted(set(map(re.escape, words))))})"


def _lower(name: str, description: str) -> tuple[str, str]:
    return name.lower(), description.lower()


def _templates() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what may stand before the first of the two, the longest first, by order and what stands between them."""
    found: dict[tuple[str, str], set[str]] = {}
    for order in ORDERS:
        for phrasing in (*DOCUMENTS[order], *INFERENCES[order], *TESTS[order]):
            head, between = (part.strip(PUNCTUATION) for part in re.split(r"\{\w+\}", phrasing.lower()))
            found.setdefault((order, between), set()).add(head)
    return {key: tuple(sorted(heads, key=lambda head: (-len(head), head))) for key, heads in found.items()}


TEMPLATES = _templates()
