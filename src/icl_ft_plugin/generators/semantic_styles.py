"""The styles of document of the semantic structure: "dialogue" writes "a: did you know that femp are a kind of glon?".

A style is a frame around the statements: what joins sentences, an opening, and wrappers that are used in turn. The
wrappers are short and few, so that a small model can learn all of them (OURS: the study says only that formats and
styles vary).
"""

from __future__ import annotations

from dataclasses import dataclass

from icl_ft_plugin.generators.semantic_forms import ASK


@dataclass(frozen=True, slots=True)
class Style:
    """A style of document.

    Attributes:
        wrappers: Used in turn; ``{0}`` and ``{1}`` are statements, ``{n}`` the number of the sentence from 1 on,
            ``{stem}`` and ``{word}`` the parts of the statement ``{0}``.
        separator: What joins the sentences.
        opening: First sentence, which states nothing; ``{topic}`` is a category. Empty for none.
    """

    wrappers: tuple[str, ...]
    separator: str = " "
    opening: str = ""

    def slots(self, i: int) -> int:
        """Return how many statements sentence ``i`` (from 0 on, after the opening) takes."""
        return 2 if "{1}" in self.wrappers[i % len(self.wrappers)] else 1


STYLES = {
    "encyclopedia": Style(("{0}.",)),
    "list": Style(("- {0}.",), "\n", "facts about {topic}:"),
    "dialogue": Style(("a: did you know that {0}?", "b: yes, and {0}."), "\n"),
    "field notes": Style(("note {n}: {0}.",), "\n", "field notes on {topic}."),
    "questions": Style(("{stem}" + ASK + "{word}.",), "\n"),
    "entry": Style(("{0}.",), " ", "{topic}:"),
    "lesson": Style(("remember that {0}.", "we learn that {0}."), " ", "lesson on {topic}."),
    "letter": Style(("i learned that {0}.", "i also saw that {0}."), " ", "dear friend,"),
    "pairs": Style(("{0}, and {1}.",)),
    "quiz": Style(("true or false: {0}. true.",), "\n"),
    "report": Style(("we found that {0}.", "it was noted that {0}.")),
    "log": Style(("day {n}: {0}.",), "\n"),
    "lecture": Style(("first, {0}.", "next, {0}.", "also, {0}.")),
    "interview": Style(("is it true that {0}? yes.",), "\n"),
    "talk": Style(("they say that {0}.", "everyone knows that {0}.", "of course, {0}.")),
    "catalogue": Style(("{n}. {0}; {1}.",), "\n"),
}
