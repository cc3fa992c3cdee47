"""Written answers about a process: "x^2 + 2*x" says what "2*x+x^2." says, whatever the form of the expression."""

from __future__ import annotations

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.meaning import Meaning, first_sentence
from icl_ft_plugin.families.process.algebra import canonical
from icl_ft_plugin.schema import Doc


class ProcessMeaning(Meaning):
    """Expressions that are equal are one answer."""

    def read(self, split: str, answer: str) -> str | None:
        """Return the canonical form of an expression, or None where there is none."""
        try:
            return canonical(first_sentence(answer))
        except UsageError:
            return None

    def right(self, doc: Doc, meaning: str) -> bool:
        """Tell whether an expression equals the right one."""
        return meaning == canonical(doc["choices"][doc["label"]].removesuffix("."))
