"""``icl-ft tasks``: every task that ships, what it asks and how many tokens of a window it needs.

For example::

    task                  family    split     condition  answers  n    chance  tokens
    icl_ft_reversal_icl   reversal  reversal  icl        choice   100  50.0    1,445

The default worlds are built for it, which takes a few seconds; neither a model nor lm-eval is loaded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_ft_plugin.cli.completion import families, models
from icl_ft_plugin.errors import UsageError, suggest

if TYPE_CHECKING:
    from icl_ft_plugin.schema import Question, World

_BUILD = ("family", "split", "seed", "version", "context_copies", "prompt", "options")  # metadata that is no knob


@dataclass(frozen=True, slots=True)
class Listed:
    """One task.

    Attributes:
        task: Its name.
        family: Its dataset family.
        split: The split of the questions; None where own documents decide.
        condition: ``"closed"`` or ``"icl"``.
        answers: ``"choice"``, or how they are written: ``"written"``, ``"written, options shown"``.
        n: Number of questions in the default world; None for own documents, as below.
        chance: Accuracy of a guesser in %; 0 where answers are written and no options shown.
        tokens: Tokens of the longest prompt with the longest answer.
    """

    task: str
    family: str
    split: str | None
    condition: str
    answers: str
    n: int | None
    chance: float | None
    tokens: int | None


def tasks(
    model: Annotated[
        str,
        typer.Option(help="Count with the tokenizer of this checkpoint or embedded model.", autocompletion=models),
    ] = "nano",
    family: Annotated[str | None, typer.Option(help="Only tasks of this family.", autocompletion=families)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every task: family, split, condition, number of questions, chance, tokens needed."""
    count, window = _tokenizer(model)
    known = list(dict.fromkeys(entry["family"] for _, entry in _entries()))
    if family is not None and family not in known:
        raise UsageError(f"--family {family!r} is not one of {', '.join(known)}{suggest(family, known)}")
    found = [_listed(name, entry, count) for name, entry in _entries() if family in (None, entry["family"])]
    if as_json:
        rows = [{**asdict(row), "window": window, "tokenizer": model} for row in found]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(found, model, window)


def _print(found: list[Listed], model: str, window: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("task", "family", "split", "condition", "answers"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "chance", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found:
        over = " !" if window and row.tokens and row.tokens > window else ""
        table.add_row(
            *(row.task, row.family, row.split or "any", row.condition, row.answers),
            "" if row.n is None else f"{row.n:,}",
            "" if row.chance is None else f"{row.chance:.1f}",
            "" if row.tokens is None else f"{row.tokens:,}{over}",
        )
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table, highlight=False)
    if window:
        console.print(f"\ntokens of {model}; ! is more than its window of {window:,}", highlight=False, markup=False)


@lru_cache(maxsize=1)
def _entries() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return (name, metadata with ``output_type``, ``longest`` answer and condition) of each task file, by family."""
    return tuple(sorted(_read_entries(), key=lambda found: found[1]["order"]))


def _read_entries() -> Iterator[tuple[str, dict[str, Any]]]:
    from icl_ft_plugin.families import FAMILIES
    from icl_ft_plugin.harness.index import read_task
    from icl_ft_plugin.paths import tasks_dir

    order = [*FAMILIES]
    for file in sorted(tasks_dir().rglob("*.yaml")):
        data = read_task(file)
        if not isinstance(data.get("task"), str):
            continue
        metadata = dict(data.get("metadata") or {})
        family = metadata["family"]
        yield (
            data["task"],
            {
                **metadata,
                "order": (order.index(family) if family in order else len(order), "gen" in file.parts, data["task"]),
                "condition": "icl" if data["task"].endswith("_icl") else "closed",
                "written": data.get("output_type") == "generate_until",
                "longest": (data.get("generation_kwargs") or {}).get("max_gen_toks", 0),
            },
        )


def _listed(name: str, entry: Mapping[str, Any], count: Callable[[str], int]) -> Listed:
    shown = entry.get("options") == "shown"
    answers = ("written, options shown" if shown else "written") if entry["written"] else "choice"
    if "split" not in entry:
        return Listed(name, entry["family"], None, entry["condition"], answers, None, None, None)
    knobs = {
        key: value for key, value in entry.items() if key not in (*_BUILD, "order", "condition", "written", "longest")
    }
    world = _world(entry["family"], entry.get("seed", 0), json.dumps(knobs))
    asked = [question for question in world.questions if question.split == entry["split"]]
    guessed = 100 * sum(q.chance for q in asked) / len(asked)
    return Listed(
        name,
        entry["family"],
        entry["split"],
        entry["condition"],
        answers,
        len(asked),
        round(guessed, 1) if shown or not entry["written"] else 0.0,
        _tokens(world, asked, entry, count),
    )


@lru_cache(maxsize=16)
def _world(family: str, seed: int, knobs: str) -> World:
    from icl_ft_plugin.families import generate

    return generate(family, seed, json.loads(knobs))


def _tokens(world: World, asked: list[Question], entry: Mapping[str, Any], count: Callable[[str], int]) -> int:
    """Return the tokens of the longest prompt and answer, judged by characters as the tasks' own check does."""
    from icl_ft_plugin.harness.prompts import form_of, load_question_prompt
    from icl_ft_plugin.paths import PLAIN
    from icl_ft_plugin.worlds.context import context_text

    longest = max(asked, key=lambda q: len(q.prompt) + max(map(len, q.choices)))
    prompt = load_question_prompt(entry.get("prompt", PLAIN)).render(
        longest.prompt,
        documents=context_text(world, entry.get("context_copies", 1)) if entry["condition"] == "icl" else "",
        options=[choice.removesuffix(".") for choice in longest.choices] if entry.get("options") == "shown" else (),
        form=form_of(world.family, longest.split),
    )
    if entry["written"]:
        return count(prompt) + int(entry["longest"])
    return count(f"{prompt} {max(longest.choices, key=len)}")


def _tokenizer(model: str) -> tuple[Callable[[str], int], int | None]:
    """Return what counts the tokens of a text, and the model's window.

    Raises:
        UsageError: No such model, or no ``tokenizer.json`` in it.
    """
    from tokenizers import Tokenizer

    from icl_ft_plugin.models.find import find_model

    path: Path = find_model(model)
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(f"--model {model}: tokenizer.json cannot be read: {error}") from None
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config = {**config, **config.get("text_config", {})}
    window = next((config[key] for key in ("n_positions", "max_position_embeddings", "n_ctx") if key in config), None)
    return lambda text: len(tokenizer.encode(text).ids), window
