"""Code that leaves this package: of each module only what is used, moved into one package with its data beside it.

What is used is followed from whole files (``utils.py``) over the names that they import::

    from icl_ft_plugin.families.reversal import generate as reversal
    reversal.generate(...)  # keeps generate() there, what it calls, and what that needs of other modules

A family's own modules go into a folder of the family's name, what families share into the package itself, once.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import yaml

PACKAGE = "icl_ft_plugin"
DATA = Path(__file__).resolve().parents[1] / "families" / "data"
# A package of its own has no resources of ours, upstream takes every YAML for a task, and ours builds its data by scripts.
CHANGES = {
    "from importlib.resources import files": "from pathlib import Path",
    "import yaml": "import json",
    "yaml.safe_load(": "json.loads(",
    "hierarchy.yaml": "hierarchy.json",
    ", made by ``scripts/build_words.py``": "",
    "``data/words.txt``": "``words.txt``",
}
# The last section of a docstring, where it shows how this package is used.
_EXAMPLES = re.compile(r"\n\n( +)Examples?:\n(?:\1 .*\n)+")
_OURS = re.compile(r"\bOURS\b")
_IMPORT = re.compile(r"^from ([\w.]+) import (\w*)", re.MULTILINE)
_RESOURCE = re.compile(r'files\("icl_ft_plugin"\)\.joinpath\((f?)"families/data/([^"]+)"\)')


@dataclass(eq=False)
class Module:
    """A module, its top-level definitions, and which of them are kept."""

    source: str

    def __post_init__(self) -> None:
        """Read what the module defines and imports."""
        self.kept: set[str] = set()
        self.imports: dict[str, tuple[str, str]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                self.imports |= {a.asname or a.name: (node.module, a.name) for a in node.names}

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """Statements by the name they bind or change, each with the string that explains it."""
        found: dict[str, list[ast.stmt]] = {}
        last: list[ast.stmt] = []  # a string may stand behind it
        for node in self.tree.body[1:]:
            if isinstance(node, ast.Expr):
                last.append(node)
            for name in _bound(node):
                last = found.setdefault(name, [])
                last.append(node)
        return found

    def rest(self) -> str:
        """Return the source without the definitions that are not kept, and the comments above them."""
        lines = self.source.splitlines(keepends=True)
        kept = [node for name in self.kept for node in self.definitions[name]]
        for node in (node for nodes in self.definitions.values() for node in nodes if node not in kept):
            start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            while lines[start - 2].startswith("#"):
                start -= 1
            lines[start - 1 : node.end_lineno] = [""] * (int(node.end_lineno or start) - start + 1)
        return "".join(lines)


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds or, ``_REPR.maxstring = 110``, changes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for part in (part for target in targets for part in ast.walk(target)):
        if isinstance(part, ast.Name):
            yield part.id


class Code:
    """The modules that some files need, cut down to it.

    Args:
        places: Packages of our modules, each with the folder that it becomes: ``{"icl_ft_plugin.families.reversal": "reversal"}``.
            Other modules of this package go beside the files.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places
        self.modules: dict[str, Module] = {}

    def need(self, source: str) -> None:
        """Keep whatever a file uses."""
        file = Module(source)
        for node in file.tree.body:
            self._follow(file, node)

    def write(self, target: Path, package: str) -> None:
        """Write the modules that are needed, and their data, as modules of a package."""
        for name, module in self.modules.items():
            file = target / f"{self._place(name).replace('.', '/')}.py"
            assert not file.exists(), f"two modules would be {file}"
            file.parent.mkdir(exist_ok=True)
            source = module.rest()
            file.write_text(self.moved(source, package), encoding="utf-8")
            for _, data in _RESOURCE.findall(source):
                _copy_data(re.sub(r"\{\w+\}", "*", data), file.parent)

    def moved(self, source: str, package: str) -> str:
        """Return a module's source as it works in another package, its data beside it."""

        def elsewhere(match: re.Match[str]) -> str:
            module, first = match[1], match[2]
            if not self._is_ours(module):
                return match[0]
            place = self._place(f"{module}.{first}").rpartition(".")[0] if _is_package(module) else self._place(module)
            return f"from {'.'.join(filter(None, (package, place)))} import {first}"

        source = _EXAMPLES.sub("\n", _RESOURCE.sub(r'Path(__file__).with_name(\1"\2")', source))
        for old, new in CHANGES.items():
            source = source.replace(old, new)
        return _IMPORT.sub(elsewhere, _OURS.sub("not in the paper", source))

    def _follow(self, module: Module, node: ast.AST) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                origin = module.imports.get(part.value.id)
                if origin and _is_package(origin[0]):
                    self._keep(".".join(origin), part.attr)
            elif isinstance(part, ast.Name):
                self._keep_in(module, part.id)

    def _keep(self, name: str, attribute: str) -> None:
        """Keep what a module calls by a name, if the module is one that goes along."""
        if not self._is_ours(name):
            return
        if name not in self.modules:
            self.modules[name] = Module(Path(str(find_spec(name).origin)).read_text("utf-8"))  # type: ignore[union-attr]
        self._keep_in(self.modules[name], attribute)

    def _keep_in(self, module: Module, name: str) -> None:
        if name in module.definitions and name not in module.kept:
            module.kept.add(name)
            for node in module.definitions[name]:
                self._follow(module, node)
        elif name in module.imports and not _is_package(module.imports[name][0]):
            self._keep(*module.imports[name])

    def _is_ours(self, module: str) -> bool:
        return module.partition(".")[0] in {PACKAGE, *(package.partition(".")[0] for package in self.places)}

    def _place(self, module: str) -> str:
        package, _, name = module.rpartition(".")
        return f"{self.places[package]}.{name}" if package in self.places else name


def _is_package(module: str) -> bool:
    return (spec := find_spec(module)) is not None and spec.submodule_search_locations is not None


def _copy_data(pattern: str, target: Path) -> None:
    """Copy data files; YAML becomes JSON, since upstream takes every YAML below its tasks for one."""
    for path in sorted(DATA.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            text = json.dumps(yaml.safe_load(text), indent=1) + "\n"
            path = path.with_suffix(".json")
        (target / path.name).write_text(text, encoding="utf-8")
