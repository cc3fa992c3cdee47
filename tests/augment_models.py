"""A language model for tests of asking: a real subclass of lm-eval's LM, which answers by rule and can fail."""

from __future__ import annotations

from typing import Any

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model


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

    def loglikelihood(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError


def answer(prompt: str) -> str:
    text = prompt.rpartition("Text: ")[2].removesuffix("\nFollows:")
    return f"Surely {text}\nFollows: Often {text}"
