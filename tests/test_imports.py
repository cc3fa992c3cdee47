"""Imports run one way, and the light entrances stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from grouped import each

PACKAGE = Path(__file__).parents[1] / "src" / "icl_ft_plugin"
# A folder, or a module that stands alone, imports only from rows above its own; those of one row know nothing of each
# other. The front door is lazy (it imports nothing), and the hook of the .pth takes what it does from _register.
ROWS = (
    ("__init__", "errors", "schema"),
    ("files", "guard", "paths", "_messages"),
    ("config", "families", "prefix"),
    ("worlds", "models", "report", "_register"),
    ("arms", "harness", "training", "pretrain"),
    ("augment", "export"),
    ("study",),
    ("cli", "_autoload"),
)
STARTUP = (PACKAGE.parent / "icl_ft_plugin.pth").read_text(encoding="utf-8")
HEAVY = {"torch", "transformers", "datasets", "lm_eval", "trl", "peft", "accelerate"}


def room(module: str) -> str:
    """Return the folder of a dotted name below the package, or the module itself where it stands in none."""
    return module.partition(".")[0]


def row(module: str) -> int:
    """Return the row of a dotted name below the package."""
    found = [index for index, names in enumerate(ROWS) if room(module) in names]
    assert len(found) == 1, f"give {room(module)!r} one place in ROWS of {Path(__file__).name}"
    return found[0]


def modules() -> dict[str, Path]:
    """Return every module below the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """Return the package's own modules that the file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            # "from icl_ft_plugin.report import table" may name a module or something inside one
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inner = name.partition(".")
            if package != PACKAGE.name:
                continue
            while inner and inner not in known:
                inner = inner.rpartition(".")[0]
            found.add(inner or "__init__")
    return found


MODULES = modules()
EDGES = {name: imports(path, set(MODULES)) for name, path in MODULES.items()}


def test_the_walk_sees_the_package() -> None:
    assert {"schema", "families.words", "families.reversal.generate"} <= MODULES.keys()
    assert "errors" in EDGES["families.words"]
    assert EDGES["__init__"] == set()


@each("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    for imported in EDGES[module]:
        if room(imported) != room(module):
            assert row(imported) < row(module), f"{module} imports {imported}, which does not stand above it"


def test_no_two_modules_import_each_other() -> None:
    # raises CycleError, which names the modules
    TopologicalSorter({name: targets - {name} for name, targets in EDGES.items()}).prepare()


@pytest.mark.parametrize(
    "code",
    [
        "import icl_ft_plugin",
        f"exec({STARTUP!r})",
        "import icl_ft_plugin.families.words, icl_ft_plugin.families",
        "sys.argv = ['icl-ft', '--help']; from icl_ft_plugin.cli.app import main; run(main)",
        "sys.argv = ['icl-ft', 'tasks-dir']; from icl_ft_plugin.cli.app import main; run(main)",
    ],
)
def test_the_light_entrances_import_nothing_heavy(code: str) -> None:
    program = f"""
import sys
def run(main):
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, stop.code
{code}
print("heavy:", *sorted({HEAVY!r} & sys.modules.keys()))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "heavy:"
