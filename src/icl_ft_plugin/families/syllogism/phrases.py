"""Wordings of the simple syllogisms: "All {a} are {b}." is how a document may state that all a are b.

Data only. The three banks, of documents, inferences and questions, share no wording. The subject always comes first. Each bank
has eight wordings of each quantifier; a question takes those of one number, so that its options differ in nothing else. What
tells the quantifier of a question's option stands in no document, so that words that meet do not tell it.
"""

from __future__ import annotations

QUANTIFIERS = ("all", "some", "no")
DOCUMENTS = {
    "all": (
        "All {a} are {b}.", "All of the {a} are {b}.", "Without exception, {a} are {b}.", "In every case, {a} are {b}.",
        "Everything that is a {a} is a {b}.", "Whatever is a {a} is a {b}.", "If something is a {a}, it is a {b}.",
        "Any {a} has to be a {b}.",
    ),
    "some": (
        "Some {a} are {b}.", "Some of the {a} are {b}.", "There are {a} that are {b}.", "In some cases, {a} are {b}.",
        "Something that is a {a} is a {b}.", "Certain things are both {a} and {b}.", "Something is both a {a} and a {b}.",
        "Here and there a {a} is a {b}.",
    ),
    "no": (
        "No {a} are {b}.", "None of the {a} are {b}.", "There are no {a} that are {b}.", "In no case are {a} {b}.",
        "Nothing that is a {a} is a {b}.", "Whatever is a {a} is never a {b}.", "Nothing is both a {a} and a {b}.",
        "Nowhere is a {a} a {b}.",
    ),
}  # fmt: skip
INFERENCES = {
    "all": (
        "The {a} are all {b}.", "It is true of all {a} that they are {b}.", "Being a {a} means being a {b}.",
        "There is no {a} that is not a {b}.", "Whenever something is a {a}, it is also a {b}.", "Each single {a} is a {b}.",
        "One cannot be a {a} without being a {b}.", "There exist no {a} outside the {b}.",
    ),
    "some": (
        "The {a} include some {b}.", "It is true of some {a} that they are {b}.", "There is something that is a {a} and a {b}.",
        "There is a {a} that is a {b}.", "Sometimes, what is a {a} is also a {b}.", "One or more {a} are {b}.",
        "Part of the {a} are {b}.", "There exist {a} among the {b}.",
    ),
    "no": (
        "The {a} include no {b}.", "It is true of no {a} that they are {b}.", "Being a {a} rules out being a {b}.",
        "There is no {a} that is a {b}.", "Whenever something is a {a}, it is not a {b}.", "Not a single {a} is a {b}.",
        "One cannot be a {a} and a {b} at once.", "There exist no {a} among the {b}.",
    ),
}  # fmt: skip
TESTS = {
    "all": (
        "Every {a} is a {b}.", "Every one of the {a} is a {b}.", "Every {a} can be called a {b}.", "Every {a} counts as a {b}.",
        "Every {a} belongs to the {b}.", "Every {a} is among the {b}.", "Every {a} turns out to be a {b}.",
        "Every {a} proves to be a {b}.",
    ),
    "some": (
        "At least one {a} is a {b}.", "At least one of the {a} is a {b}.", "At least one {a} can be called a {b}.",
        "At least one {a} counts as a {b}.", "At least one {a} belongs to the {b}.", "At least one {a} is among the {b}.",
        "At least one {a} turns out to be a {b}.", "At least one {a} proves to be a {b}.",
    ),
    "no": (
        "Not one {a} is a {b}.", "Not one of the {a} is a {b}.", "Not one {a} can be called a {b}.",
        "Not one {a} counts as a {b}.", "Not one {a} belongs to the {b}.", "Not one {a} is among the {b}.",
        "Not one {a} turns out to be a {b}.", "Not one {a} proves to be a {b}.",
    ),
}  # fmt: skip
