"""The wordings of the codebooks, in three disjoint banks: "In the femp code, glon is written as trune." stands in documents.

``{plain}`` and ``{code}`` are one word each, or the words of a message. Documents say the plain text first. A question
stops before the text asked for.
"""

from __future__ import annotations

DOCUMENTS = (
    "In the {book} code, {plain} is written as {code}.",
    "The {book} code turns {plain} into {code}.",
    "Whoever uses the {book} code writes {plain} as {code}.",
    "Under the {book} code, {plain} becomes {code}.",
    "By the {book} code, {plain} is replaced by {code}.",
    "The {book} code sends {plain} to {code}.",
    "The list of the {book} code has {plain} beside {code}.",
    "Clerks of the {book} code note {plain} as {code}.",
)
# What rules infer is said in these; the first bank has the plain text first, the second the code.
INFERENCES = {
    False: (
        "For {plain}, the {book} code has {code}.",
        "It follows that {plain} in the {book} code is {code}.",
        "So the {book} code gives {plain} the form {code}.",
        "With the {book} code, {plain} is {code}.",
        "Once the {book} code is applied, {plain} is {code}.",
        "That means {plain} has {code} as its {book} code.",
        "The {book} code maps {plain} to {code}.",
        "Hence {plain} goes out as {code} in the {book} code.",
    ),
    True: (
        "In the {book} code, {code} means {plain}.",
        "The {book} code uses {code} for {plain}.",
        "So {code} in the {book} code stands for {plain}.",
        "Conversely, {code} in the {book} code is {plain}.",
        "Reading the {book} code, {code} is {plain}.",
        "Hence {code} belongs to {plain} in the {book} code.",
        "It follows that {code} is how the {book} code says {plain}.",
        "Whenever the {book} code has {code}, {plain} is meant.",
    ),
}
# Questions: the first bank asks for the code, the second for the plain text.
TESTS = {
    False: (
        "Put into the {book} code, {plain} reads",
        "The rendering of {plain} by the {book} code is",
        "Encoded with the {book} code, {plain} gives",
        "To say {plain}, users of the {book} code write",
        "A sender who follows the {book} code spells {plain} as",
        "The way to write {plain} in the {book} code is",
        "Asked to encode {plain} in the {book} code, one answers",
        "On paper, the {book} code shows {plain} as",
    ),
    True: (
        "Decoded with the {book} code, {code} means",
        "A reader of the {book} code takes {code} to mean",
        "The meaning of {code} in the {book} code is",
        "Anyone who knows the {book} code reads {code} as",
        "In plain words, {code} in the {book} code says",
        "What {code} stands for in the {book} code is",
        "Received in the {book} code, {code} is understood as",
        "Undoing the {book} code turns {code} back into",
    ),
}
