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
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.training.recipes.recipe import load

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "icl_ft_plugin"
NAMES = [name for name in icl_ft_plugin.__all__ if name != "__version__"]
LONG = ("augment", "report", "run_study")
EXAMPLES = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in NAMES]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = getattr(icl_ft_plugin, name).__doc__
    assert re.search(r"^ *Examples:$", text, re.MULTILINE), f"{name}: show an example"
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
        inside = import_module(
            f"icl_ft_plugin.{name}.statements" if name == "augment" else "icl_ft_plugin.report.store.read"
        )
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


def test_what_is_loaded_takes_no_overrides(tmp_path: Path) -> None:
    study = load_study("demo")
    with pytest.raises(UsageError, match="overrides: the study is loaded"):
        icl_ft_plugin.run_study(study, tmp_path / "study", overrides=["steps=1"])
    loaded = load(recipes_dir() / "reversal" / "nano.yaml")
    with pytest.raises(UsageError, match="overrides: the recipe is loaded"):
        icl_ft_plugin.train("nano", [{"text": "a"}], recipe=loaded, output=tmp_path / "ft", overrides={"max_steps": 1})
    assert list(tmp_path.iterdir()) == []


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
        (5, '"list[dict[str, Any]]"'),
        (6, '"tuple[pathlib.Path, ...]"'),
        (7, 'has incompatible type "int"; expected "str | Path"'),
        (8, 'has no attribute "generat"'),
    ):
        assert any(line.startswith(f"notebook.py:{number}: ") and said in line for line in lines), done.stdout
    assert len(lines) == 5, done.stdout


def test_every_name_is_on_its_page() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\.\. auto\w+:: icl_ft_plugin\.(\w+)$", page, re.MULTILINE)) == sorted(NAMES)


@pytest.mark.slow
def test_the_blocks_of_the_page_run(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "from-python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3
    done = subprocess.run([sys.executable, "-c", "".join(blocks)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    means = dict(re.findall(r"^([a-z+]+) +([\d.]+) +5$", done.stdout, re.MULTILINE))
    assert list(means) == ["pretrained", "icl", "ft", "ft+local"] and means["icl"] == "1.0", done.stdout
    assert (tmp_path / "runs" / "demo" / "table.md").is_file()
