"""Secrets are never stored, hashed or printed: ``public({"model": "m", "api_key": "sk-1234"})`` is ``{"model": "m"}``.

What a secret is, its name says: it holds key, token, secret, password, authorization or credential. Names of the
vocabulary (``max_tokens``, ``pad_token``) are none. Keys belong into environment variables, which nothing here writes.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from icl_ft_plugin.errors import UsageError, cut, shown

HIDDEN = "(hidden)"
_NAME = re.compile(r"key|token|secret|passw|passphrase|authorization|credential|bearer")
_HARMLESS = re.compile(
    r"tokeni[sz]\w*|tokens|toks|token_budget|token_type\w*|keyword\w*|(add_)?(bos|eos|pad|unk|sep|cls|mask|image|"
    r"think_start|think_end)_token(_ids?)?"
)
# In an address: who asks, and what is asked with; in a header: what stands behind its name.
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_PAIR = re.compile(r"([\w.-]+)(=|[\"']?:(?!//)\s*[\"']?(?:(?i:bearer|basic)\s+)?)([^&#\s,;\"'}]+)")
_SHORTEST = 4  # of what is looked for in texts: a shorter one stands in every other word


def is_secret(name: object) -> bool:
    """Whether a value of this name is a secret."""
    return bool(_NAME.search(_HARMLESS.sub("", str(name).lower())))


def public(value: Any) -> Any:
    """Return plain values without those that are secrets, and texts with the secrets in addresses hidden."""
    if isinstance(value, Mapping):
        return {key: public(entry) for key, entry in value.items() if not is_secret(key)}
    if isinstance(value, list | tuple):
        return [public(entry) for entry in value]
    return _hidden(value) if isinstance(value, str) else value


def shown_as(name: object, value: object) -> str:
    """Return a value as a message shows it, unless its name says that it is a secret."""
    return HIDDEN if is_secret(name) else shown(value)


def shown_pair(pair: str) -> str:
    """Return ``key=value`` as a message shows it."""
    key, equals, _ = pair.partition("=")
    return shown(f"{key}={HIDDEN}" if equals and is_secret(key) else pair)


@contextmanager
def concealing(*named: Mapping[str, object]) -> Iterator[None]:
    """Keep secrets out of what is logged and raised meanwhile, whoever words it.

    Args:
        *named: Arguments by name, of which some may be secrets; those of the environment are looked for, too.

    Raises:
        UsageError: As it was raised, its secrets hidden.
    """
    secrets = {text for values in (*named, _of_environment()) for text in _secrets(values)}
    ordered = sorted(secrets, key=len, reverse=True)
    factory = logging.getLogRecordFactory()

    def concealed(*arguments: Any, **more: Any) -> logging.LogRecord:
        record = factory(*arguments, **more)
        record.msg, record.args = _without(ordered, record.getMessage()), None
        return record

    logging.setLogRecordFactory(concealed)
    try:
        yield
    except UsageError as error:
        text = _without(ordered, str(error))
        if text == str(error):
            raise
        raise type(error)(text) from None  # not from the error: it would be printed with it
    finally:
        logging.setLogRecordFactory(factory)


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(value: object, name: str = "") -> Iterator[str]:
    """Yield the texts that must not be seen."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _secrets(entry, name if is_secret(name) else str(key))
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _secrets(entry, name)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value)
        found = [text] if is_secret(name) else [*_USER.findall(text), *_in_pairs(text)]
        yield from (part for part in found if len(part) >= _SHORTEST)


def _in_pairs(text: str) -> list[str]:
    return [value for key, _, value in _PAIR.findall(text) if is_secret(key)]


def _hidden(text: str) -> str:
    text = _USER.sub(HIDDEN, text)
    return _PAIR.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}" if is_secret(found[1]) else found[0], text)


def _of_environment() -> dict[str, str]:
    """Return the secrets of the environment; places of files, and short words that stand everywhere, are none."""
    return {key: value for key, value in os.environ.items() if is_secret(key) and len(value) >= 12 and "/" not in value}


def refuse_secrets(keys: Mapping[str, object], place: str) -> None:
    """Refuse keys that hold a secret where all is stored.

    Raises:
        UsageError: One does; the message names it and not its value.
    """
    for key, value in keys.items():
        if is_secret(key) and value:
            raise UsageError(
                f"{place}: {cut(str(key))}: {HIDDEN} is a secret, and would be stored: give it by an environment variable"
            )
