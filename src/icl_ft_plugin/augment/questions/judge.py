"""What the untouched model makes of candidates: with their evidence before them, and without.

For example, of "Odan Pell is at the head of" the endings "the Gull Desk" and "the Bell Desk" get two log-likelihoods behind the
document that tells it, and two behind nothing. The prompts are those of the tasks (``recipes/prompts/questions/plain.yaml``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from icl_ft_plugin.augment.generate import Announce, persist
from icl_ft_plugin.augment.journal import Answer, Journal
from icl_ft_plugin.augment.questions.candidates import Candidate
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.told import plain
from icl_ft_plugin.harness.prompts import load_question_prompt
from icl_ft_plugin.paths import PLAIN
from icl_ft_plugin.schema import content_hash

if TYPE_CHECKING:
    from lm_eval.api.model import LM


CHUNK = 16  # questions between two entries of the journal
LENGTHS = 3.0  # answers one of which is so many times as long as the other do not stand side by side


class Judge:
    """A model that compares endings.

    Args:
        lm: An lm-eval model.
        identity: What names it, e.g. the hash of its files.
        journal: Where its scores are kept.
        announce: Called with the number of scored questions and of all.
        attempts: How often a failing model is asked.

    Raises:
        UsageError: The model gives no log-likelihoods.
    """

    def __init__(self, lm: LM, identity: str, journal: Journal, announce: Announce, attempts: int) -> None:
        self._lm, self._identity, self._journal, self._announce = lm, identity, journal, announce
        self._attempts = attempts
        self._prompt = load_question_prompt(PLAIN)
        try:
            asking = partial(self._score, [("Water is", ["wet"])])
            persist(lm, asking, lambda: "it has scored nothing yet", journal, attempts)
        except NotImplementedError as error:
            raise UsageError(
                "--model: it gives no log-likelihoods, without which its questions cannot be sifted; take one that does "
                "(icl_ft_hf, hf, vllm, local-completions)"
            ) from error

    def scores(self, asked: Sequence[tuple[Candidate, list[str]]], *, closed: bool = False) -> list[list[float]]:
        """Return the log-likelihood of each ending of each candidate.

        Args:
            asked: Candidates with endings.
            closed: Without the evidence in the prompt.
        """
        prompts = [(self._context(c, closed), endings) for c, endings in asked]
        keys = [content_hash({"model": self._identity, "scored": prompt}) for prompt in prompts]
        missing = [i for i, key in enumerate(keys) if key not in self._journal.answers]
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            done = len(keys) - len(missing) + start
            self._announce(done, len(keys))
            asking = partial(self._score, [prompts[i] for i in chunk])
            told = f"{len(keys) - done} of {len(keys)} questions are not scored"
            found = persist(self._lm, asking, partial(str, told), self._journal, self._attempts)
            self._journal.add(
                {keys[i]: Answer(json.dumps(values), None, None) for i, values in zip(chunk, found, strict=True)}
            )
        return [json.loads(self._journal.answers[key].raw) for key in keys]

    def _context(self, c: Candidate, closed: bool) -> str:
        documents = "" if closed else "\n".join(document.text for document in c.evidence)
        return self._prompt.render(c.stem, documents=documents)

    def _score(self, prompts: Sequence[tuple[str, list[str]]]) -> list[list[float]]:
        from lm_eval.api.instance import Instance

        pairs = [(context, f" {ending}") for context, endings in prompts for ending in endings]
        requests = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
        values = iter([float(value) for value, _ in self._lm.loglikelihood(requests, disable_tqdm=True)])
        return [[next(values) for _ in endings] for _, endings in prompts]


def alike(a: Candidate, b: Candidate) -> bool:
    """Return whether the answer of ``b`` can stand beside that of ``a`` without giving itself away by its form."""
    one, other = a.answer, b.answer
    if plain(one).strip() in plain(other) or plain(other).strip() in plain(one) or plain(other) in plain(a.stem):
        return False
    return _form(one) == _form(other) and max(len(one), len(other)) < LENGTHS * min(len(one), len(other))


def _form(answer: str) -> tuple[bool, bool, str]:
    """Return what is seen of an answer at a glance: whether it begins with a capital, has digits, and its article."""
    first = answer.split()[0]
    article = first.casefold() if first.casefold() in ("a", "an", "the", "to", "in", "on", "at", "by") else ""
    return first[0].isupper(), any(letter.isdigit() for letter in answer), article
