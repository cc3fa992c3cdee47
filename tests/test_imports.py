"""Imports run one way, and the light entrances stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "icl_ft_plugin"
# A module may import from its own layer and from those above it here; a new module takes its place in this list.
LAYERS = (
    ("__init__", "words", "schema", "errors", "paths", "_autoload", "_register", "_messages"),
    ("own", "own_check", "own_lines", "own_names", "retrieval"),
    ("generators",),
    ("logic", "logic_*"),
    ("audit",),
    ("corpus", "cards", "baselines", "episodes"),
    (
        *("harness", "in_context", "adapters", "answers", "question_prompts", "own_tasks"),
        *("rows", "ledger", "run_folder", "checkpoints", "fetch", "cards_model", "hub"),
        *("recipe", "recipe_keys", "finetune", "finetune_*"),
        *("pretrain", "pretrain_*", "nano_*"),
        "prefix_*",
        "augment",
    ),
    ("study", "study_*"),
    ("report", "export"),
    ("cli", "cli_*", "__main__", "inspect_tasks"),
)
STARTUP = (PACKAGE.parent / "icl_ft_plugin.pth").read_text(encoding="utf-8")
HEAVY = {"torch", "transformers", "datasets", "lm_eval", "trl", "peft", "accelerate"}


def layer(module: str) -> int:
    """Return the layer of a dotted name below the package, by its first part."""
    room = module.partition(".")[0]
    found = [index for index, names in enumerate(LAYERS) if any(fnmatch(room, name) for name in names)]
    assert len(found) == 1, f"give {module!r} one place in LAYERS of {Path(__file__).name}"
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
    assert {"schema", "words", "generators.reversal"} <= MODULES.keys()
    assert "errors" in EDGES["words"]
    assert EDGES["__init__"] == {"_register"}


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    for imported in EDGES[module]:
        assert layer(imported) <= layer(module), f"{module} imports {imported}, which stands after it"


def test_no_two_modules_import_each_other() -> None:
    # raises CycleError, which names the modules
    TopologicalSorter({name: targets - {name} for name, targets in EDGES.items()}).prepare()


@pytest.mark.parametrize(
    "code",
    [
        "import icl_ft_plugin",
        f"exec({STARTUP!r})",
        "import icl_ft_plugin.words, icl_ft_plugin.generators",
        "sys.argv = ['icl-ft', '--help']; from icl_ft_plugin.cli import main; run(main)",
        "sys.argv = ['icl-ft', 'tasks-dir']; from icl_ft_plugin.cli import main; run(main)",
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
