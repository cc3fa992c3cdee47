"""The one exception that means "you asked for something that cannot be done": message, exit code 2."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 110


class UsageError(ValueError):
    """An error of use: the message names the offending key, its value, its place and the fix.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> try:
        ...     icl_ft.generate("reversl")
        ... except icl_ft.UsageError as error:
        ...     print(str(error).endswith("(did you mean 'reversal'?)"))
        True
    """


def printable(text: str) -> str:
    """Return a text with what cannot be printed escaped: names and models' words may hold codes that a terminal obeys."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def listed(faults: Sequence[str], most: int = 400) -> str:
    """Return as many faults, a line each, as fit into a message, the first in any case, and how many more there are."""
    told = max(1, next((n for n in range(len(faults)) if sum(map(len, faults[: n + 1])) > most), len(faults)))
    more = [f"... and {len(faults) - told} more"] if told < len(faults) else []
    return "\n".join([*faults[:told], *more])


def cut(text: str, most: int = 120) -> str:
    """Return a text fit for a line of a message: what cannot be printed is escaped, what is too long is cut."""
    line = printable(text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def shown(value: object, most: int = 120) -> str:
    """Return a value as a message shows it: like ``repr``, but short, however long the value is."""
    return cut(_REPR.repr(value), most)


def suggest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=cutoff)
    return f" (did you mean {shown(near[0])}?)" if near else ""
