"""One test for many files, tasks or modules: every value is tried, and all that fail are named together."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def each(name: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call the test once for each value of its parameter ``name``.

    It fails where one call fails, or where there is nothing to try; the message names each value that failed.
    """
    listed = list(values)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def tried(*args: Any, **kwargs: Any) -> None:
            assert listed, f"no {name} to try"
            failed = {}
            for value in listed:
                try:
                    test(*args, **{name: value}, **kwargs)
                except Exception as error:
                    failed[str(value)] = error
            if failed:
                lines = [f"{name} {value}: {type(error).__name__}: {error}" for value, error in failed.items()]
                raise AssertionError("\n".join(lines)) from next(iter(failed.values()))

        signature = inspect.signature(test)
        kept = [parameter for parameter in signature.parameters.values() if parameter.name != name]
        tried.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return tried

    return decorate
