"""Templates of prompts: jinja in a sandbox that can neither run for ever nor write without end.

For example ``render("{{ question }}", "prompt 'plain'", {"question": "glon are"})`` is ``"glon are"``, and of
``"{{ 'a' * 10**9 }}"`` it raises ``prompt 'plain': its template cannot be rendered: more than 10000000 characters``.
What a template may say is listed here; all that repeats or makes a text longer is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from icl_ft_plugin.errors import UsageError, cut, shown

if TYPE_CHECKING:
    from jinja2.runtime import Context


MOST_CHARACTERS = 10_000_000  # of a text, also of one in between
MOST_SECONDS = 2.0
_MOST_BITS = 4096  # of a number
_NO_FILTERS = [
    "attr",
    "batch",
    "center",
    "filesizeformat",
    "format",
    "groupby",
    "map",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "select",
    "selectattr",
    "slice",
    "sum",
    "tojson",
    "truncate",
    "urlize",
    "wordwrap",
    "xmlattr",
]
_CALLS = {"strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "split", "splitlines", "startswith"}
_CALLS |= {"endswith", "removeprefix", "removesuffix", "items", "keys", "values", "get", "count", "find", "index"}
_NO_NODES = (
    nodes.Macro, nodes.CallBlock, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block,
)  # fmt: skip


class _Refused(TemplateError):
    """The template asks for what is not to be had here."""


def _sized(value: object) -> object:
    """Return what an operation has made, unless it is too long."""
    if isinstance(value, str | list | tuple) and len(value) > MOST_CHARACTERS:
        raise _Refused(f"more than {MOST_CHARACTERS} characters")
    return value


def _join(value: Iterable[Any], d: str = "", attribute: object = None) -> str:
    texts = [str(entry if attribute is None else entry[attribute]) for entry in value]
    if sum(map(len, texts)) + len(texts) * len(str(d)) > MOST_CHARACTERS:
        raise _Refused(f"more than {MOST_CHARACTERS} characters")
    return str(d).join(texts)


def _replace(value: object, old: str, new: str) -> str:
    text = str(value)
    if len(text) + text.count(old) * len(new) > MOST_CHARACTERS:
        raise _Refused(f"more than {MOST_CHARACTERS} characters")
    return text.replace(old, new)


def _indent(text: object, width: int = 4, first: bool = False) -> str:
    lines = str(text).split("\n")
    if type(width) is not int or len(lines) * width > MOST_CHARACTERS:
        raise _Refused(f"more than {MOST_CHARACTERS} characters")
    return "\n".join(" " * width + line if line and (i or first) else line for i, line in enumerate(lines))


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with counted steps and sizes."""

    intercepted_binops = frozenset(["+", "*", "**", "%", "//", "/", "-"])

    def __init__(self, **options: bool) -> None:
        super().__init__(undefined=StrictUndefined, **options)
        self.filters = {name: found for name, found in self.filters.items() if name not in _NO_FILTERS}
        self.filters |= {"join": _join, "replace": _replace, "indent": _indent}
        self.globals = {"range": self.globals["range"], "namespace": self.globals["namespace"]}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> object:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator in ("*", "**", "%") and not numbers:
            times = next((value for value in (left, right) if isinstance(value, int)), None)
            text = next((value for value in (left, right) if isinstance(value, str | list | tuple)), None)
            if operator != "*" or times is None or text is None:
                raise _Refused(f"{operator} takes numbers")
            if len(text) * times > MOST_CHARACTERS:
                raise _Refused(f"more than {MOST_CHARACTERS} characters")
        if operator == "**" and (abs(right) > _MOST_BITS or abs(left) > _MOST_BITS):
            raise _Refused("a number is too large")
        value = _sized(super().call_binop(context, operator, left, right))
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise _Refused("a number is too large")
        return value


def _checked(tree: nodes.Template, place: str) -> nodes.Template:
    """Refuse what could not be counted, and have the rest counted."""
    for node in tree.find_all(_NO_NODES):
        raise _Refused(f"{place}, line {node.lineno}: {type(node).__name__.lower()} is not to be had in a template")
    for call in tree.find_all(nodes.Call):
        named = call.node.name if isinstance(call.node, nodes.Name) else ""
        method = call.node.attr if isinstance(call.node, nodes.Getattr) else ""
        if named not in ("range", "namespace") and method not in _CALLS:
            raise _Refused(f"line {call.lineno}: {named or method or 'a call'}() is not to be had in a template")
    for loop in tree.find_all(nodes.For):
        loop.body.insert(0, nodes.ExprStmt(_call("_step", [], loop.lineno), lineno=loop.lineno))
    _replace_concatenations(tree)
    return tree


def _replace_concatenations(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            _replace_concatenations(value)
            setattr(node, name, _counted(value))
        elif isinstance(value, list):
            for entry in value:
                if isinstance(entry, nodes.Node):
                    _replace_concatenations(entry)
            setattr(node, name, [_counted(entry) for entry in value])


def _counted(value: object) -> object:
    return _call("_concat", value.nodes, value.lineno) if isinstance(value, nodes.Concat) else value


def _call(name: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    return nodes.Call(nodes.Name(name, "load", lineno=line), arguments, [], None, None, lineno=line)


@lru_cache(maxsize=32)
def compiled(source: str, **options: bool) -> Template:
    """Return a template.

    Args:
        source: Its text.
        **options: Of jinja's environment.

    Raises:
        jinja2.TemplateError: It cannot be parsed, or asks for what is not to be had.
    """
    environment = _Environment(**options)
    try:
        return environment.from_string(_checked(environment.parse(source), "template"))
    except (RecursionError, MemoryError, OverflowError, SyntaxError, ValueError) as error:
        raise _Refused(cut(str(error)) or type(error).__name__) from error


def render(source: str, place: str, values: Mapping[str, object], **options: bool) -> str:
    """Return a rendered template.

    Args:
        source: The template.
        place: What it is, for the message.
        values: What it sees.
        **options: Of jinja's environment.

    Raises:
        UsageError: It asks for what is not there, or for more time or room than a prompt takes.
    """
    end = time.monotonic() + MOST_SECONDS

    def step() -> str:
        if time.monotonic() > end:
            raise _Refused(f"more than {MOST_SECONDS:g} seconds")
        return ""

    def concat(*parts: object) -> str:
        return _join(parts)

    try:
        parts, size = [], 0
        for part in compiled(source, **options).generate(_step=step, _concat=concat, **values):
            parts.append(part)
            size += len(part)
            if size > MOST_CHARACTERS:
                raise _Refused(f"more than {MOST_CHARACTERS} characters")
            step()
        return "".join(parts)
    except Exception as error:  # whatever a template comes upon
        told = cut(str(error), 200) or shown(error)
        raise UsageError(f"{place}: its template cannot be rendered: {told}") from error
