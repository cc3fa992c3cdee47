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

from icl_ft_plugin.arms.rows import Row, text_of
from icl_ft_plugin.augment.asking import texts_of
from icl_ft_plugin.augment.folder import read_folder
from icl_ft_plugin.augment.statements import Statement, from_file, rows_of
from icl_ft_plugin.schema import canonical_json
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.cells.train_cell import steps_of
from icl_ft_plugin.study.estimate.counting import prompts_expected, tokens_of_cell
from icl_ft_plugin.study.estimate.rates import Rate, Rates, parameters_of, scoring
from icl_ft_plugin.study.identity import LEARNED, MARKED
from icl_ft_plugin.training.rows import as_trl

STATEMENTS = 2  # that a model writes about one text
SAMPLE = 4000  # texts whose tokens are counted, at most
DONE = {
    "train": "training",
    "closed": "prompts, closed book",
    "icl": "prompts, in context",
    "closed unshared": "prompts, closed book, prefixes not shared",
    "icl unshared": "prompts, in context, prefixes not shared",
    "local": "writing, local",
    "global": "writing, global",
    "qa": "writing, qa",
    "qa-global": "writing, qa-global",
}
Written = dict[str, list[Statement]]
Unwritten = dict[str, list[str]]
Used = dict[str, dict[Rate, dict[str, None]]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one cell takes; work that an earlier cell of the list does too is that cell's.

    Attributes:
        cell: The cell.
        done: Whether it is complete; then nothing is left to do.
        trained: Tokens trained on; None where they are not estimated (``sdft``).
        prompts: Tokens of its prompts, as if no prefix were shared; None where the model's tokenizer is not known.
        written: Tokens that its model has to write, by strategy.
        estimated: Whether its rows hold what a model has not written yet, or are too many to be counted one by one.
        seconds: By what is done, as ``Rates`` calls it.
        unshared: Why the prefixes of its prompts are not shared; None where they are.
        untimed: Whether ``seconds`` leave something out: answers that are written, or what an engine does.
        longest: Tokens of the longest row that it trains on; 0 where it trains on none.
    """

    cell: Cell
    done: bool
    trained: int | None
    prompts: int | None
    written: dict[str, int]
    estimated: bool
    seconds: dict[str, float]
    unshared: str | None = None
    untimed: bool = False
    longest: int = 0


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
    _totals: dict[str, tuple[int, int, int, bool]] = field(default_factory=dict)
    _prompts: dict[str, int | None] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rates = Rates.of(self.folders)

    def costs(self, cells: Iterable[Cell]) -> list[Cost]:
        """Return the cost of each cell, in order."""
        return [self._cost(cell) for cell in cells]

    def _cost(self, cell: Cell) -> Cost:
        done = self.own and any((folder / "cells" / cell.key).is_dir() for folder in self.folders[:1])
        there, asked = self._texts(cell)
        trained, longest, exact = self._trained(cell, there, asked)
        prompts = self._prompt_tokens(cell)
        unshared = self._unshared(cell)
        written: dict[str, int] = {}
        work: dict[str, float] = {}
        untimed = not done and cell.answers != "chosen"
        if not done:
            if cell.answers == "chosen" and cell.engine is None and prompts is not None:
                work[scoring(cell.arm.condition, shared=unshared is None)] = prompts
            for strategy, texts in asked.items():
                key = cell.writings[strategy].key
                if key not in self._begun:
                    self._begun.add(key)
                    tokens = self._tokens(cell, texts)
                    written[strategy] = STATEMENTS * cell.settings.n_samples * tokens
                    if cell.model.engine is None:
                        work[strategy] = written[strategy]
                    else:
                        untimed = True
            if trained is not None and cell.training_key and cell.training_key not in self._begun:
                self._begun.add(cell.training_key)
                work["train"] = trained
        seconds = {kind: self._seconds(kind, cell, tokens) for kind, tokens in work.items() if tokens}
        return Cost(cell, done, trained, prompts, written, not exact, seconds, unshared, untimed, longest)

    def _unshared(self, cell: Cell) -> str | None:
        """Return why the prefixes of a cell's prompts will not be shared, as far as it is known before the cell is run."""
        if cell.arm.baseline or cell.engine is not None:
            return None
        from icl_ft_plugin.prefix.check import cannot_share_checkpoint

        seen = "so it was in cells that were run" if self._rates.unshared(cell.model.hash) else None
        if "gguf_file" in cell.model.arguments:  # which has no configuration beside it
            return seen
        return cannot_share_checkpoint(cell.model.checkpoint) or seen

    def _seconds(self, kind: str, cell: Cell, tokens: float) -> float:
        rate = self._rates.find(kind, cell.model.hash, parameters_of(cell.model.checkpoint), cell.world.family)
        self.rates.setdefault(f"{cell.model.name}, {DONE[kind]}", {}).setdefault(rate, {})[cell.world.family] = None
        return tokens / rate.tokens_per_second

    def _texts(self, cell: Cell) -> tuple[Written, Unwritten]:
        """Return the statements of the augmentations that are there, and what is to be asked about for the others."""
        there: Written = {}
        asked: Unwritten = {}
        for strategy, writing in cell.writings.items():
            places = [folder / "augmentations" / writing.key for folder in self.folders]
            if made := next((place for place in places if place.is_dir()), None):
                there[strategy] = read_folder(made).statements
            elif writing.prompt is None:
                there[strategy] = from_file(cell.world.make(), strategy, writing.sha256)[0]
            else:
                texts = texts_of(cell.world.make(), writing.prompt, cell.settings.copies)
                asked[strategy] = [text for text, _ in texts]
        return there, asked

    def _tokens(self, cell: Cell, texts: Sequence[str]) -> int:
        """Return the tokens of texts; of many, by a sample that is spread evenly over them."""
        sample = texts[:: math.ceil(len(texts) / SAMPLE)] if texts else []
        if not sample:
            return 0
        return round(sum(map(tokens_of_cell(cell).count, sample)) * len(texts) / len(sample))

    def _prompt_tokens(self, cell: Cell) -> int | None:
        key = canonical_json([cell.model.hash, cell.world.hash, list(cell.tasks), cell.identity["test"]])
        if key not in self._prompts:
            self._prompts[key] = prompts_expected(cell)
        return self._prompts[key]

    def _trained(self, cell: Cell, there: Written, asked: Unwritten) -> tuple[int | None, int, bool]:
        """Return the tokens of a cell's whole training, those of the longest row, and whether they are exact."""
        if cell.training is None:
            return 0, 0, True
        if cell.arm.method != "finetune":
            return None, 0, False
        rows, tokens, longest, exact = self._rows(cell, there, asked)
        recipe = cell.training.recipe.values
        batch = int(recipe.get("per_device_train_batch_size", 8)) * int(recipe.get("gradient_accumulation_steps", 1))
        batch *= int(cell.training.launch.get("num_processes", 1))
        steps = steps_of(cell.training, rows, len(cell.world.make().documents)) or recipe.get("max_steps")
        if recipe.get("packing"):
            rows = math.ceil(tokens / int(recipe.get("max_length", 1024)))
        batches = math.ceil(rows / batch)
        if not steps or steps < 0:
            steps = math.ceil(batches * float(recipe.get("num_train_epochs", 3)))
        passes, rest = divmod(steps, batches)
        return math.floor(tokens * (passes + min(rest * batch, rows) / rows)), longest, exact

    def _rows(self, cell: Cell, there: Written, asked: Unwritten) -> tuple[int, int, int, bool]:
        """Return the number of rows, of their tokens and of the longest's, ends included, and whether all were counted."""
        what = [
            cell.model.hash,
            cell.world.hash,
            cell.settings.deduplicate,
            cell.arm.model_dump(include=LEARNED | MARKED),
        ]
        key = canonical_json([*what, [writing.key for writing in cell.writings.values()]])
        if key not in self._totals:
            parts = [part for part in cell.arm.corpus if part not in asked]
            world, deduplicate = cell.world.make(), cell.settings.deduplicate
            known = rows_of(cell.arm, world, parts, there, deduplicate=deduplicate)
            texts, ends = _texts_of(cell, known)
            rows, tokens = len(known), self._tokens(cell, texts) + ends
            longest, exact = self._longest(cell, known), rows <= SAMPLE
            for texts in asked.values():
                statements = STATEMENTS * cell.settings.n_samples
                rows += statements * len(texts)
                tokens += statements * (self._tokens(cell, texts) + len(texts))
                longest = max(longest, self._longest(cell, [{"text": text} for text in texts]))
                exact = False
            self._totals[key] = rows, tokens, longest, exact
        return self._totals[key]

    def _longest(self, cell: Cell, rows: Sequence[Row]) -> int:
        from icl_ft_plugin.training.checks import longest_row

        return longest_row(as_trl(rows), tokens_of_cell(cell).tokenizer)


def _texts_of(cell: Cell, rows: Sequence[Row]) -> tuple[list[str], int]:
    """Return rows as texts, and how many tokens end them that no text shows: a chat's template ends it itself."""
    if rows and "messages" in rows[0]:
        template = tokens_of_cell(cell).tokenizer.apply_chat_template
        return [template(row["messages"], tokenize=False) for row in rows], 0
    return [text_of(row) for row in rows], len(rows)
