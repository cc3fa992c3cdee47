"""A task folder for lm-evaluation-harness itself: ``upstream(["reversal", "celebrity"], Path(".../lm_eval/tasks"))``.

The folder stands alone there. Each family has its main question closed book and in context, and the one that tells whether the
facts were learned; what families share is there once::

    README.md  icl_ft.yaml  icl_ft_closed.yaml  icl_ft_in_context.yaml  icl_ft_told.yaml   the groups
    _base_yaml  icl_ft_reversal_closed.yaml  icl_ft_reversal_icl.yaml  ...                 the tasks
    utils.py  dump.py  schema.py  words.py  words.txt  ...                                 shared
    reversal/  celebrity/                                                                  the generators

Task documents and prompts are those of this package, and so are the documents' hashes.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import readme
from icl_ft_plugin.export.code import Code
from icl_ft_plugin.families import Family, family_of
from icl_ft_plugin.files import atomic_folder
from icl_ft_plugin.harness import documents
from icl_ft_plugin.harness.index import read_task
from icl_ft_plugin.training.card import read_results

NAME = "icl_ft"
DESCRIPTION = "Made-up facts, asked about with the documents in context, or closed book of a model finetuned on them."
BASE = """\
custom_dataset: !function utils.build
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_target: gold
doc_to_choice: choices
num_fewshot: 0
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
"""
IN_CONTEXT = "custom_dataset: !function utils.build_in_context\ndoc_to_text: !function utils.in_context_prompt\n"
GROUPS = {
    "icl_ft_closed": "the main questions without documents: what a finetuned model has learned",
    "icl_ft_in_context": "the main questions with the documents in front of them",
    "icl_ft_told": "without documents, what the documents state, in other words: were the facts learned at all?",
}
# The rules of upstream's pyproject.toml, by which its pre-commit hooks judge the folder.
RULES = "B,C419,D,E,F,FURB,I,TC,RUF034,S,SIM,UP,W605"
IGNORED = "D10,D200,D202,D205,D212,D415,D417,E11,E402,E501,E701,E731,E741,SIM108,SIM105,SIM401,SIM118,S311,S701,S101"


@dataclass(frozen=True, slots=True)
class Task:
    """A task that goes along.

    Attributes:
        name: Its name.
        group: The group that it is in.
        metadata: Family, split, world seed and ``context_copies``.
    """

    name: str
    group: str
    metadata: Mapping[str, object]


def upstream(families: Sequence[str], place: Path, results: Sequence[Path] = ()) -> Path | None:
    """Write the task folder ``icl_ft`` for a checkout of lm-evaluation-harness.

    Args:
        families: Keys of ``families.FAMILIES``.
        place: The folder to make it in: ``lm_eval/tasks`` of the checkout.
        results: lm-eval's results on public models, for the README: files, or output folders.

    Returns:
        The checkout's table of tasks, if ``place`` has one: it has got the folder's row.

    Raises:
        UsageError: Unknown family, one that is read from files, results that are none, a folder that exists, or no ruff.
    """
    found = [family_of(name) for name in dict.fromkeys(families)]
    if fixed := [family.title for family in found if family.generate is None]:
        raise UsageError(f"export upstream: {fixed[0]} are read from files; only what is generated can be exported")
    if find_spec("ruff") is None:
        raise UsageError("export upstream needs ruff, which writes in upstream's style: pip install ruff")
    measured = read_results(results)
    tasks = [task for family in found for task in tasks_of(family)]
    with atomic_folder(place / NAME) as target:
        for name, text in _task_files(tasks):
            (target / name).write_text(text, encoding="utf-8")
        _write_code(found, target)
        _tidy(target)
        text = _template("README.md").render(readme.parts(found, tasks, GROUPS, measured), version=__version__)
        (target / "README.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    return _add_row(place)


def tasks_of(family: Family) -> Iterator[Task]:
    """Yield the tasks of a family that go along: the main split in both conditions, and what tells if facts were learned."""
    wanted = [(family.main or next(iter(family.splits)), "closed", "icl_ft_closed")]
    wanted.append((wanted[0][0], "icl", "icl_ft_in_context"))
    if family.learned:
        wanted.append((family.learned, "closed", "icl_ft_told"))
    known = [read_task(file) for file in sorted(family.task_folder.glob("*.yaml")) if "group" not in read_task(file)]
    for split, condition, group in wanted:
        for task in known:
            if task["metadata"]["split"] == split and task["task"].endswith(f"_{condition}"):
                yield Task(task["task"], group, {**task["metadata"], "version": 1.0})


def _task_files(tasks: Sequence[Task]) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the YAML files."""
    yield "_base_yaml", BASE
    for task in tasks:
        metadata = ", ".join(f"{key}: {value}" for key, value in task.metadata.items())
        more = IN_CONTEXT if task.group == "icl_ft_in_context" else ""
        text = f"include: _base_yaml\ntask: {task.name}\n{more}metadata: {{{metadata}}}\n"
        yield f"{task.name}.yaml", text
    mean = "aggregate_metric_list:\n  - metric: acc\n  - metric: acc_norm\n"
    for group in GROUPS:
        yield f"{group}.yaml", _group(group, [task.name for task in tasks if task.group == group], mean)
    yield f"{NAME}.yaml", _group(NAME, list(GROUPS), "")


def _group(name: str, members: Sequence[str], aggregates: str) -> str:
    listed = "".join(f"  - {member}\n" for member in members)
    return f"group: {name}\ntask:\n{listed}{aggregates}metadata:\n  version: 1.0\n"


def _write_code(families: Sequence[Family], target: Path) -> None:
    """Write ``utils.py``, ``dump.py``, and of the modules below them what they use."""
    package = f"lm_eval.tasks.{NAME}"
    generators = {family.name: _split(family.generate.__module__) for family in families if family.generate}
    code = Code({parent: family for family, (parent, _) in generators.items()})
    parts = [
        {
            "name": family.name,
            "module": generators[family.name][0],
            "generator": generators[family.name][1],
            "config": family.config.__name__,
            "function": family.generate.__name__,
        }
        for family in families
        if family.config and family.generate
    ]
    source = _template("utils.py").render(families=parts, question_rows=inspect.getsource(documents.question_rows))
    code.need(source)
    code.write(target, package)
    (target / "utils.py").write_text(code.moved(source, package), encoding="utf-8")
    (target / "dump.py").write_text(_template("dump.py").render(package=package) + "\n", encoding="utf-8")


def _split(module: str) -> tuple[str, str]:
    package, _, name = module.rpartition(".")
    return package, name


def _template(name: str) -> Template:
    environment = Environment(loader=PackageLoader(__name__, "assets"), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    return environment.get_template(f"{name}.j2")


def _tidy(target: Path) -> None:
    """Let ruff remove what nothing uses any more, sort imports and format, by upstream's settings.

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


def _add_row(place: Path) -> Path | None:
    table = place / "README.md"
    if not (place / "manager.py").is_file() or not table.is_file():
        return None
    text = readme.insert_row(table.read_text(encoding="utf-8"), NAME, DESCRIPTION)
    table.write_text(text, encoding="utf-8")
    return table
