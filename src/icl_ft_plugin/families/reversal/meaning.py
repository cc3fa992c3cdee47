"""Written answers to reversals: "the glon are clearly **less** dangerous than femp!" is right where "less dangerous than femp." is."""

from __future__ import annotations

import re
from functools import cached_property

from icl_ft_plugin.families.meaning import Meaning
from icl_ft_plugin.families.reversal.audit import VERBS
from icl_ft_plugin.families.reversal.proof import Comparison, closure, statements, subject
from icl_ft_plugin.schema import Doc

SPLITS = ("reversal", "rephrase")  # where the answer is a comparison and not an entity
FORM = re.compile(rf"(?:(?:.* )?(\w+) (?:{VERBS}) )?(.*?)(more|less) (\w+) than (\w+)")
NEGATIONS = {"not", "never", "false", "untrue", "wrong"}
FILLERS = set(re.findall(r"\w+", VERBS))


class ReversalMeaning(Meaning):
    """Any comparison that follows is right, with or without its subject."""

    def right(self, doc: Doc, meaning: str) -> bool | None:
        """Tell whether a comparison follows; None where none is read."""
        if doc["split"] not in SPLITS:
            return super().right(doc, meaning)
        match = FORM.fullmatch(meaning)
        if match is None or not FILLERS.issuperset(match[2].split()) or not NEGATIONS.isdisjoint(meaning.split()):
            return None
        about = subject(doc["question"])
        return (match[1] or about) == about and (about, *match.group(3, 4, 5)) in self._follows

    @cached_property
    def _follows(self) -> set[Comparison]:
        return closure(comparison for found in statements(self.world).values() for comparison in found)
