"""The scored questions as one Parquet table, and beside it the model that a reviewer may fit to them.

``items.parquet`` has a line per question and run, with all that questions share; ``items.R`` and ``items.py`` fit to it the crossed mixed model of
which the report's intervals are the balanced case: arms fixed; worlds, premises, training runs and worlds x arms random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_ft_plugin.files import write_text
from icl_ft_plugin.report.store.items import ITEMS, Item, item_of
from icl_ft_plugin.report.store.parquet import Kind, write_rows
from icl_ft_plugin.report.store.read import ScoredCell, Study, read_study
from icl_ft_plugin.schema import canonical_json

if TYPE_CHECKING:
    import pandas

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("cell", "model", "entry", "family", "hyperparameters"), str),
    **{"world": int, "arm": str, "run": str, "training_seed": int, "context_seed": int},
    **dict.fromkeys(("id", "split", "fact", "first", "last", "block", "rules", "question"), str),
    **{"choices": [str], "gold": [int], "scores": [float], "correct": float, "correct_norm": float},
    **{"correct_pmi": float, "chance": float, "premises": int, "labels": str},
}
RANDOM = "(1 | world) + (1 | world:first) + (1 | world:last) + (1 | world:run) + (1 | world:arm)"
SCRIPT = f"""# The crossed mixed model of items.parquet, of one model, entry of worlds and split at a time.
# Rscript items.R; needs the R packages arrow and lme4 (or brms).
items <- arrow::read_parquet("items.parquet")
items <- transform(items, world = factor(world), arm = factor(arm), run = factor(run))
for (part in split(items, list(items$model, items$entry, items$split), drop = TRUE)) {{
  cat("\\n", part$model[1], part$entry[1], part$split[1], "\\n")
  if (nlevels(droplevels(part$world)) < 3 || nlevels(droplevels(part$arm)) < 2) next
  print(summary(lme4::lmer(correct ~ arm + {RANDOM}, data = part)))
  # On the scale of log-odds:
  # lme4::glmer(correct ~ arm + {RANDOM}, data = part, family = binomial)
  # brms::brm(correct ~ arm + {RANDOM}, data = part, family = brms::bernoulli())
}}
"""

PYTHON = '''"""The crossed mixed model of items.parquet, of one model, entry of worlds and split at a time.

python items.py; needs the packages pandas, pyarrow and statsmodels.
"""

import pandas
import statsmodels.formula.api as smf

WAYS = ("first", "last", "run", "arm")  # random, each within its world, and so is the world itself

items = pandas.read_parquet("items.parquet")
for name, part in items.groupby(["model", "entry", "hyperparameters", "split"]):
    print("\\n", *name)
    if part["world"].nunique() < 3 or part["arm"].nunique() < 2:
        continue
    # What names the same groups as another way cannot be told from it: the last premise where there is one alone.
    groups = {tuple(part.groupby(["world", way]).ngroup()): way for way in reversed(WAYS)}
    random = {way: f"0 + C({way})" for way in WAYS if way in groups.values()}
    print(smf.mixedlm("correct ~ C(arm)", part, groups="world", re_formula="1", vc_formula=random).fit().summary())
'''


def items(source: str | Path | Mapping[str, Any]) -> pandas.DataFrame:
    """Return every scored question of a study, or of an evaluation, as a table: one row per question and run.

    Args:
        source: The study's folder; or what ``evaluate`` returned.

    Returns:
        A ``pandas.DataFrame``; of a study with the columns ``cell``, ``model``, ``entry``, ``family``, ``hyperparameters``, ``world``,
        ``arm``, ``run``, ``training_seed`` and ``context_seed``, of an evaluation with ``task``; then those of a question: ``id``, ``split``,
        ``fact``, ``first``, ``last``, ``block``, ``rules``, ``question``, ``choices``, ``gold``, ``scores`` (log-likelihoods
        in nats), ``correct``, ``correct_norm``, ``correct_pmi`` (where asked for), ``chance``,
        ``premises`` (their number) and ``labels`` (JSON). ``datasets.Dataset.from_pandas`` takes it.

    Raises:
        UsageError: The folder holds no study, or no complete cell yet; or a task is none of ours.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> results = icl_ft.evaluate("icl_ft_reversal_icl", model="nano", metadata={"n_facts": 5})
        >>> table = icl_ft.items(results)
        >>> len(table), table["correct"].mean().item()
        (5, 1.0)
        >>> table["split"].unique().tolist()
        ['reversal']
    """
    import pandas

    if not isinstance(source, Mapping):
        return pandas.DataFrame(list(item_rows(read_study(Path(source)).cells)))
    rows = [
        {"task": task, **_row(item_of(sample, task))}
        for task, samples in source["samples"].items()
        for sample in samples
    ]
    return pandas.DataFrame(rows)


def item_rows(cells: Sequence[ScoredCell]) -> Iterator[dict[str, object]]:
    """Yield one row per question and run; the columns of the formula are ``world``, ``first``, ``last``, ``run`` and ``arm``."""
    for cell in cells:
        labels = cell.labels
        shared = {
            "cell": cell.folder.name,
            "model": labels.model,
            "entry": labels.worlds,
            "family": labels.family,
            "hyperparameters": labels.hyperparameters or "",
            "world": labels.world_seed,
            "arm": labels.arm,
            "run": f"{labels.arm} {labels.run}",  # seed 0 of one arm is no run of another
            "training_seed": labels.training_seed,
            "context_seed": labels.context_seed,
        }
        for item in cell.items:
            yield {**shared, **_row(item)}


def _row(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "split": item.split,
        **dict(zip(("fact", "first", "last", "block", "rules"), item.ways, strict=True)),
        "question": item.question,
        "choices": list(item.choices),
        "gold": list(item.gold),
        "scores": list(item.scores),
        "correct": item.correct,
        "correct_norm": item.correct_norm,
        "correct_pmi": item.correct_pmi,
        "chance": item.chance,
        "premises": item.premises,
        "labels": canonical_json(item.labels),
    }


def write_items(study: Study, folder: Path) -> list[Path]:
    """Write the table and the scripts."""
    table = write_table(study, folder)
    scripts = {folder / "items.R": SCRIPT, folder / "items.py": PYTHON}
    for file, text in scripts.items():
        write_text(file, text)
    return [table, *scripts]


def write_table(study: Study, folder: Path) -> Path:
    """Write the table, from which ``items.archived`` reads the questions again."""
    there = any(item.correct_pmi is not None for cell in study.cells for item in cell.items)
    kinds = {name: kind for name, kind in KINDS.items() if there or name != "correct_pmi"}
    return write_rows(folder / ITEMS, item_rows(study.cells), kinds)
