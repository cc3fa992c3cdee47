"""A template of a prompt ends soon, and writes no more than a prompt holds."""

from __future__ import annotations

import time

import pytest

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.guard import templates

ENDLESS = [
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ 9**9**9 }}",
    "{{ 2**4096 * 2**4096 * 2**4096 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ range(10**9) | list }}",
    "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=[1, 2]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=7) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ ('x\n' * 9999) | indent(10**6) }}",
    "{{ ('x' * 9999) | replace('x', 'y' * 9999) }}",
    "{{ (['x'] * 9999) | join('y' * 9999) }}",
    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "{% include 'x' %}",
    "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
    "{{ text.__class__ }}",
    "{{ nothing }}",
    "{{ 1 / 0 }}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_what_never_ends_or_is_not_there_is_one_message_soon(source: str) -> None:
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"^prompt 'p': its template cannot be rendered: .") as error:
        templates.render(source, "prompt 'p'", {"text": "t"})
    assert time.monotonic() - begun < 5
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("{{ text | upper }}: {{ documents | join('\n') }}", "T: a\nb"),
        ("{% for document in documents %}{{ loop.index }}. {{ document.strip() ~ '!' }} {% endfor %}", "1. a! 2. b! "),
        ("{% set n = 2 + 3 * 4 %}{{ n }}{{ '-' * 3 }}{{ 'a' + 'b' }}", "14---ab"),
        ("{% if documents %}{{ documents | length }}{% else %}none{% endif %}", "2"),
        ("{{ text | replace('t', 'T') | indent(2, first=True) }}", "  T"),
    ],
)
def test_what_prompts_say_is_rendered(source: str, rendered: str) -> None:
    assert templates.render(source, "prompt 'p'", {"text": "t", "documents": ["a", "b"]}) == rendered
