"""Task discovery: what the hook does to lm-eval as it was, is and may become, and what it costs when nobody imports it.

The stand-ins below are small ``lm_eval`` packages, for shapes of lm-eval that no installable release has (yet); the
real releases are in ``test_packaging_matrix.py``.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from pathlib import Path

import pytest

from icl_ft_plugin import _autoload, _register
from icl_ft_plugin.paths import recipes_dir, tasks_dir

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
ONLY_CODE = shutil.ignore_patterns("models", "data", "examples", "__pycache__")
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


def test_our_tasks_are_there_without_the_defaults_too(tmp_path: Path) -> None:
    """As plugins are in lm-eval's pull request 4015."""
    code = """
        from lm_eval.tasks import TaskManager
        print(*TaskManager(include_defaults=False).paths)
        print(*TaskManager(None, "mine", False).paths)
    """
    assert printed(code, stand_in(tmp_path), SRC) == [str(tasks_dir()), f"{tasks_dir()} mine"]


def test_naming_our_folder_oneself_does_not_list_it_twice() -> None:
    ours = str(tasks_dir())
    for discovered, first in ((False, [ours]), (True, [])):
        assert _register.with_ours(ours, ours, discovered) == first
        assert _register.with_ours(ours, [Path("x"), tasks_dir() / "own/.."], discovered) == [*first, Path("x")]


def test_importing_the_manager_module_directly_works(tmp_path: Path) -> None:
    code = "from lm_eval.tasks.manager import TaskManager; print(len(TaskManager().paths))"
    assert printed(code, stand_in(tmp_path), SRC) == ["2"]


@pytest.mark.parametrize(("found", "indexed"), [(str(tasks_dir()), []), ("/elsewhere", [str(tasks_dir())])])
def test_stands_down_where_lm_eval_discovers_our_tasks(tmp_path: Path, found: str, indexed: list[str]) -> None:
    later = MANAGER + f"\ndef discover_plugin_task_paths():\n    return [{found!r}]\n"
    code = """
        from icl_ft_plugin.paths import tasks_dir
        from lm_eval.tasks import TaskManager
        print(TaskManager(include_path=["mine", tasks_dir()]).paths)
    """
    assert printed(code, stand_in(tmp_path, manager=later), SRC) == [str(["builtin", *indexed, "mine"])]


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


def test_a_model_that_lm_eval_has_loaded_from_the_entry_point_stays(tmp_path: Path) -> None:
    """The stand-in's registry refuses a name that it has."""
    stand_in(tmp_path)
    (tmp_path / "lm_eval/models/__init__.py").write_text(MODELS + MODELS.splitlines()[1].replace("'hf'", "'icl_ft_hf'"))
    code = """
        import lm_eval.models
        from lm_eval.api.registry import model_registry
        print(model_registry["icl_ft_hf"])
    """
    assert printed(code, tmp_path, SRC) == ["m:HFLM"]


def test_a_changed_signature_is_warned_about_and_left_alone(tmp_path: Path) -> None:
    manager = "class TaskManager:\n    def __init__(self, folders=()):\n        self.paths = ['builtin']\n"
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


REGISTERED = """
    from lm_eval.tasks import TaskManager
    import lm_eval.models
    from lm_eval.api.registry import model_registry
    print(*TaskManager().paths, "icl_ft_hf" in model_registry)
"""


def test_opt_out_variable(tmp_path: Path) -> None:
    stand_in(tmp_path)
    assert printed(REGISTERED, tmp_path, SRC, ICL_FT_NO_AUTOLOAD="1") == ["builtin False"]
    assert printed(REGISTERED, tmp_path, SRC, ICL_FT_NO_AUTOLOAD="0") == [f"builtin {tasks_dir()} True"]


def test_a_startup_line_that_runs_twice_registers_once(tmp_path: Path) -> None:
    """A virtual environment that sees another one's packages may run both."""
    expected = [f"builtin {tasks_dir()} True"]
    assert printed(REGISTERED, stand_in(tmp_path), SRC, startup=PTH + PTH) == expected


REGISTER = "import icl_ft_plugin; icl_ft_plugin.register(); icl_ft_plugin.register()\n"


@pytest.mark.parametrize("startup", ["", PTH])
@pytest.mark.parametrize("before", [REGISTER, textwrap.dedent(REGISTERED) + REGISTER])
def test_register_does_the_same_once(tmp_path: Path, startup: str, before: str) -> None:
    """Without the startup line and beside it; also in a program that imported lm-eval first."""
    code = before + textwrap.dedent(REGISTERED)
    assert printed(code, stand_in(tmp_path), SRC, startup=startup)[-1] == f"builtin {tasks_dir()} True"


def test_register_says_what_it_cannot_do(tmp_path: Path) -> None:
    stand_in(tmp_path, manager="class TaskManager:\n    def __init__(self, folders=()):\n        pass\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(REGISTER, tmp_path, SRC, startup="")
    assert "UsageError: lm-eval's TaskManager takes no include_path" in failed.value.stderr


def test_register_says_that_a_zip_archive_must_be_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as written:
        for file in sorted((SRC / "icl_ft_plugin").glob("*.py")):
            written.write(file, f"icl_ft_plugin/{file.name}")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(REGISTER, stand_in(tmp_path), archive, startup="")
    assert "UsageError: no folder 'tasks'" in failed.value.stderr
    assert "an archive must be unpacked" in failed.value.stderr


def test_a_start_imports_nothing() -> None:
    code = "print(*sorted(sys.modules))"
    assert printed(code, SRC) == printed(code, SRC, startup="")


def test_a_checkout_that_is_put_on_the_path_later_wins(tmp_path: Path) -> None:
    stand_in(tmp_path)
    (tmp_path / "other").mkdir()
    other = shutil.copytree(SRC / "icl_ft_plugin", tmp_path / "other/icl_ft_plugin", ignore=ONLY_CODE)
    (other / "tasks").mkdir()
    code = f"""
        sys.path.insert(0, {str(other.parent)!r})
        from lm_eval.tasks import TaskManager
        import icl_ft_plugin
        print(*TaskManager().paths, icl_ft_plugin.__file__)
    """
    assert printed(code, tmp_path, SRC) == [f"builtin {other / 'tasks'} {other / '__init__.py'}"]


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


def test_the_startup_file_is_one_line_that_watches_what_the_hook_knows() -> None:
    assert len(PTH.splitlines()) == 1
    assert PTH.startswith("import ")  # or site.py would take the line for a folder
    assert tuple(re.findall(r"'([\w.]+)'", PTH)) == _autoload.WATCHED == (*_register.STEPS, _autoload.TASKS_PACKAGE)


def test_the_entry_points_say_what_the_hook_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert list(project["lm_eval.tasks"].values()) == [_autoload.TASKS_PACKAGE]
    assert project["lm_eval.models"] == {_register.MODEL_NAME: _register.MODEL_TARGET}


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
