"""What a study will cost before it is run: tokens from the rows themselves, minutes from measured rates.

For example a line of ``icl-ft study demo --dry-run``, for the cells that are still to be run::

    nano, reversal   ft+oracle   3 cells   141,216 tokens trained on   1,398 prompt tokens   1.2 minutes

Rows and prompts are those of the study, counted with the model's tokenizer, of many rows by a sample. What a model has not
written yet is estimated: two statements about each text, each as long as the text. Numbers that are not exact bear a "~".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icl_ft_plugin.augment.asking import texts_of
from icl_ft_plugin.augment.audited import entailed
from icl_ft_plugin.augment.output import read_folder
from icl_ft_plugin.augment.settings import GENERATED, Strategy
from icl_ft_plugin.augment.training import training_rows
from icl_ft_plugin.schema import canonical_json
from icl_ft_plugin.study_cell import prompt_cost, steps_of, tokenizer_of
from icl_ft_plugin.study_key import Cell
from icl_ft_plugin.study_plan import prompt_of
from icl_ft_plugin.study_rates import Rate, Rates, parameters_of, scoring

STATEMENTS = 2  # that a model writes about one text
# What an arm has besides how it is asked.
TAUGHT = {"name", "corpus", "loss", "splitting", "split_loss", "keep", "transform", "method"}
SAMPLE = 4000  # texts whose tokens are counted, at most
DONE = {
    "train": "training",
    "closed": "prompts, closed book",
    "icl": "prompts, in context",
    "closed unshared": "prompts, closed book, prefixes not shared",
    "icl unshared": "prompts, in context, prefixes not shared",
    "local": "writing, local",
    "global": "writing, global",
}
Texts = dict[str, tuple[list[str], bool]]
Used = dict[str, dict[Rate, dict[str, None]]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one cell takes; work that an earlier cell of the list does too is that cell's.

    Attributes:
        cell: The cell.
        done: Whether it is complete; then nothing is left to do.
        trained: Tokens trained on; None where they are not estimated (``sdft``).
        prompts: Tokens of its prompts, as if no prefix were shared.
        written: Tokens that its model has to write, by strategy.
        estimated: Whether its rows hold what a model has not written yet, or are too many to be counted one by one.
        seconds: By what is done, as ``Rates`` calls it.
        unshared: Why the prefixes of its prompts are not shared; None where they are.
    """

    cell: Cell
    done: bool
    trained: int | None
    prompts: int
    written: dict[str, int]
    estimated: bool
    seconds: dict[str, float]
    unshared: str | None = None


@dataclass
class Estimator:
    """Estimates the cells of one study.

    Args:
        folders: Studies' folders: what models have written there is not estimated, and rates are measured there. The first
            is the study's own, if it has one.
        own: Whether the first folder is the study's own, whose complete cells are done.

    Attributes:
        rates: Every rate that was used, by what it is of, with the families it was used for.
    """

    folders: Sequence[Path]
    own: bool = True
    rates: Used = field(default_factory=dict)
    _totals: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    _prompts: dict[str, int] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rates = Rates.of(self.folders)

    def costs(self, cells: Iterable[Cell]) -> list[Cost]:
        """Return the cost of each cell, in order."""
        return [self._cost(cell) for cell in cells]

    def _cost(self, cell: Cell) -> Cost:
        done = self.own and any((folder / "cells" / cell.key).is_dir() for folder in self.folders[:1])
        texts: Texts = {
            strategy: self._texts(cell, strategy) for strategy in GENERATED if strategy in cell.augmentations
        }
        trained, exact = self._trained(cell, texts)
        prompts = self._prompt_tokens(cell)
        unshared = self._unshared(cell)
        written: dict[str, int] = {}
        work: dict[str, float] = {}
        if not done:
            work[scoring(cell.arm.condition, shared=unshared is None)] = prompts
            for strategy, (_, there) in texts.items():
                key = cell.augmentations[strategy]
                if not there and key not in self._begun:
                    self._begun.add(key)
                    asked = self._tokens(cell, texts[strategy][0])
                    work[strategy] = written[strategy] = STATEMENTS * cell.settings.n_samples * asked
            if trained is not None and cell.checkpoint_key not in self._begun:
                self._begun.add(cell.checkpoint_key)
                work["train"] = trained
        seconds = {kind: self._seconds(kind, cell, tokens) for kind, tokens in work.items() if tokens}
        return Cost(cell, done, trained, prompts, written, not exact, seconds, unshared)

    def _unshared(self, cell: Cell) -> str | None:
        """Return why the prefixes of a cell's prompts will not be shared, as far as it is known before the cell is run."""
        if cell.arm.baseline:
            return None
        from icl_ft_plugin.prefix_check import cannot_share_checkpoint

        seen = "so it was in cells that were run" if self._rates.unshared(cell.model.hash) else None
        return cannot_share_checkpoint(cell.model.path) or seen

    def _seconds(self, kind: str, cell: Cell, tokens: float) -> float:
        rate = self._rates.find(kind, cell.model.hash, parameters_of(cell.model.path), cell.family)
        self.rates.setdefault(f"{cell.model.name}, {DONE[kind]}", {}).setdefault(rate, {})[cell.family] = None
        return tokens / rate.tokens_per_second

    def _texts(self, cell: Cell, strategy: Strategy) -> tuple[list[str], bool]:
        """Return the statements of an augmentation, or what the model is to be asked about, and whether they are there."""
        for folder in self.folders:
            if (path := folder / "augmentations" / cell.augmentations[strategy]).is_dir():
                return [row["text"] for row in read_folder(path)[0]], True
        asked = texts_of(cell.world, prompt_of(cell.model, cell.settings, strategy), cell.settings.copies)
        return [text for text, _ in asked], False

    def _tokens(self, cell: Cell, texts: Sequence[str]) -> int:
        """Return the tokens of texts; of many, by a sample that is spread evenly over them."""
        sample = texts[:: math.ceil(len(texts) / SAMPLE)] if texts else []
        if not sample:
            return 0
        ids = tokenizer_of(cell.model.path)(list(sample), add_special_tokens=False)["input_ids"]
        return round(sum(map(len, ids)) * len(texts) / len(sample))

    def _prompt_tokens(self, cell: Cell) -> int:
        asked = cell.arm.model_dump(exclude=TAUGHT)
        key = canonical_json([*self._world(cell), list(cell.tasks), asked])
        if key not in self._prompts:
            self._prompts[key] = prompt_cost(cell)["prompt_tokens"]
        return self._prompts[key]

    def _trained(self, cell: Cell, texts: Texts) -> tuple[int | None, bool]:
        """Return the tokens that a cell trains on, whole passes over its rows and a part of one, and whether they are exact."""
        if not cell.trained:
            return 0, True
        if cell.arm.method != "finetune":
            return None, False
        rows, tokens, exact = self._rows(cell, texts)
        recipe = cell.recipe
        batch = int(recipe.get("per_device_train_batch_size", 8)) * int(recipe.get("gradient_accumulation_steps", 1))
        batch *= int(cell.launch.get("num_processes", 1))
        steps = steps_of(cell, rows, recipe.get("max_steps")) or recipe.get("max_steps")
        if recipe.get("packing"):
            rows = math.ceil(tokens / int(recipe.get("max_length", 1024)))
        batches = math.ceil(rows / batch)
        if not steps or steps < 0:
            steps = math.ceil(batches * float(recipe.get("num_train_epochs", 3)))
        passes, rest = divmod(steps, batches)
        return math.floor(tokens * (passes + min(rest * batch, rows) / rows)), exact

    def _rows(self, cell: Cell, texts: Texts) -> tuple[int, int, bool]:
        """Return the number of rows and of their tokens, with the token that ends each, and whether all were counted."""
        arm = cell.arm
        what = [*self._world(cell), arm.corpus, arm.loss, arm.splitting, arm.split_loss, arm.keep, arm.transform]
        key = canonical_json([*what, cell.augmentations])
        if key not in self._totals:
            known = training_rows(
                cell.world,
                [part for part in arm.corpus if part not in texts or texts[part][1]],
                _kept(cell, texts),
                loss=arm.loss,
                splitting=arm.splitting,
                split_loss=arm.split_loss,
                rival=arm.transform,
            )
            rows, tokens = len(known), self._tokens(cell, ["".join(row.values()) for row in known]) + len(known)
            exact = rows <= SAMPLE
            for asked in (asked for asked, there in texts.values() if not there):
                statements = STATEMENTS * cell.settings.n_samples
                rows += statements * len(asked)
                tokens += statements * (self._tokens(cell, asked) + len(asked))
                exact = False
            self._totals[key] = rows, tokens, exact
        return self._totals[key]

    def _world(self, cell: Cell) -> list[object]:
        return [cell.model.hash, cell.family, cell.world_seed, dict(cell.config)]


def _kept(cell: Cell, texts: Texts) -> dict[str, list[str]]:
    """Return the statements that are there and that the arm trains on, as ``study_augment.arm_rows`` chooses them."""
    kept: dict[str, list[str]] = {}
    seen: set[str] = set()
    for strategy, written in ((strategy, written) for strategy, (written, there) in texts.items() if there):
        found = [text for text in written if text not in seen] if cell.settings.deduplicate else written
        seen.update(found)
        kept[strategy] = entailed(cell.world, found) if cell.arm.keep == "entailed" else found
    return kept


HEADER = ("", "cells", "to do", "tokens trained on", "tokens written", "prompt tokens", "minutes")


def table(costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    """Return as text the header, a row per model, worlds and arm, and their sum; all but the cells is what is left to do."""
    groups: dict[str, list[Cost]] = {}
    for cost in costs:
        hyper = f", {cost.cell.hyperparameters}" if cost.cell.hyperparameters else ""
        name = f"{cost.cell.model.name}, {cost.cell.worlds}, {cost.cell.arm.name}{hyper}"
        groups.setdefault(name, []).append(cost)
    return [HEADER, *(_row(name, group) for name, group in groups.items()), _row("all", costs)]


def _row(name: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    left = [cost for cost in costs if not cost.done]
    about = "~" if any(cost.estimated for cost in left) else ""
    trained = [cost.trained for cost in left if cost.trained is not None]
    more = "+ ?" if len(trained) < len(left) else ""
    written = sum(tokens for cost in left for tokens in cost.written.values())
    minutes = sum(seconds for cost in left for seconds in cost.seconds.values()) / 60
    return (
        name,
        str(len(costs)),
        str(len(left)),
        f"{about}{sum(trained):,}{more}",
        f"~{written:,}" if written else "0",
        f"{sum(cost.prompts for cost in left):,}",
        f"{about}{minutes:.1f}{more}",
    )


def lines(costs: Sequence[Cost], rates: Used) -> list[str]:
    """Return the table and the rates behind its minutes, aligned for a terminal."""
    rows = table(costs)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    shown = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    width = max(map(len, rates), default=0)
    sources = [
        f"  {what.ljust(width)}  {rate.tokens_per_second:>9,.0f}  {', '.join(families)}: {rate.source}"
        for what, found in rates.items()
        for rate, families in found.items()
    ]
    note = (
        "Minutes are those of one process, one cell after the other; prompts are counted as if no prefix were shared."
    )
    if any(cost.estimated for cost in costs if not cost.done):
        note += " ~: estimated: what models have not written yet, or a sample of many rows."
    if any(cost.trained is None for cost in costs if not cost.done):
        note += " ?: sdft is not estimated."
    unshared = {cost.cell.model.name: cost.unshared for cost in costs if cost.unshared and not cost.done}
    warned = [f"{name}: prefixes are not shared: {reason}" for name, reason in unshared.items()]
    return [*shown, "", note, *warned, *(["Tokens a second, and where the rate is from:", *sources] if sources else [])]
