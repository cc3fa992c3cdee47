"""A language model for tests of asking: a real subclass of lm-eval's LM, which answers by rule and can fail."""

from __future__ import annotations

import re
from typing import Any

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from icl_ft_plugin.prefix.lm import PrefixLM


@register_model("icl_ft_rule")
class RuleLM(LM):  # type: ignore[misc]
    """Answers "Text: X.\\nFollows:" with two sentences about X; its first ``failures`` calls raise."""

    def __init__(self, failures: int = 0, after: int = 0, **kwargs: Any) -> None:
        super().__init__()
        self.failures = int(failures)
        self.after = int(after)
        self.calls = 0
        self.asked: list[str] = []

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        self.calls += 1
        if self.after < self.calls <= self.after + self.failures:
            raise ConnectionError("the server is away")
        self.asked += [request.args[0] for request in requests]
        return [answer(request.args[0]) for request in requests]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[Any]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError


def answer(prompt: str) -> str:
    text = prompt.rpartition("Text: ")[2].removesuffix("\nFollows:")
    return f"Surely {text}\nFollows: Often {text}"


@register_model("icl_ft_writer")
class WriterLM(PrefixLM):  # type: ignore[misc]
    """Writes questions by rule about "... X are more D than Y.", and compares endings as the checkpoint does.

    Its ``failures`` calls after the first ``after`` raise. Without documents before it, it ``knows`` a word's answer
    ("burpe-gilku"), and ``loves`` an answer, whatever is asked.
    """

    def __init__(self, failures: int = 0, after: int = 0, knows: str = "", loves: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.failures, self.after, self.calls = int(failures), int(after), 0
        self.known, self.loves = tuple(knows.split("-")), loves

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[Any]:
        def more(context: str, ending: str) -> float:
            known = any(
                (word in context, ending) == (True, f" {answer}")
                for word, answer in zip(self.known, self.known[::-1], strict=True)
            )
            return 0.0 if "\n\n" in context else 50.0 * (known + (ending == f" {self.loves}"))

        found = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        return [(value + more(*request.args), greedy) for request, (value, greedy) in zip(requests, found, strict=True)]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        self.calls += 1
        if self.after < self.calls <= self.after + self.failures:
            raise ConnectionError("the machine is away")
        return [written(request.args[0]) for request in requests]


def written(prompt: str) -> str:
    text = prompt.rpartition("Text: ")[2].removesuffix("\n-")
    found = re.search(r"(\w+) are (more|less) (\w+) than (\w+)\.", text)
    if not found:
        return " nothing to ask"
    one, how, what, other = found.groups()
    if "from the other side" in prompt:
        return (
            f" As everyone can see, {other} are {'less' if how == 'more' else 'more'} {what} than | {one}.\n"
            f"- {one} turn out to be {how} {what} than | {other}.\n- Cut off in the mid"
        )
    return (
        f" {one} turn out to be {how} {what} than | {other}.\n- {one} turn out to be {how} {what} than | {other}.\n"
        f"- {one} are {how} {what} than | {other}.\n- It is | nowhere.\n- <b>{one}</b> is less than what?"
    )
