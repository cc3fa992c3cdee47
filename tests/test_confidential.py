"""What is a secret, and that it stands nowhere."""

from __future__ import annotations

import logging

import pytest

from icl_ft_plugin.config import overrides_from, parsed, set_key
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import make_config
from icl_ft_plugin.guard.confidential import concealing, is_secret, public
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.study.schema import StudyConfig

SECRET = "sk-5e7c"


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "OPENAI_API_KEY", "key", "token", "hub_token", "auth_token", "client_secret"]
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name) and is_secret(name.upper()) and public({name: SECRET, "model": "m"}) == {"model": "m"}


@pytest.mark.parametrize("name", ["password", "passwd", "Authorization", "credentials", "x-api-key", "token_id"])
def test_further_names_of_secrets(name: str) -> None:
    assert is_secret(name)


VOCABULARY = (
    "max_tokens tokenizer tokenized_requests tokenizer_backend pad_token add_bos_token token_budget eos_token_id"
)
VOCABULARY += " context_tokens max_gen_toks think_end_token model base_url keep_checkpoints"


@pytest.mark.parametrize("name", VOCABULARY.split())
def test_names_of_the_vocabulary_are_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "text",
    [
        f"http://me:{SECRET}@host/v1",
        f"https://host/v1?api_key={SECRET}&n=1",
        f"Authorization: Bearer {SECRET}",
        f'{{"Authorization": "{SECRET}"}}',
    ],
)
def test_secrets_in_addresses_and_headers_are_hidden(text: str) -> None:
    shown = public({"base_url": [text]})["base_url"][0]
    assert SECRET not in shown and "(hidden)" in shown
    with pytest.raises(UsageError) as error, concealing({"base_url": text}):
        raise UsageError(f"no answer: {text}")
    assert SECRET not in str(error.value)


def test_messages_of_others_are_worded_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError) as error, concealing({"header": {"Authorization": SECRET}}):
        logging.getLogger("theirs").warning("asking with %r", {"key": SECRET})
        raise UsageError(f"401: {SECRET} is wrong") from ValueError(SECRET)
    assert str(error.value) == "401: (hidden) is wrong" and error.value.__suppress_context__
    assert "asking with" in caplog.text and SECRET not in caplog.text


def test_secrets_of_the_environment_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-of-the-environment")
    with pytest.raises(UsageError) as error, concealing():
        raise UsageError("wrong: sk-of-the-environment")
    assert str(error.value) == "wrong: (hidden)"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: overrides_from([f"api_key={SECRET}", f"api_key={SECRET}"]),
        lambda: overrides_from([f"api_key={{{SECRET}"]),
        lambda: set_key({"models": 1}, f"models.token={SECRET}", "the study file"),
        lambda: parsed(StudyConfig, {"api_key": SECRET}, "s.yaml"),
        lambda: parsed(StudyConfig, {"worlds": [{"family": "reversal", "config": 3, "hub_token": SECRET}]}, "s.yaml"),
        lambda: make_config("reversal", {"token": SECRET}),
        lambda: task_documents("reversal", n_fact_token=SECRET, n_factss=3),
    ],
)
def test_no_message_shows_the_value_of_a_key_that_is_named_like_a_secret(ask: object) -> None:
    with pytest.raises(UsageError) as error:
        ask()  # type: ignore[operator]
    assert SECRET not in str(error.value)
