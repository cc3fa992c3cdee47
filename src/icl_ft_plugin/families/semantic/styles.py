"""The styles of document of the semantic structure: "dialogue" writes "a: did you know that femp are a kind of glon?".

A style is a frame around the statements: what joins sentences, an opening, and wrappers that are used in turn. The
wrappers are short and few, so that a small model can learn all of them, and a sentence holds one statement, so that
a corpus split into sentences loses none (OURS: the study says only that formats and styles vary).
"""

from __future__ import annotations

from dataclasses import dataclass

from icl_ft_plugin.families.semantic.forms import ASK


@dataclass(frozen=True, slots=True)
class Style:
    """A style of document.

    Attributes:
        wrappers: Used in turn; ``{0}`` is a statement, ``{stem}`` and ``{word}`` are its parts, ``{n}`` is the number of
            the sentence from 1 on.
        separator: What joins the sentences.
        opening: First sentence, which states nothing; ``{topic}`` is a category. Empty for none.
    """

    wrappers: tuple[str, ...]
    separator: str = " "
    opening: str = ""


STYLES = {
    "encyclopedia": Style(("{0}.",)),
    "list": Style(("- {0}.",), "\n", "facts about {topic}:"),
    "dialogue": Style(("a: did you know that {0}?", "b: yes, and {0}."), "\n"),
    "field notes": Style(("note {n}: {0}.",), "\n", "field notes on {topic}."),
    "questions": Style(("{stem}" + ASK + "{word}.",), "\n"),
    "entry": Style(("{0}.",), " ", "{topic}:"),
    "lesson": Style(("remember that {0}.", "we learn that {0}."), " ", "lesson on {topic}."),
    "letter": Style(("i learned that {0}.", "i also saw that {0}."), " ", "dear friend,"),
    "story": Style(("long ago, {0}.", "in those days, {0}.")),
    "quiz": Style(("true or false: {0}. true.",), "\n"),
    "report": Style(("we found that {0}.", "it was noted that {0}.")),
    "log": Style(("day {n}: {0}.",), "\n"),
    "lecture": Style(("first, {0}.", "next, {0}.", "also, {0}.")),
    "interview": Style(("is it true that {0}? yes.",), "\n"),
    "talk": Style(("they say that {0}.", "everyone knows that {0}.", "of course, {0}.")),
    "catalogue": Style(("{n}. {0}.",), "\n"),
}
