"""The part of this package that some functions need, as source: ``extract({("generators.reversal", "generate")})``.

A module of the result holds only what is reached from the functions asked for::

    from icl_ft_plugin.words import Lexicon        # of "Lexicon, coin, pool"
    ...
    def generate(config, seed): ...                # and not oracle(), which only augmentation needs

Definitions are copied character by character, with the comments above them; imports are written anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Part:
    """What is needed of one module.

    Attributes:
        doc: The module's docstring; empty where it speaks of something that is not needed.
        imports: Import statements, one name each, those of this package as they stand there.
        code: The definitions, in the order of the file.
    """

    doc: str
    imports: list[str]
    code: str


@dataclass(slots=True)
class _Module:
    """A module's source by top-level name: what binds each, and which are needed."""

    lines: list[str]
    tree: ast.Module
    bound: dict[str, ast.stmt] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)


def extract(roots: Iterable[tuple[str, str]]) -> dict[str, Part]:
    """Return the parts of the package's modules that some functions reach.

    Args:
        roots: (module, name) pairs; modules by their dotted names below the package.

    Returns:
        A part by module, for every module that holds something needed.

    Raises:
        KeyError: A name that its module does not define.
    """
    modules: dict[str, _Module] = {}
    stack = list(roots)
    while stack:
        module, name = stack.pop()
        if module not in modules:
            modules[module] = _read(module)
        found = modules[module]
        if name not in found.needed:
            found.needed.add(name)
            stack += _uses(module, name, found)
    return {name: _part(found) for name, found in sorted(modules.items())}


def path_of(module: str) -> Path | None:
    """Return the file of a module of the package, or None if there is none of that name."""
    base = PACKAGE.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _read(module: str) -> _Module:
    path = path_of(module)
    if path is None:
        raise KeyError(f"no module {module!r}")
    text = path.read_text(encoding="utf-8")
    found = _Module(text.splitlines(), ast.parse(text))
    for statement in found.tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found.bound[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            found.bound.update({alias.asname or alias.name: statement for alias in statement.names})
        else:  # an assignment, to one name or to several
            stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            found.bound.update({name.id: statement for name in stored})
    return found


def _own_module(statement: ast.stmt, name: str) -> tuple[str, str | None] | None:
    """Return the module of this package that an import binds to ``name``, or the (module, name) it takes from it."""
    if not isinstance(statement, ast.ImportFrom):
        return None
    package, _, inner = (statement.module or "").partition(".")
    if package != PACKAGE.name:
        return None
    original = next(alias.name for alias in statement.names if (alias.asname or alias.name) == name)
    as_module = f"{inner}.{original}".strip(".")
    return (as_module, None) if path_of(as_module) else (inner, original)


def _uses(module: str, name: str, found: _Module) -> list[tuple[str, str]]:
    """Return what the definition of a name needs directly."""
    statement = found.bound[name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        own = _own_module(statement, name)
        return [(own[0], own[1])] if own and own[1] else []
    used: list[tuple[str, str]] = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id in found.bound:
            used.append((module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in found.bound:
            own = _own_module(found.bound[node.value.id], node.value.id)
            if own and own[1] is None:
                used.append((own[0], node.attr))
    return used


def _part(found: _Module) -> Part:
    imports, chunks, end = [], [], 0
    for statement in found.tree.body:
        begin, end = end, statement.end_lineno or statement.lineno
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports += _imports(statement, found.needed)
        elif any(found.bound.get(name) is statement for name in found.needed):
            # From the end of what stands before: decorators and comments belong to what they stand above.
            chunks.append("\n".join(found.lines[begin:end]).strip("\n"))
    doc = ast.get_docstring(found.tree, clean=False) or ""
    left_out = [name for name in found.bound.keys() - found.needed if re.search(rf"``{name}\b", doc)]
    return Part("" if left_out else doc, imports, "\n\n\n".join(chunks))


def _imports(statement: ast.Import | ast.ImportFrom, needed: set[str]) -> list[str]:
    kept = [alias for alias in statement.names if (alias.asname or alias.name) in needed]
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return [ast.unparse(statement)]
    if isinstance(statement, ast.ImportFrom):
        return [ast.unparse(ast.ImportFrom(statement.module, [alias], 0)) for alias in kept]
    return [ast.unparse(ast.Import([alias])) for alias in kept]


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return a text with each of some pieces replaced, in the order given."""
    for old, new in changes.items():
        text = text.replace(old, new)
    return text
