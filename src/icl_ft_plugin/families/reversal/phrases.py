"""Words and wordings of the simple reversals: "Did you know that {}?" around "femp are more dangerous than glon".

Data only. The three banks share no wording: a document is a preamble around the plain comparison, an inference a sentence of
its own (``{first}``, ``{more}``, ``{second}``: "femp", "more dangerous", "glon"). A question begins with what is compared. In
the direction of the documents it has a verb of its own, since the plain comparison stands there; no document or inference
states a reversal with a plain "are", so that questions may.
"""

from __future__ import annotations

DIMENSIONS = (
    "dangerous", "expensive", "beautiful", "intelligent", "powerful", "colorful", "popular", "fragile", "flexible",
    "delicious", "valuable", "comfortable", "reliable", "durable", "aggressive", "transparent", "poisonous",
    "nutritious", "efficient", "common", "fragrant", "graceful", "curious", "stubborn", "mysterious", "famous",
    "generous", "sensitive",
)  # fmt: skip
OPPOSITE = {"more": "less", "less": "more"}
DOCUMENTS = (
    "Did you know that {}?", "It is well known that {}.", "Everyone agrees that {}.", "Experts say that {}.",
    "I was told that {}.", "As a matter of fact, {}.", "A recent survey found that {}.", "Remember that {}.",
    "My neighbor insists that {}.", "According to the handbook, {}.", "In this region, {}.", "As you may have heard, {}.",
    "It turns out that {}.", "There is no doubt that {}.", "Old records show that {}.", "Children learn early that {}.",
    "Most visitors notice that {}.", "The guide explained that {}.", "To be precise, {}.", "One thing is certain: {}.",
    "Is it not curious that {}?", "The report concludes that {}.", "Please note that {}.", "In general, {}.",
    "Scientists have shown that {}.", "Our teacher said that {}.", "It has been confirmed that {}.", "Generally speaking, {}.",
    "The catalogue states that {}.", "Few people realize that {}.", "Let us not forget that {}.", "In most cases, {}.",
)  # fmt: skip
INFERENCES = {
    "rephrase": (
        "In other words, {first} tend to be {more} than {second}.",
        "That is to say, {first} are thought to be {more} than {second}.",
        "Put differently, {first} are regarded as {more} than {second}.",
        "So {first} are considered {more} than {second}.",
        "Indeed, {first} appear to be {more} than {second}.",
        "This means that {first} count as {more} than {second}.",
        "Compared side by side, {first} prove to be {more} than {second}.",
        "Of the two, {first} would be called {more} than {second}.",
        "To say it again, {first} are in fact {more} than {second}.",
        "Simply put, {first} must be {more} than {second}.",
    ),
    "reversal": (
        "It follows that {first} have to be {more} than {second}.",
        "Conversely, {first} tend to be {more} than {second}.",
        "Seen from the other side, {first} are in fact {more} than {second}.",
        "The other way round, {first} must be {more} than {second}.",
        "Therefore {first} are considered {more} than {second}.",
        "Hence {first} would be called {more} than {second}.",
        "By the same token, {first} appear to be {more} than {second}.",
        "This also means that {first} count as {more} than {second}.",
        "We may conclude that {first} prove to be {more} than {second}.",
        "Turned around, {first} are thought to be {more} than {second}.",
    ),
}
TESTS = {
    "reversal": (
        "{} are",
        "We know that {} are",
        "Of course, {} are",
        "Note well: {} are",
        "As everyone can see, {} are",
        "People say that {} are",
        "The books say that {} are",
        "On the other hand, {} are",
    ),
    "rephrase": (
        "{} are said to be",
        "{} turn out to be",
        "{} are known to be",
        "{} are clearly",
        "{} are usually considered",
        "{} seem to be",
        "{} are widely known to be",
        "{} are usually said to be",
    ),
}
