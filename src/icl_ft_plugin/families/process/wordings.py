"""The wordings of the process, in three banks: ``DOCUMENTS[0]`` makes "The bilku of sin(x) is cos(x).".

Documents, inferences and questions each have eight of their own, and inferences eight more with the result first. Each
holds "the bilku of sin(x)", words that no other bank has, and the result, which comes last in all but those.
"""

from __future__ import annotations

import re

# What stands between the expression and its result.
DOCUMENTS = (
    "The {0} of {1} is",
    "As an example, the {0} of {1} comes to",
    "By the same rules, the {0} of {1} is equal to",
    "In the same way, the {0} of {1} turns out to be",
    "Here is one more: the {0} of {1} makes",
    "Worked out by hand, the {0} of {1} becomes",
    "In the tables, the {0} of {1} reads",
    "We have seen that the {0} of {1} works out as",
)
INFERENCES = (
    "Taking the {0} of {1} gives",
    "It follows that the {0} of {1} equals",
    "So the {0} of {1} must be",
    "Therefore, the {0} of {1} yields",
    "In other words, the {0} of {1} leads to",
    "Hence the {0} of {1} amounts to",
    "This means that the {0} of {1} produces",
    "Thus the {0} of {1} is given by",
)
REVERSED = (
    "As we see, {2} is the {0} of {1}.",
    "It follows that {2} is the {0} of {1}.",
    "So {2} is the {0} of {1}.",
    "Therefore, {2} is the {0} of {1}.",
    "In other words, {2} is the {0} of {1}.",
    "Hence {2} is the {0} of {1}.",
    "This means that {2} is the {0} of {1}.",
    "Thus {2} is the {0} of {1}.",
)
TESTS = (
    "In general, the {0} of {1} evaluates to",
    "Everyone agrees that the {0} of {1} has the value",
    "To be precise, the {0} of {1} results in",
    "On paper, the {0} of {1} can be written as",
    "Remember that the {0} of {1} has to be",
    "Experts say that the {0} of {1} should be",
    "Of course, the {0} of {1} will be",
    "With these rules, the {0} of {1} has to come out as",
)
BANKS = (DOCUMENTS, INFERENCES, TESTS)
_VERBS = {wording.partition("{1} ")[2] for bank in BANKS for wording in bank}
# The longest first: "is equal to" is not "is".
VERBS = "|".join(re.escape(verb) for verb in sorted(_VERBS, key=lambda verb: (-len(verb), verb)))
