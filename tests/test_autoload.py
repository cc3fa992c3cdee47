"""Task discovery: what the hook does to lm-eval as it was, is and may become, and what it costs when nobody imports it.

The stand-ins below are small ``lm_eval`` packages, for shapes of lm-eval that no installable release has (yet); the
real releases are in ``test_packaging_matrix.py``.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from icl_ft_plugin import _autoload
from icl_ft_plugin import _register as _lm_eval_steps
from icl_ft_plugin.paths import recipes_dir, tasks_dir

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PTH = (SRC / "icl_ft_plugin.pth").read_text()

MANAGER = """
class TaskManager:
    def __init__(self, verbosity=None, include_path=None, include_defaults=True, metadata=None):
        self.include_path = include_path
        self.paths = (["builtin"] if include_defaults else []) + (
            [] if include_path is None else include_path if isinstance(include_path, list) else [include_path])
"""
REGISTRY = """
class Registry(dict):
    def register(self, name, target):
        assert name not in self, name
        self[name] = target
model_registry = Registry()
"""
MODELS = "from lm_eval.api.registry import model_registry\nmodel_registry.register('hf', target='m:HFLM')\n"


def stand_in(folder: Path, manager: str = MANAGER, registry: str = REGISTRY) -> Path:
    """Write an ``lm_eval`` package under ``folder``."""
    files = {
        "tasks/__init__.py": "from lm_eval.tasks.manager import *",
        "tasks/manager.py": manager,
        "api/__init__.py": "",
        "api/registry.py": registry,
        "models/__init__.py": MODELS,
        "utils.py": "",
        "__init__.py": "",
    }
    for name, text in files.items():
        (folder / "lm_eval" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "lm_eval" / name).write_text(text)
    return folder


def run(code: str, *path: Path, startup: str = PTH, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a bare interpreter that has executed the startup file, with ``path`` importable."""
    full = "import sys\n" + startup + "\n" + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **env}
    return subprocess.run(
        [sys.executable, "-S", "-c", full], capture_output=True, text=True, env=environment, check=True
    )


def printed(code: str, *path: Path, startup: str = PTH, **env: str) -> list[str]:
    """Return the lines that ``code`` prints; nothing may reach stderr."""
    result = run(code, *path, startup=startup, **env)
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_our_tasks_come_after_the_built_in_and_before_the_users(tmp_path: Path) -> None:
    code = """
        from lm_eval.tasks import TaskManager
        for given in (None, "mine", ["a", "b"], ("a",)):
            manager = TaskManager(include_path=given)
            print(*manager.paths, manager.include_path == given)
        print(*TaskManager("INFO", "positional", True).paths)
    """
    ours = str(tasks_dir())
    assert printed(code, stand_in(tmp_path), SRC) == [
        f"builtin {ours} True",
        f"builtin {ours} mine True",
        f"builtin {ours} a b True",
        f"builtin {ours} a True",
        f"builtin {ours} positional",
    ]


def test_a_manager_without_the_defaults_gets_no_task_of_ours(tmp_path: Path) -> None:
    code = """
        from lm_eval.tasks import TaskManager
        print(TaskManager(include_defaults=False).paths)
        print(TaskManager(None, "mine", False).paths)
    """
    assert printed(code, stand_in(tmp_path), SRC) == ["[]", "['mine']"]


def test_naming_our_folder_oneself_does_not_list_it_twice() -> None:
    ours = str(tasks_dir())
    assert _lm_eval_steps.with_ours(ours, ours) == [ours]
    assert _lm_eval_steps.with_ours(ours, [Path("x"), tasks_dir()]) == [Path("x"), tasks_dir()]


def test_importing_the_manager_module_directly_works(tmp_path: Path) -> None:
    code = "from lm_eval.tasks.manager import TaskManager; print(len(TaskManager().paths))"
    assert printed(code, stand_in(tmp_path), SRC) == ["2"]


def test_stands_down_where_lm_eval_discovers_plugin_tasks(tmp_path: Path) -> None:
    later = MANAGER + "\ndef discover_plugin_task_paths():\n    return []\n"
    code = "from lm_eval.tasks import TaskManager; print(TaskManager().paths)"
    assert printed(code, stand_in(tmp_path, manager=later), SRC) == ["['builtin']"]


def test_registers_the_model_after_lm_evals_own(tmp_path: Path) -> None:
    code = """
        import lm_eval.models
        from lm_eval.api.registry import model_registry
        print(*model_registry.items(), sep="\\n")
    """
    assert printed(code, stand_in(tmp_path), SRC) == [
        "('hf', 'm:HFLM')",
        "('icl_ft_hf', 'icl_ft_plugin.prefix.lm:PrefixLM')",
    ]


def test_registers_no_model_where_lm_eval_loads_model_plugins(tmp_path: Path) -> None:
    later = REGISTRY + "\ndef load_plugins(group, registry):\n    return []\n"
    code = """
        import lm_eval.models
        from lm_eval.api.registry import model_registry
        print(*model_registry)
    """
    assert printed(code, stand_in(tmp_path, registry=later), SRC) == ["hf"]


def test_a_yaml_may_name_our_functions_where_lm_eval_looks_beside_the_yaml_only(tmp_path: Path) -> None:
    """lm-eval 0.4.11."""
    stand_in(tmp_path)
    (tmp_path / "lm_eval/utils.py").write_text("def import_function(loader, node, yaml_path):\n    return yaml_path\n")
    code = """
        import lm_eval.tasks
        from lm_eval.utils import import_function
        class Loader:
            construct_scalar = str
        print(import_function(Loader, "utils.prompt", yaml_path="beside"))
        print(import_function(Loader, "icl_ft_plugin.errors.suggest", yaml_path="beside").__qualname__)
    """
    assert printed(code, tmp_path, SRC) == ["beside", "suggest"]


@pytest.mark.parametrize(
    "manager",
    [
        "class TaskManager:\n    def __init__(self, include_path=None):\n        self.paths = ['builtin']\n",
        "class TaskManager:\n    def __init__(self, folders=()):\n        self.paths = ['builtin']\n",
    ],
)
def test_a_changed_signature_is_warned_about_and_left_alone(tmp_path: Path, manager: str) -> None:
    code = "from lm_eval.tasks import TaskManager; print(TaskManager().paths)"
    result = run(code, stand_in(tmp_path, manager=manager), SRC)
    assert result.stdout == "['builtin']\n"
    assert "RuntimeWarning: icl-ft-plugin could not register" in result.stderr
    assert "TaskManager takes no" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_manager_is_warned_about(tmp_path: Path) -> None:
    result = run("import lm_eval.tasks; print('ok')", stand_in(tmp_path, manager=""), SRC)
    assert result.stdout == "ok\n"
    assert "TaskManager" in result.stderr
    assert "--include_path $(icl-ft tasks-dir)" in result.stderr


def test_opt_out_variable(tmp_path: Path) -> None:
    code = """
        from lm_eval.tasks import TaskManager
        print(TaskManager().paths, len([f for f in sys.meta_path if "icl_ft" in type(f).__module__]))
    """
    assert printed(code, stand_in(tmp_path), SRC, ICL_FT_NO_AUTOLOAD="1") == ["['builtin'] 0"]


def test_installing_twice_adds_one_finder(tmp_path: Path) -> None:
    code = """
        from icl_ft_plugin._autoload import install
        install()
        print(len([f for f in sys.meta_path if "icl_ft" in type(f).__module__]))
    """
    assert printed(code, SRC) == ["1"]


def test_start_imports_nothing_but_the_hook() -> None:
    code = "print(*sorted(sys.modules))"
    bare = set(printed(code, SRC, startup="import os")[0].split())
    assert set(printed(code, SRC)[0].split()) - bare == {"icl_ft_plugin", "icl_ft_plugin._autoload"}


def test_the_startup_line_is_silent_without_the_package() -> None:
    """A checkout that was moved away leaves its startup file behind."""
    assert printed("print('ok')") == ["ok"]


def test_an_absent_lm_eval_stays_absent() -> None:
    code = """
        try:
            import lm_eval.tasks
        except ModuleNotFoundError as error:
            print(error.name)
    """
    assert printed(code, SRC) == ["lm_eval"]


def test_both_startup_files_name_the_same_hook() -> None:
    assert len(PTH.splitlines()) == 1
    assert PTH.startswith("import ")  # or site.py would take the line for a folder
    module, _, function = (SRC / "icl_ft_plugin.start").read_text().strip().partition(":")
    assert f"from {module} import {function}" in PTH
    assert getattr(_autoload, function) is _autoload.install


def test_the_entry_points_say_what_the_hook_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert list(project["lm_eval.tasks"].values()) == [_autoload.TASKS_PACKAGE]
    assert project["lm_eval.models"] == {_lm_eval_steps.MODEL_NAME: _lm_eval_steps.MODEL_TARGET}


def test_the_tasks_package_resolves_in_a_checkout() -> None:
    """As lm-eval resolves the entry point, be it by the spec or by importlib.resources."""
    code = """
        import importlib.resources, importlib.util
        print(*importlib.util.find_spec("icl_ft_plugin.tasks").submodule_search_locations)
        print(importlib.resources.files("icl_ft_plugin.tasks"))
    """
    assert printed(code, SRC) == [str(tasks_dir())] * 2


def test_the_shipped_folders_are_the_checkouts() -> None:
    assert tasks_dir() == ROOT / "tasks"
    assert recipes_dir() == ROOT / "recipes"


def test_the_real_lm_eval_takes_our_model_beside_its_own() -> None:
    site = Path(importlib.metadata.distribution("lm_eval").locate_file(""))
    code = """
        import lm_eval.models
        from lm_eval.api.registry import model_registry
        print(model_registry._objs["hf"], model_registry._objs["icl_ft_hf"])
    """
    expected = "lm_eval.models.huggingface:HFLM icl_ft_plugin.prefix.lm:PrefixLM"
    assert printed(code, SRC, site) == [expected]
