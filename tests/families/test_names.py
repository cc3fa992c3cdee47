"""Nothing outside the families knows one by its name: a new family is one folder, one line and data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from icl_ft_plugin.families import generated

PACKAGE = Path(__file__).parents[2] / "src" / "icl_ft_plugin"
# "process" is the operating system's word too: alone in a string, or as a module, it is the family.
NAMES = re.compile("|".join({*generated()} - {"process"}) + r"|^process$|families\.process")
# The files of another paper are read by the family that they are worlds of; the command says which files.
READER = {
    "import-reversal-curse",
    "data_import_reversal_curse",
    "icl_ft_plugin.families.celebrity.reversal_curse",
}


def named(source: str) -> Iterator[str]:
    """Yield each name and string of a module, docstrings apart, that names a family."""
    tree = ast.parse(source)
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        found = [node.value] if isinstance(node, ast.Constant) and id(node) not in docstrings else []
        if not isinstance(node, ast.Constant):
            # a bare name "process" is no string: it must be more of a family's name to count
            names = (getattr(node, field, None) for field in ("id", "attr", "arg", "name", "asname", "module"))
            found = [name for name in names if name != "process"]
        # What --help shows as an example is a command, as in a docstring.
        yield from (
            text
            for text in found
            if isinstance(text, str) and NAMES.search(text) and not text.removeprefix("Example: ").startswith("icl-ft ")
        )


def test_what_counts_as_naming_a_family() -> None:
    assert [*named('"""reversal"""\nx = f"a {y} syllogism"\nz = {"process": 1}')] == [" syllogism", "process"]
    assert [*named("from icl_ft_plugin.families.process import proof")] == ["icl_ft_plugin.families.process"]
    assert not [*named('import subprocess\nprocess = "one process"')]


def test_no_family_is_named_outside_the_families() -> None:
    modules = [path for path in sorted(PACKAGE.rglob("*.py")) if "families" not in path.relative_to(PACKAGE).parts]
    assert len(modules) > 80
    found = {path.name: {*named(path.read_text(encoding="utf-8"))} - READER for path in modules}
    assert {name: texts for name, texts in found.items() if texts} == {}
