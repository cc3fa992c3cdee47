"""Writes the tables of the task READMEs: ``python scripts/readme_tables.py [FAMILY ...]``, all families by default.

Between ``<!-- baselines -->`` and ``<!-- /baselines -->`` comes what the answerers that know nothing, or everything, score.
With ``--model nano`` what a model scores closed book and in context comes between ``<!-- model -->`` and ``<!-- /model -->``
instead, for the families named; ``--seeds 0 1 2`` and ``--knobs '{"n_facts": 20}'`` say in which worlds. No number of
either table is typed by hand. (``tests/worlds/test_tables.py`` computes the first table again.)
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from statistics import fmean, stdev
from typing import Any

from icl_ft_plugin.families import generate, generated
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.worlds.baselines import BASELINES, chance, score

SEEDS = range(5)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return (
        "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))
        .replace("| --- ", "|---")
        .replace("|--- |", "|---|")
    )


def baselines(family: str) -> str:
    """Return the table of the answerers that know nothing, or everything: the mean over the world seeds 0 to 4."""
    worlds = [generate(family, seed) for seed in SEEDS]
    splits = worlds[0].splits
    scores = {"chance": [chance(world) for world in worlds]}
    scores |= {name: [score(world, name) for world in worlds] for name in BASELINES}
    means = [
        [name, *(f"{100 * fmean(values[split] for values in of):.1f}" for split in splits)]
        for name, of in scores.items()
    ]
    return table(["answerer", *splits], means)


def measured(family: str, model: str, seeds: Sequence[int], knobs: Mapping[str, Any]) -> str:
    """Return the versions, the table of a model's accuracies, questions of all worlds pooled, and the command that made it."""
    import icl_ft_plugin as icl_ft
    from icl_ft_plugin.models.find import find_model, folder_hash

    hits: dict[str, dict[str, list[float]]] = {}
    chances: dict[str, list[float]] = {}
    for seed in seeds:
        found = icl_ft.evaluate(f"icl_ft_{family}", model=model, metadata={"seed": seed, **knobs}, batch_size=8)
        for task, samples in found["samples"].items():
            name, _, condition = task.rpartition("_")
            hits.setdefault(name, {}).setdefault(condition, []).extend(sample["acc"] for sample in samples)
            if condition == "closed":
                chances.setdefault(name, []).extend(sample["doc"]["chance"] for sample in samples)
    rows = [
        [
            f"`{name}_*`",
            str(len(of["closed"])),
            f"{100 * fmean(chances[name]):.1f}",
            written(of["closed"]),
            written(of["icl"]),
        ]
        for name, of in hits.items()
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("icl-ft-plugin", "lm-eval", "transformers", "torch"))
    options = f" --knobs '{json.dumps(knobs)}'" if knobs else ""
    return (
        f"Accuracy in percent with its standard error over questions, world seeds {', '.join(map(str, seeds))}"
        f"{f', knobs `{json.dumps(knobs)}`' if knobs else ''}. Versions: {versions}; float32; {date.today():%B %Y}; model "
        f"`{model}` of hash `{folder_hash(find_model(model))[:8]}...`.\n\n"
        f"{table(['tasks', 'n', 'chance', 'closed', 'in context'], rows)}\n\n"
        f"```bash\npython scripts/readme_tables.py {family} --model {model} --seeds {' '.join(map(str, seeds))}{options}\n```"
    )


def written(hits: Sequence[float]) -> str:
    """Return an accuracy with its standard error, in percent."""
    return f"{100 * fmean(hits):.1f} ± {100 * stdev(hits) / len(hits) ** 0.5:.1f}"


def fill(text: str, mark: str, body: str) -> str:
    """Return a text with another body between two marks.

    Raises:
        SystemExit: The text has not both marks, once each.
    """
    new, times = re.subn(
        rf"(<!-- {mark} -->\n).*?(\n<!-- /{mark} -->)",
        lambda found: f"{found[1]}\n{body}\n{found[2]}",
        text,
        flags=re.DOTALL,
    )
    if times != 1:
        raise SystemExit(f"{times} places between <!-- {mark} --> and <!-- /{mark} -->, not 1")
    return new


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", choices=[[], *generated()])
    parser.add_argument("--model", help="an embedded model's name, or a folder")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--knobs", type=json.loads, default={})
    parser.add_argument("--print", action="store_true", help="write nothing, print")
    given = parser.parse_args(arguments)
    for family in given.families or generated():
        path = tasks_dir() / family / "README.md"
        if given.model:
            mark, body = "model", measured(family, given.model, given.seeds, given.knobs)
        else:
            mark, body = "baselines", baselines(family)
        if given.print:
            print(body)
        else:
            path.write_text(fill(path.read_text(encoding="utf-8"), mark, body), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
