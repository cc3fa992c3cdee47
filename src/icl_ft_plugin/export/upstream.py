"""A task folder for lm-evaluation-harness itself: ``upstream("reversal", Path(".../lm_eval/tasks/icl_ft_reversal"))``.

The folder stands alone there: the task files under the same names, ``utils.py`` with the functions that they name, and the
generator, which is this package's own modules::

    README.md  _base_yaml  icl_ft_reversal.yaml  icl_ft_reversal_closed.yaml  ...
    utils.py  generate.py  knobs.py  schema.py  words.py  errors.py  words.txt

Task documents, prompts and scores are those of this package, and so are the documents' hashes.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import readme
from icl_ft_plugin.families import Family, family_of, generate
from icl_ft_plugin.files import atomic_folder
from icl_ft_plugin.harness import documents, scoring
from icl_ft_plugin.worlds.context import context_text

PACKAGE = "icl_ft_plugin"
DATA = Path(__file__).resolve().parents[1] / "families" / "data"
# What is written for the export: in the template of utils.py, or, a question's plain prompt, in the task file.
WRITTEN = {"build", "by_subset", "closed_prompt", "in_context_prompt", "InContextTask"}
# Upstream's folder has no package of ours, no PyYAML of its own and no build scripts.
CHANGES = {
    "from importlib.resources import files": "from pathlib import Path",
    "import yaml": "import json",
    "yaml.safe_load(": "json.loads(",
    "hierarchy.yaml": "hierarchy.json",
    ", made by ``scripts/build_words.py``": "",
    "``data/words.txt``": "``words.txt``",
}
_IMPORT = re.compile(r"^from ([\w.]+) import (\w*)", re.MULTILINE)
# The last section of a docstring, where it shows how this package is used.
_EXAMPLES = re.compile(r"\n\n( +)Examples?:\n(?:\1 .*\n)+")
_RESOURCE = re.compile(r'files\("icl_ft_plugin"\)\.joinpath\((f?)"families/data/([^"]+)"\)')
_REFERENCE = re.compile(r"!function icl_ft_plugin\.[\w.]+\.(\w+)")
# The rules of upstream's pyproject.toml, by which its pre-commit hooks judge the folder.
RULES = "B,C419,D,E,F,FURB,I,TC,RUF034,S,SIM,UP,W605"
IGNORED = "D10,D200,D202,D205,D212,D415,D417,E11,E402,E501,E701,E731,E741,SIM108,SIM105,SIM401,SIM118,S311,S701,S101"


def upstream(family: str, folder: Path) -> Path | None:
    """Write a family's task folder for a checkout of lm-evaluation-harness.

    Args:
        family: A key of ``families.FAMILIES``.
        folder: Folder to make; its name becomes part of the imports, so it must not be renamed.

    Returns:
        The checkout's table of tasks, if ``folder`` lies in one: it has got the folder's row.

    Raises:
        UsageError: Unknown family, a folder that exists or whose name Python cannot import, or no ruff.
    """
    found = family_of(family)
    if found.generate is None:
        raise UsageError(f"export upstream: {found.title} are read from files; only what is generated can be exported")
    folder = Path(folder)
    if not folder.name.isidentifier():
        raise UsageError(f"--out {folder}: {folder.name!r} becomes a Python package: use letters, digits and _")
    if find_spec("ruff") is None:
        raise UsageError("export upstream needs ruff, which writes in upstream's style: pip install ruff")
    source = found.task_folder
    # Upstream's test loads every file of the folder at once, which a group beside its own members does not survive: a tag
    # takes its place. Tasks in which the answer is written stay here: the closure of the world decides what is right there.
    files = {path.name: _unclassed(path.read_text(encoding="utf-8")) for path in sorted(source.glob("*yaml"))}
    del files[f"icl_ft_{family}.yaml"]
    functions = {name for text in files.values() for name in _REFERENCE.findall(text)}
    with atomic_folder(folder) as target:
        for name, text in files.items():
            (target / name).write_text(_task_file(name, text, family), encoding="utf-8")
        package = f"lm_eval.tasks.{folder.name}"
        _write_code(found, functions, target, package)
        _tidy(target)
        (target / "README.md").write_text(_readme(found, files), encoding="utf-8")
    return _add_row(folder, found)


def _unclassed(text: str) -> str:
    """Return a task file without the class of ours, which upstream's own replaces."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("class:"))


def _task_file(name: str, text: str, family: str) -> str:
    lines = text.splitlines()
    if name.startswith("_"):
        lines.insert(1, f"tag: icl_ft_{family}")
    changes = {"!function icl_ft_plugin.harness.prompts.closed_prompt": '"{{question}}"', f"family: {family}, ": ""}
    return _REFERENCE.sub(r"!function utils.\1", _replaced("\n".join(lines), changes)) + "\n"


def _write_code(family: Family, functions: set[str], target: Path, package: str) -> None:
    """Write ``utils.py``, the modules that the generator needs and their data."""
    assert family.config and family.generate  # only what is generated is exported
    environment = Environment(loader=PackageLoader(__name__, "assets"), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    text = environment.get_template("utils.py.j2").render(
        title=_title(family),
        version=__version__,
        family=family.name,
        package=package,
        generator=family.generate.__module__.rpartition(".")[2],
        config=family.config.__name__,
        subsets=dict(family.subsets) if "by_subset" in functions else None,
        code=[inspect.getsource(documents.question_rows)]
        + [inspect.getsource(getattr(scoring, name)) for name in sorted({"process_results", *functions} - WRITTEN)],
    )
    (target / "utils.py").write_text(text, encoding="utf-8")
    for name, path in _modules_below(family.generate.__module__).items():
        source = path.read_text(encoding="utf-8")
        (target / f"{name.rpartition('.')[2]}.py").write_text(_for_package(source, package), encoding="utf-8")
        for _, data in _RESOURCE.findall(source):
            _copy_data(re.sub(r"\{\w+\}", "*", data), target)


def _modules_below(generator: str) -> dict[str, Path]:
    """Return the generator's module and all that it imports, however indirectly, of its own package and of this one."""
    found: dict[str, Path] = {}
    waiting = [generator, "icl_ft_plugin.schema"]
    while waiting:
        name = waiting.pop()
        if name in found or not _is_copied(name, generator):
            continue
        found[name] = Path(str(find_spec(name).origin))  # type: ignore[union-attr]
        imports = _IMPORT.findall(found[name].read_text(encoding="utf-8"))
        waiting += [f"{module}.{first}" if _is_package(module) else module for module, first in imports]
    return found


def _is_copied(module: str, generator: str) -> bool:
    return module.partition(".")[0] in (PACKAGE, generator.partition(".")[0])


def _is_package(module: str) -> bool:
    return (spec := find_spec(module)) is not None and spec.submodule_search_locations is not None


def _for_package(source: str, package: str) -> str:
    """Return a module's source as it works in another package, its data beside it."""

    def moved(match: re.Match[str]) -> str:
        module = match[1]
        if not module.startswith(f"{PACKAGE}."):
            return match[0]
        below = "" if _is_package(module) else f".{module.rpartition('.')[2]}"
        return f"from {package}{below} import {match[2]}"

    source = _EXAMPLES.sub("\n", _RESOURCE.sub(r'Path(__file__).with_name(\1"\2")', source))
    return _IMPORT.sub(moved, _replaced(source, CHANGES))


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return a text with each of some pieces replaced, in the order given."""
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def _copy_data(pattern: str, target: Path) -> None:
    """Copy data files; YAML becomes JSON, since upstream takes every YAML below its tasks for one."""
    for path in sorted(DATA.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml":
            text = json.dumps(yaml.safe_load(text), indent=1) + "\n"
            path = path.with_suffix(".json")
        (target / path.name).write_text(text, encoding="utf-8")


def _tidy(target: Path) -> None:
    """Let ruff sort imports and format, by upstream's settings.

    Raises:
        UsageError: A rule of upstream's is broken and cannot be mended without a person.
    """
    settings = (
        'target-version = "py310"',
        'lint.isort.known-first-party = ["lm_eval"]',
        "lint.isort.combine-as-imports = true",
        "lint.isort.lines-after-imports = 2",
        'lint.pydocstyle.convention = "google"',
        "lint.pydocstyle.ignore-var-parameters = true",
        "lint.preview = true",
        "lint.explicit-preview-rules = true",
    )
    base = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--no-cache", *(word for setting in settings for word in ("--config", setting))]
    check = ["check", "--fix", "--unsafe-fixes", "--quiet", "--select", RULES, "--ignore", IGNORED]
    for arguments in (check, ["format", "--quiet"], check):
        done = subprocess.run([*base, *arguments, *options, str(target)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UsageError(f"export upstream: ruff refuses what was written: {done.stdout}{done.stderr}")


def _title(family: Family) -> str:
    return next(iter(readme.sections((family.task_folder / "README.md").read_text(encoding="utf-8"))))


def _readme(family: Family, files: dict[str, str]) -> str:
    copies = max(map(int, re.findall(r"context_copies: (\d+)", "".join(files.values()))), default=1)
    words = len(context_text(generate(family.name, 0), copies).split())
    environment = Environment(loader=PackageLoader(__name__, "assets"), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    text = (family.task_folder / "README.md").read_text(encoding="utf-8")
    return (
        environment.get_template("README.md.j2")
        .render(
            **readme.parts(text, f"icl_ft_{family.name}", set(files)),
            knobs=readme.knobs(family),
            context_copies=copies,
            sizes=f"With the defaults it has {words:,} words; the knobs make it shorter.",
            version=__version__,
        )
        .rstrip()
        + "\n"
    )


def _add_row(folder: Path, family: Family) -> Path | None:
    table = folder.parent / "README.md"
    if folder.parent.name != "tasks" or not (folder.parent / "manager.py").is_file() or not table.is_file():
        return None
    text = readme.insert_row(table.read_text(encoding="utf-8"), folder.name, family.description)
    table.write_text(text, encoding="utf-8")
    return table
