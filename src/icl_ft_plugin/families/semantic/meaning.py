"""Written answers about the semantic structure: of any category that femp belong to, "femp are" + its name is right."""

from __future__ import annotations

from functools import cached_property

from icl_ft_plugin.families.meaning import Meaning, normalized
from icl_ft_plugin.families.semantic.proof import Closures, Reader, closures
from icl_ft_plugin.schema import Doc


class SemanticMeaning(Meaning):
    """All that the documents imply is right; only some of it takes the inference that the question is about.

    Of a category whose own properties are stated, one of these is right too, but shows nothing about inheritance.
    """

    def right(self, doc: Doc, meaning: str) -> bool | None:
        """Tell whether the answer's last word, with which the sentence must end, makes it one that follows."""
        found = super().right(doc, meaning)
        if found is not False:
            return found
        last = meaning.split()[-1]
        return any(
            ("all", claim) in self._closures.holds and last == (claim.subject if backward else claim.value)
            for claim, backward in self._reader.parser.read(f"{doc['question']} {meaning}")
        )

    def same_inference(self, doc: Doc, answer: str) -> bool:
        """Tell whether a right answer takes the inference, over as many levels, that the question is about."""
        holds = self._closures.holds
        read = self._reader.parser.read(f"{doc['question']} {normalized(answer)}")
        ways = {
            self._reader.way(claim, backward, holds["all", claim])
            for claim, backward in read
            if ("all", claim) in holds
        }
        return (doc["inference"], doc["depth"]) in ways

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.world)

    @cached_property
    def _closures(self) -> Closures:
        return closures({"all": self._reader.stated})
