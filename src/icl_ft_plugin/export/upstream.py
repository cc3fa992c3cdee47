"""A task folder for lm-evaluation-harness itself: ``upstream("reversal", Path(".../lm_eval/tasks/icl_ft_reversal"))``.

The folder stands alone there: the task files under the same names, ``utils.py`` with the functions that they name, and the
generator, which is what this package's own modules hold of it, cut down to what the tasks use::

    README.md  _base_yaml  icl_ft_reversal.yaml  icl_ft_reversal_closed.yaml  ...
    utils.py  reversal.py  schema.py  words.py  errors.py  words.txt

Task documents, prompts and scores are those of this package, and so are the documents' hashes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import readme
from icl_ft_plugin.export.extract import PACKAGE, Part, extract, replaced
from icl_ft_plugin.families import family_of, generate
from icl_ft_plugin.files import atomic_folder
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.worlds.context import context_text

DESCRIPTIONS = {
    "reversal": "Comparisons of nonsense words, asked from the other side; closed book and with the documents in context.",
    "syllogism": "Syllogisms over nonsense words: what follows from two premises; closed book and in context.",
    "celebrity": "The reversal curse with generated names: facts asked against the order in which they are stated.",
    "semantic": "A hierarchy of nonsense categories: rephrasings, reversals, inheritance and held-out categories.",
    "process": "A made-up operator on functions, to be applied to fresh expressions and to unseen pairs of its rules.",
}
# What is written for the export: in the template of utils.py, or, a question's plain prompt, in the task file.
WRITTEN = {"build", "closed_prompt", "in_context_prompt", "InContextTask"}
# Functions of this package that utils.py calls.
USED = (("schema", "canonical_json"), ("schema", "World"), ("harness", "question_rows"))
# Upstream's folder has no package of ours, no PyYAML of its own and no build scripts.
CHANGES = {
    "from importlib.resources import files": "from pathlib import Path",
    "import yaml": "import json",
    "yaml.safe_load(": "json.loads(",
    "hierarchy.yaml": "hierarchy.json",
    ", made by ``scripts/build_words.py``": "",
}
_RESOURCE = re.compile(r'files\("icl_ft_plugin"\)\.joinpath\((f?)"families/data/([^"]+)"\)')
_REFERENCE = re.compile(r"!function icl_ft_plugin\.([\w.]+)\.(\w+)")
# The rules of upstream's pyproject.toml, by which its pre-commit hooks judge the folder.
RULES = "B,C419,D,E,F,FURB,I,TC,RUF034,S,SIM,UP,W605"
IGNORED = "D10,D200,D202,D205,D212,D415,D417,E11,E402,E501,E701,E731,E741,SIM108,SIM105,SIM401,SIM118,S311,S701,S101"


def upstream(family: str, folder: Path) -> Path | None:
    """Write a family's task folder for a checkout of lm-evaluation-harness.

    Args:
        family: A key of ``generators.FAMILIES``.
        folder: Folder to make; its name becomes part of the imports, so it must not be renamed.

    Returns:
        The checkout's table of tasks, if ``folder`` lies in one: it has got the folder's row.

    Raises:
        UsageError: Unknown family, a folder that exists or whose name Python cannot import, or no ruff.
    """
    family_of(family)
    folder = Path(folder)
    if not folder.name.isidentifier():
        raise UsageError(f"--out {folder}: {folder.name!r} becomes a Python package: use letters, digits and _")
    if find_spec("ruff") is None:
        raise UsageError("export upstream needs ruff, which writes in upstream's style: pip install ruff")
    source = tasks_dir() / family
    # Upstream's test loads every file of the folder at once, which a group beside its own members does not survive: a tag
    # takes its place. Tasks in which the answer is written stay here: the closure of the world decides what is right there.
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(source.glob("*yaml"))}
    del files[f"icl_ft_{family}.yaml"]
    roots = {(module, name) for text in files.values() for module, name in _REFERENCE.findall(text)}
    with atomic_folder(folder) as target:
        for name, text in files.items():
            (target / name).write_text(_task_file(name, text, family), encoding="utf-8")
        package = f"lm_eval.tasks.{folder.name}"
        _write_code(family, {root for root in roots if root[1] not in WRITTEN}, target, package)
        _tidy(target)
        (target / "README.md").write_text(_readme(family, files), encoding="utf-8")
    return _add_row(folder, family)


def _task_file(name: str, text: str, family: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("class:")]
    if name.startswith("_"):
        lines.insert(1, f"tag: icl_ft_{family}")
    changes = {"!function icl_ft_plugin.harness.task.closed_prompt": '"{{question}}"', f"family: {family}, ": ""}
    return _REFERENCE.sub(r"!function utils.\2", replaced("\n".join(lines), changes)) + "\n"


def _write_code(family: str, roots: set[tuple[str, str]], target: Path, package: str) -> None:
    """Write ``utils.py``, the modules that it needs and their data."""
    config, make = family_of(family).config, family_of(family).generate
    generator = make.__module__.removeprefix(f"{PACKAGE.name}.")
    parts = extract({*roots, *USED, (generator, config.__name__), (generator, make.__name__)})
    scores = parts.pop("harness")  # its functions stand in utils.py, where the task files look for them
    environment = Environment(loader=PackageLoader(__name__, "assets"), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    text = environment.get_template("utils.py.j2").render(
        title=_title(family),
        version=__version__,
        family=family,
        generator=generator.rpartition(".")[2],
        config=config.__name__,
        imports=sorted({*scores.imports, *_imports_of({*roots, *USED}, parts)}),
        code=scores.code,
    )
    sources = {"utils": text, **{name.rpartition(".")[2]: _module(name, part) for name, part in parts.items()}}
    for name, source in sources.items():
        (target / f"{name}.py").write_text(_for_package(source, package), encoding="utf-8")
        for pattern in _RESOURCE.findall(source):
            _copy_data(re.sub(r"\{\w+\}", "*", pattern[1]), target)


def _imports_of(roots: set[tuple[str, str]], parts: dict[str, Part]) -> set[str]:
    return {f"from {PACKAGE.name}.{module} import {name}" for module, name in roots if module in parts}


def _module(name: str, part: Part) -> str:
    doc = part.doc or f"What the tasks need of icl-ft-plugin's module `{name}`."
    return f'"""{doc}"""\n\n' + "\n".join(part.imports) + f"\n\n\n{part.code}\n"


def _for_package(source: str, package: str) -> str:
    """Return a module's source as it works in another package, its data beside it."""
    source = _RESOURCE.sub(r'Path(__file__).with_name(\1"\2")', source)
    source = replaced(source, CHANGES).replace("data/", "")
    source = re.sub(rf"from {PACKAGE.name}(?:\.generators)? import", f"from {package} import", source)
    return re.sub(rf"from {PACKAGE.name}\.(?:generators\.)?(\w+) import", rf"from {package}.\1 import", source)


def _copy_data(pattern: str, target: Path) -> None:
    """Copy data files; YAML becomes JSON, since upstream takes every YAML below its tasks for one."""
    for path in sorted((PACKAGE / "data").glob(pattern)):
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


def _title(family: str) -> str:
    return next(iter(readme.sections((tasks_dir() / family / "README.md").read_text(encoding="utf-8"))))


def _readme(family: str, files: dict[str, str]) -> str:
    copies = max(map(int, re.findall(r"context_copies: (\d+)", "".join(files.values()))), default=1)
    words = len(context_text(generate(family, 0), copies).split())
    environment = Environment(loader=PackageLoader(__name__, "assets"), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    return (
        environment.get_template("README.md.j2")
        .render(
            **readme.parts(
                (tasks_dir() / family / "README.md").read_text(encoding="utf-8"), f"icl_ft_{family}", set(files)
            ),
            knobs=readme.knobs(family),
            context_copies=copies,
            sizes=f"With the defaults it has {words:,} words; the knobs make it shorter.",
            version=__version__,
        )
        .rstrip()
        + "\n"
    )


def _add_row(folder: Path, family: str) -> Path | None:
    table = folder.parent / "README.md"
    if folder.parent.name != "tasks" or not (folder.parent / "manager.py").is_file() or not table.is_file():
        return None
    text = readme.insert_row(table.read_text(encoding="utf-8"), folder.name, DESCRIPTIONS[family])
    table.write_text(text, encoding="utf-8")
    return table
