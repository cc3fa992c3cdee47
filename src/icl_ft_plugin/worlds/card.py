"""The dataset card beside the tables of a world: ``README.md`` with the Hub's front matter.

By it ``datasets.load_dataset(folder, "questions")`` finds the tables, and a page of the Hub shows them::

    license: apache-2.0
    size_categories: 1K<n<10K
    configs:
    - {config_name: questions, data_files: questions.jsonl, default: true}
    - {config_name: train-ft, data_files: train-ft.jsonl}

A card names files by their names, never by their places on the machine that made them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from icl_ft_plugin import __version__
from icl_ft_plugin.families import family_of, make_config
from icl_ft_plugin.schema import Document, Fact, Question, World, canonical_json

if TYPE_CHECKING:
    from huggingface_hub import DatasetCard


CARD = "README.md"
PAPER = "https://arxiv.org/abs/2505.00661"
ROWS = {"questions": Question, "documents": Document, "facts": Fact}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
_TEXT = """\
---
{{ card_data }}
---
# {{ title }}

{{ origin }} Documents to train a language model on or to put in its prompt, and multiple-choice questions about what
follows from them (after [arXiv 2505.00661]({{ paper }})).

| table | rows | columns |
|---|---|---|
{% for name, rows, columns in tables -%}
| `{{ name }}` | {{ rows }} | {{ columns }} |
{% endfor %}

| split of the questions | questions | chance (%) |
|---|---|---|
{% for split, count, chance in splits -%}
| `{{ split }}` | {{ count }} | {{ chance }} |
{% endfor %}

```python
datasets.load_dataset("DIR", "questions")
```

{{ again }}

Config: `{{ config }}`. Content hash: {{ hash }}.
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a card says of one world, so that the worlds of a large folder need not be held.

    Attributes:
        family: Its family.
        config: Its knobs.
        seed: Its seed.
        hash: Its content hash.
        rows: Number of rows by table.
        splits: (number of questions, sum of their chance) by split.
    """

    family: str
    config: Mapping[str, object]
    seed: int
    hash: str
    rows: Mapping[str, int]
    splits: Mapping[str, tuple[int, float]]

    @property
    def generated(self) -> bool:
        """Whether a generator made it; what was read from files has another author, and another licence."""
        family = family_of(self.family)
        return family.generate is not None and set(self.config) == family.knobs.keys()


def summarize(world: World) -> Summary:
    """Return what a card says of a world."""
    chances = {split: [q.chance for q in world.questions if q.split == split] for split in world.splits}
    return Summary(
        world.family,
        world.config,
        world.seed,
        world.hash,
        {name: len(getattr(world, name)) for name in ROWS},
        {split: (len(found), sum(found)) for split, found in chances.items()},
    )


def write_dataset_card(folder: Path, worlds: Sequence[Summary], arms: Sequence[str] = ()) -> None:
    """Write the card of a world, or of many of one family and config.

    Args:
        folder: Holds the tables; of many worlds, folders ``seed-*`` that do.
        worlds: The worlds.
        arms: Arms of which ``train-ARM.jsonl`` lies beside the tables.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    first, made = worlds[0], worlds[0].generated
    sizes = {name: sum(world.rows[name] for world in worlds) for name in ROWS}
    data = DatasetCardData(
        language="en",
        license="apache-2.0" if made else "other",
        pretty_name=_title(worlds),
        task_categories=["text-generation", "question-answering", "multiple-choice"],
        annotations_creators=["machine-generated"] if made else None,
        language_creators=["machine-generated"] if made else None,
        multilinguality="monolingual",
        size_categories=next(name for most, name in _SIZES if sum(sizes.values()) < most or most == _SIZES[-1][0]),
        source_datasets=["original"] if made else None,
        tags=["icl-ft", *(["synthetic"] if made else [])],
        configs=_configs(arms, "" if len(worlds) == 1 else "seed-*/"),
    )
    card = DatasetCard.from_template(
        data,
        template_str=_TEXT,
        title=_title(worlds),
        origin=_origin(first, made),
        paper=PAPER,
        tables=[
            (name, f"{sizes[name]:,}", ", ".join(f"`{f.name}`" for f in fields(kind))) for name, kind in ROWS.items()
        ],
        splits=_splits(worlds),
        again=_again(worlds, arms) if made else "",
        config=canonical_json(dict(first.config)),
        hash=f"`{first.hash}`" if len(worlds) == 1 else "in the `world.json` of each",
    )
    save_card(card, folder)


def save_card(card: DatasetCard, folder: Path) -> None:
    """Write a card of ``huggingface_hub`` as the folder's ``README.md``, without the holes of its template."""
    (folder / CARD).write_text(re.sub(r"\n{3,}", "\n\n", str(card)).rstrip() + "\n", encoding="utf-8")


def _configs(arms: Sequence[str], place: str) -> list[Mapping[str, object]]:
    """Return the tables and rows as the Hub's viewer and ``datasets`` look for them; the questions come first."""
    names = [*ROWS, *(f"train-{arm}" for arm in arms)]
    first: Mapping[str, object] = {"config_name": names[0], "data_files": f"{place}{names[0]}.jsonl", "default": True}
    return [first, *({"config_name": name, "data_files": f"{place}{name}.jsonl"} for name in names[1:])]


def _title(worlds: Sequence[Summary]) -> str:
    first, last = worlds[0], worlds[-1]
    return (
        f"{first.family}, seed{'' if first is last else 's'} {first.seed}{'' if first is last else f' to {last.seed}'}"
    )


def _origin(world: Summary, made: bool) -> str:
    if not made:
        return f"Read from files by icl-ft-plugin {__version__}; the licence is that of the files."
    names = "real words" if world.config.get("real_names") else "made-up words"
    return f"Generated by icl-ft-plugin {__version__}, with {names} for names."


def _splits(worlds: Sequence[Summary]) -> list[tuple[str, str, str]]:
    found = []
    for split in dict.fromkeys(split for world in worlds for split in world.splits):
        counted = [world.splits.get(split, (0, 0.0)) for world in worlds]
        asked = sum(n for n, _ in counted)
        found.append((split, f"{asked:,}", f"{100 * sum(chance for _, chance in counted) / asked:.1f}"))
    return found


def _again(worlds: Sequence[Summary], arms: Sequence[str]) -> str:
    """Return how to generate the same bytes."""
    first = worlds[0]
    default = make_config(first.family, {})
    given = "".join(
        f" --set '{key}={json.dumps(value)}'" for key, value in first.config.items() if value != getattr(default, key)
    )
    given += "".join(f" --arm {arm}" for arm in arms)
    many = f" --worlds {len(worlds)}" if len(worlds) > 1 else ""
    command = f"icl-ft data build {first.family} --seed {first.seed}{many}{given} --out DIR"
    return f"The same bytes again:\n\n```sh\n{command}\n```"
