"""The front door: every public name is there, typed, explained and shown by an example that runs."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import icl_ft_plugin

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "icl_ft_plugin"
NAMES = [name for name in icl_ft_plugin.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = getattr(icl_ft_plugin, name).__doc__
    assert re.search(r"^ *Example:$", text, re.MULTILINE), f"{name}: show an example"
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert "import icl_ft_plugin as icl_ft\n" in [line.source for line in example.examples]
    assert any(f"icl_ft.{name}" in line.source for line in example.examples)
    report: list[str] = []
    failed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append).failed
    assert not failed, "".join(report)


def test_a_name_is_not_the_folder_of_the_same_name() -> None:
    folders = [name for name in NAMES if (PACKAGE / name).is_dir()]
    assert folders == ["augment", "report"]
    for name in folders:
        inside = import_module(f"icl_ft_plugin.{name}.statements" if name == "augment" else "icl_ft_plugin.report.read")
        assert inside.__name__.startswith(f"icl_ft_plugin.{name}.")
        assert getattr(icl_ft_plugin, name).__name__ == name
        assert callable(getattr(icl_ft_plugin, name))


def test_the_stub_says_where_each_name_is_from() -> None:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    stub = {
        alias.asname: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    assert list(stub) and sorted(stub) == NAMES
    for name, module in stub.items():
        assert getattr(icl_ft_plugin, name) is getattr(import_module(str(module)), name)
    [named] = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(named) == sorted(icl_ft_plugin.__all__)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        icl_ft_plugin.generat  # noqa: B018
    assert dir(icl_ft_plugin) == sorted(icl_ft_plugin.__all__)


USER = """\
import icl_ft_plugin as icl_ft

world = icl_ft.generate("reversal", n_facts=3)
reveal_type(world)
reveal_type(icl_ft.rows("ft", world))
reveal_type(icl_ft.report("runs/demo").files)
icl_ft.save_world(world, 3)
icl_ft.generat("reversal")
"""


@pytest.mark.slow
def test_a_user_of_mypy_sees_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "notebook.py").write_text(USER, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(tmp_path),
    ]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    done = subprocess.run([*command, "notebook.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("notebook.py")]
    for number, said in (
        (4, '"icl_ft_plugin.schema.World"'),
        (5, '"list[dict[str, str]]"'),
        (6, '"tuple[pathlib.Path, ...]"'),
        (7, 'has incompatible type "int"; expected "str | Path"'),
        (8, 'has no attribute "generat"'),
    ):
        assert any(line.startswith(f"notebook.py:{number}: ") and said in line for line in lines), done.stdout
    assert len(lines) == 5, done.stdout
