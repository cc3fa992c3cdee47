"""The styles of document of the semantic structure: a guidebook writes "You will soon see that femp are a kind of glon."

A style is a frame around the statements: a title, what each sentence begins with, and what joins the sentences, to a
paragraph or to lines. A sentence holds one statement, so that a corpus split into sentences loses none (OURS: the study
says only that formats and styles vary).
"""

from __future__ import annotations

from dataclasses import dataclass

BUT = ("However, {0}.", "By contrast, {0}.", "Oddly enough, {0}.", "All the same, {0}.", "And yet {0}.")


@dataclass(frozen=True, slots=True)
class Style:
    """A style of document.

    Attributes:
        first: The first statement; ``{0}`` is a statement, ``{stem}`` and ``{word}`` are its parts, ``{n}`` is the number
            of the statement from 1 on.
        then: Those after it, in turn from a random one on.
        but: Denials, unless they come first.
        separator: What joins the sentences.
        title: First line or sentence, which states nothing; ``{topic}`` is a category. Empty for none.
    """

    first: str
    then: tuple[str, ...]
    but: tuple[str, ...] = BUT
    separator: str = " "
    title: str = ""


def _lines(line: str, title: str = "") -> Style:
    return Style(line, (line,), (line,), "\n", title)


STYLES = {
    "encyclopedia": Style(
        "By common definition, {0}.",
        ("In addition, {0}.", "Furthermore, {0}.", "Moreover, {0}.", "Likewise, {0}.", "As is well established, {0}."),
    ),
    "guidebook": Style(
        "You will soon see that {0}.",
        ("Note also that {0}.", "A second look shows that {0}.", "Here, {0}.", "Most visitors see that {0}.", "Nearby, {0}."),
        title="A short guide to {topic}.",
    ),
    "letter": Style(
        "I have just learned that {0}.",
        ("I also saw that {0}.", "My hosts tell me that {0}.", "And {0}.", "I am glad to report that {0}.", "By the way, {0}."),
        title="Dear friend,",
    ),
    "story": Style(
        "Long ago, so the story goes, {0}.",
        ("In those days {0}.", "Now {0}.", "As every child could see, {0}.", "The old woman said that {0}.", "Then, too, {0}."),
    ),
    "lecture": Style(
        "Let us begin: {0}.",
        ("Next, {0}.", "Then again, {0}.", "We have also shown that {0}.", "Observe that {0}.", "As we said, {0}."),
        title="Today's subject is {topic}.",
    ),
    "report": Style(
        "We found that {0}.",
        ("We also found that {0}.", "It was noted that {0}.", "The second survey confirmed that {0}.", "In the field, {0}."),
        title="Report on {topic}.",
    ),
    "lesson": Style(
        "First of all, {0}.",
        ("We learn that {0}.", "Keep in mind that {0}.", "Do write down that {0}.", "The teacher adds that {0}.", "Also, {0}."),
        title="Lesson on {topic}.",
    ),
    "talk": Style(
        "Well, {0}.",
        ("People say that {0}.", "You see, {0}.", "And as I told you, {0}.", "The neighbors say that {0}.", "Besides, {0}."),
    ),
    "newspaper": Style(
        "Readers may have heard that {0}.",
        ("Officials confirm that {0}.", "Locals add that {0}.", "Meanwhile, {0}.", "Sources agree that {0}.", "Equally, {0}."),
    ),
    "handbook": Style(
        "To start with, {0}.",
        ("As a matter of fact, {0}.", "For the record, {0}.", "Similarly, {0}.", "What is more, {0}.", "In practice, {0}."),
        title="An entry on {topic}.",
    ),
    "dialogue": Style(
        "Ann: Did you know that {0}?",
        ("Ben: Yes, and {0}.", "Ann: I read that {0}.", "Ben: And {0}.", "Ann: It seems that {0}."),
        ("Ben: But {0}.", "Ann: Still, {0}."),
        "\n",
    ),
    "field notes": _lines("Note {n}: {0}.", "Field notes on {topic}."),
    "log": _lines("Day {n}: {0}."),
    "catalogue": _lines("Item {n}: {0}.", "Facts about {topic}:"),
    "questions": _lines("Question {n}: {stem} what? Answer: {word}."),  # read by ``forms.ASK``
    "quiz": _lines("True or false: {0}. True."),
}
