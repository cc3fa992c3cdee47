"""The styles of document of the semantic structure: a guidebook writes "You will see that femp are a kind of glon", a log "Day 3: ...".

A style is a frame around the statements: a title, what each sentence and each paragraph begins with, and what joins the
sentences, to paragraphs or to lines. A sentence holds one statement, so that a corpus split into sentences loses none
(OURS: the study says only that formats and styles vary).
"""

from __future__ import annotations

from dataclasses import dataclass

BUT = ("But {0}.", "However, {0}.", "Still, {0}.", "All the same, {0}.", "And yet {0}.")


@dataclass(frozen=True, slots=True)
class Style:
    """A style of document.

    Attributes:
        first: The first statement; ``{0}`` is a statement, ``{stem}`` and ``{word}`` are its parts, ``{n}`` is the number
            of the statement from 1 on.
        then: Those after it, in turn from a random one on.
        turns: Those that open another paragraph, about another category; none where there are no paragraphs.
        but: Denials, unless they come first.
        separator: What joins the sentences of a paragraph.
        title: First line or sentence, which states nothing; ``{topic}`` is a category. Empty for none.
    """

    first: str
    then: tuple[str, ...]
    turns: tuple[str, ...] = ()
    but: tuple[str, ...] = BUT
    separator: str = " "
    title: str = ""


def _lines(*lines: str, title: str = "") -> Style:
    return Style(lines[0], lines, (), lines, "\n", title)


STYLES = {
    "encyclopedia": Style(
        "By definition, {0}.",
        ("In addition, {0}.", "As a group, {0}.", "Moreover, {0}.", "Likewise, {0}.", "As is well known, {0}."),
        ("By comparison, {0}.", "Under the next heading, {0}.", "In the same volume we read that {0}."),
    ),
    "guidebook": Style(
        "You will see that {0}.",
        (
            "Note also that {0}.",
            "A second look shows that {0}.",
            "Here, {0}.",
            "Most visitors see that {0}.",
            "There, {0}.",
        ),
        ("A little further on, {0}.", "Round the corner, {0}.", "On the way back you will find that {0}."),
        title="A guide to {topic}.",
    ),
    "letter": Style(
        "I learned that {0}.",
        ("I also saw that {0}.", "I am told that {0}.", "And {0}.", "By the way, {0}.", "Also, {0}."),
        ("There is other news: {0}.", "You will also want to hear that {0}.", "Before I forget, {0}."),
        title="Dear friend,",
    ),
    "story": Style(
        "Long ago, {0}.",
        ("In those days {0}.", "Now {0}.", "As all could see, {0}.", "The old woman said that {0}.", "And so {0}."),
        (
            "In the next valley, {0}.",
            "One day the children learned that {0}.",
            "Many years later it was said that {0}.",
        ),
    ),
    "lecture": Style(
        "To begin with, {0}.",
        ("Next, {0}.", "Keep in mind that {0}.", "We can also show that {0}.", "Note that {0}.", "Besides, {0}."),
        ("Let us look at another case: {0}.", "That brings us to the next point: {0}.", "On the other side, {0}."),
        title="Today we look at {topic}.",
    ),
    "report": Style(
        "We found that {0}.",
        (
            "We also found that {0}.",
            "It was noted that {0}.",
            "Again, {0}.",
            "The survey confirmed that {0}.",
            "Here {0}.",
        ),
        ("At another site, {0}.", "In the second part of our work we found that {0}.", "Elsewhere, {0}."),
        title="Report on {topic}.",
    ),
    "lesson": Style(
        "First of all, {0}.",
        ("We learn that {0}.", "Also, {0}.", "Our teacher said that {0}.", "Please note that {0}.", "Then {0}."),
        ("Now we turn the page: {0}.", "The next picture shows that {0}.", "Here is something new: {0}."),
        title="Lesson on {topic}.",
    ),
    "talk": Style(
        "Well, {0}.",
        (
            "People say that {0}.",
            "You see, {0}.",
            "And as I told you, {0}.",
            "So I hear, {0}.",
            "My neighbor adds that {0}.",
        ),
        ("And another thing: {0}.", "Come to think of it, {0}.", "Oh, and {0}."),
    ),
    "newspaper": Style(
        "Readers may have heard that {0}.",
        ("Experts agree that {0}.", "Visitors report that {0}.", "Now {0}.", "Others add that {0}.", "In town, {0}."),
        ("In other news, {0}.", "Meanwhile, {0}.", "From the next town we hear that {0}."),
    ),
    "handbook": Style(
        "To start with, {0}.",
        ("As a matter of fact, {0}.", "For the record, {0}.", "In short, {0}.", "What is more, {0}.", "In use, {0}."),
        ("See also: {0}.", "A second entry says that {0}.", "To go on, {0}."),
        title="An entry on {topic}.",
    ),
    "dialogue": Style(
        "Ann: Did you know that {0}?",
        ("Ben: Yes, and {0}.", "Ann: I hear that {0}.", "Ben: And {0}.", "Ann: Also, {0}."),
        but=("Ben: But {0}.", "Ann: Still, {0}."),
        separator="\n",
    ),
    "field notes": _lines(
        "Note {n}: We saw that {0}.",
        "Note {n}: It is plain that {0}.",
        "Note {n}: Up close, {0}.",
        "Note {n}: From afar, {0}.",
        title="Field notes on {topic}.",
    ),
    "log": _lines(
        "Day {n}: We find that {0}.",
        "Day {n}: As before, {0}.",
        "Day {n}: The guide says that {0}.",
        "Day {n}: This time, {0}.",
    ),
    "catalogue": _lines("Item {n}: {0}.", title="Facts about {topic}:"),
    "questions": _lines(  # read by ``forms.ASK``
        "Q: Tell me, {stem} what? A: {word}.",
        "Q: As you see, {stem} what? A: {word}.",
        "Q: And {stem} what? A: {word}.",
    ),
    "quiz": _lines("True or false: {0}. True."),
}
