"""The wordings of the semantic structure, in three banks: ``DOCUMENTS.stem(claim, False, 0)`` is ``"femp are a kind of"``.

A bank has eight wordings per predicate with the category first, of things and of their denials, and eight with the
category last. No two banks share one: what documents say in some words, rules infer in others, and questions ask in
others again, so that no answer can be had by going on with a sentence that was read. Every wording ends in the word
that questions ask for.

A category never begins a sentence: a lead does ("As it happens, femp can bilku."), so that a word is written, and cut
into tokens, in one way wherever it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from icl_ft_plugin.families.semantic.hierarchy import Claim

N_FORMS = 8
GROUPS = {
    "is a": "{}",
    "are": "things that are {}",
    "have": "things that have {}",
    "can": "things that can {}",
    "do": "things that {} {}",
    "are not": "things that are not {}",
    "have no": "things that have no {}",
    "cannot": "things that cannot {}",
}


@dataclass(frozen=True, slots=True)
class Bank:
    """Wordings for one use.

    Attributes:
        forward: By predicate, with the category first; ``{}`` is the category, and the verb of a relation.
        backward: With the category last; ``{}`` is a group, such as "things that can bilku".
        leads: What a sentence begins with.
    """

    forward: Mapping[str, tuple[str, ...]]
    backward: tuple[str, ...]
    leads: tuple[str, ...]

    def stem(self, claim: Claim, backward: bool, form: int) -> str:
        """Return a statement of ``claim`` without its last word.

        Args:
            claim: What is stated.
            backward: Whether the category comes last.
            form: 0 to 7.
        """
        if backward:
            return self.backward[form].format(GROUPS[claim.predicate].format(*claim.arguments[1:]))
        return self.forward[claim.predicate][form].format(*claim.arguments[:-1])

    def statement(self, claim: Claim, backward: bool, form: int) -> str:
        """Return the whole statement, without lead or full stop."""
        return f"{self.stem(claim, backward, form)} {last_word(claim, backward)}"


def last_word(claim: Claim, backward: bool) -> str:
    """Return the word that completes a stem."""
    return claim.subject if backward else claim.value


DOCUMENTS = Bank(
    forward={
        "is a": (
            "{} are a kind of", "{} are a sort of", "{} are a form of", "{} are among the",
            "{} are part of the", "{} are members of the", "{} count among the", "{} fall under",
        ),
        "are": (
            "{} are", "{} are found to be", "{} turn out to be", "{} are described as",
            "{} are noted for being", "{} are seen as", "{} have long been", "{} prove to be",
        ),
        "have": (
            "{} have", "{} possess", "{} come with", "{} are seen with",
            "{} can be told by their", "{} are made with", "{} are seen to have", "{} feature",
        ),
        "can": (
            "{} can", "{} have the power to", "{} manage to", "{} have what it takes to",
            "{} are fit to", "{} are made to", "{} are free to", "{} can be seen to",
        ),
        "do": (
            "{} {}", "{} often {}", "{} regularly {}", "{} tend to {}",
            "{} are seen to {}", "{} have been seen to {}", "{} are apt to {}", "{} still {}",
        ),
        "are not": (
            "{} are not", "{} are never", "{} are far from being", "{} are anything but",
            "{} are by no means", "{} turn out not to be", "{} have never been", "{} fail to be",
        ),
        "have no": (
            "{} have no", "{} lack", "{} do not have", "{} come without",
            "{} do without", "{} are short of", "{} never have", "{} go without",
        ),
        "cannot": (
            "{} cannot", "{} are unable to", "{} fail to", "{} do not",
            "{} have no way to", "{} have no power to", "{} are not fit to", "{} never",
        ),
    },
    backward=(
        "kinds of {} include", "among {} one finds", "the list of {} includes", "a list of {} names",
        "the ranks of {} include", "a survey of {} turns up", "under {} come", "a look at {} shows",
    ),
    leads=(),  # those of the styles
)  # fmt: skip

INFERENCES = Bank(
    forward={
        "is a": (
            "{} are one kind of", "{} are one sort of", "{} are counted as", "{} are listed under",
            "{} are grouped under", "{} rank among the", "{} make up one kind of", "{} are part of the family of",
        ),
        "are": (
            "{} are clearly", "{} are seen to be", "{} are shown to be", "{} are regarded as",
            "{} can be described as", "{} are considered to be", "{} must be", "{} are naturally",
        ),
        "have": (
            "{} clearly have", "{} are found with", "{} are shown to have", "{} must have",
            "{} are marked by their", "{} do have", "{} naturally have", "{} are provided with",
        ),
        "can": (
            "{} can clearly", "{} can indeed", "{} have the capacity to", "{} must be able to",
            "{} can naturally", "{} possess the ability to", "{} are shown to be able to", "{} have a way to",
        ),
        "do": (
            "{} clearly {}", "{} do {}", "{} naturally {}", "{} are shown to {}",
            "{} are found to {}", "{} must {}", "{} indeed {}", "{} frequently {}",
        ),
        "are not": (
            "{} are clearly not", "{} are shown not to be", "{} must not be called", "{} are in no way",
            "{} are naturally not", "{} cannot be described as", "{} are not at all", "{} are not considered to be",
        ),
        "have no": (
            "{} clearly have no", "{} are found without", "{} are shown to have no", "{} must lack",
            "{} are marked by a lack of", "{} naturally have no", "{} have a want of", "{} are not provided with",
        ),
        "cannot": (
            "{} clearly cannot", "{} are not able to", "{} have no means to", "{} are shown to be unable to",
            "{} naturally cannot", "{} do not have the capacity to", "{} cannot even", "{} are in no position to",
        ),
    },
    backward=(
        "the class of {} includes", "one kind of {} are", "instances of {} are", "to the {} belong",
        "a full count of {} includes", "the set of {} contains", "those who look for {} find", "counted as {} are",
    ),
    leads=(
        "It follows that ", "This means that ", "So ", "Hence ", "Therefore, ", "In other words, ", "Accordingly, ", "Thus ",
    ),
)  # fmt: skip

TESTS = Bank(
    forward={
        "is a": (
            "{} are a type of", "{} are classed as", "{} belong to the", "{} are one type of",
            "{} are to be classed as", "{} are placed among the", "{} are known as a type of", "{} are treated as a type of",
        ),
        "are": (
            "{} are known to be", "{} are by nature", "{} are in fact", "{} are said to be",
            "{} are certainly", "{} are as a rule", "{} are known for being", "{} are taken to be",
        ),
        "have": (
            "{} are known to have", "{} by nature have", "{} in fact have", "{} are said to have",
            "{} certainly have", "{} as a rule have", "{} are known for their", "{} are taken to have",
        ),
        "can": (
            "{} are able to", "{} by nature can", "{} in fact can", "{} are said to be able to",
            "{} can certainly", "{} as a rule can", "{} are known to be able to", "{} are by nature able to",
        ),
        "do": (
            "{} are known to {}", "{} by nature {}", "{} in fact {}", "{} are said to {}",
            "{} certainly {}", "{} as a rule {}", "{} are known for how they {}", "{} are taken to {}",
        ),
    },
    backward=(
        "among {} are", "examples of {} are", "the group of {} contains", "the group of {} includes",
        "among the known {} are", "typical {} are", "the best known {} are", "well known {} are",
    ),
    leads=(
        "In general, ", "Everyone knows that ", "They say that ", "Of course, ",
        "It is well known that ", "Experts say that ", "Remember that ", "To be precise, ",
    ),
)  # fmt: skip

BANKS = (DOCUMENTS, INFERENCES, TESTS)
