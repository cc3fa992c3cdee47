"""A world as a folder: JSON lines of its facts, documents and questions, and ``world.json`` with their hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from icl_ft_plugin import __version__
from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, cut, shown
from icl_ft_plugin.families import FAMILIES, family_of, generate
from icl_ft_plugin.files import atomic_folder, read_json, read_jsonl, write_json, write_jsonl
from icl_ft_plugin.schema import Document, Fact, Question, World
from icl_ft_plugin.worlds.card import summarize, write_dataset_card

TABLES = ("questions", "documents", "facts")


def save_world(world: World, folder: str | Path) -> None:
    """Write a world as JSON lines plus ``world.json``; the folder appears complete or not at all.

    Args:
        world: The world.
        folder: The folder to make; a task takes it as ``metadata={"path": folder}``.

    Raises:
        UsageError: The folder exists or cannot be written.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> world = icl_ft.generate("syllogism", seed=1)
        >>> icl_ft.save_world(world, "runs/syllogism")
        >>> icl_ft.load_world("runs/syllogism") == world
        True
    """
    with atomic_folder(Path(folder), manifest=True) as temporary:
        write_world(world, temporary)


def write_world(world: World, folder: Path) -> None:
    """Write a world and its dataset card into a folder that exists."""
    for name in TABLES:
        write_jsonl(folder / f"{name}.jsonl", map(asdict, getattr(world, name)))
    header = {
        "family": world.family,
        "config": dict(world.config),
        "seed": world.seed,
        "hash": world.hash,
        "version": __version__,
    }
    write_json(folder / "world.json", header)
    write_dataset_card(folder, [summarize(world)])


def _load_saved(folder: Path) -> World:
    """Read what ``save_world`` wrote and check its hash."""
    header = parsed(_Header, read_json(folder / "world.json"), str(folder / "world.json"), strict=False)
    world = World(
        family=header.family,
        config=header.config,
        seed=header.seed,
        facts=tuple(_rows(Fact, folder / "facts.jsonl")),
        documents=tuple(_rows(Document, folder / "documents.jsonl")),
        questions=tuple(_rows(Question, folder / "questions.jsonl")),
    )
    if world.hash != header.hash:
        raise UsageError(f"{folder}: the files do not match the hash in world.json; build the world again")
    for number, question in enumerate(world.questions, start=1):
        if not question.gold or not all(0 <= right < len(question.choices) for right in question.gold):
            place = f"{folder / 'questions.jsonl'}, row {number}"
            raise UsageError(f"{place}: gold: {shown(question.gold)} names none of {len(question.choices)} choices")
        if "fact" not in question.clusters:
            raise UsageError(f"{folder / 'questions.jsonl'}, row {number}: clusters: 'fact' is missing")
    return world


@dataclass(frozen=True, slots=True)
class _Header:
    family: str
    config: dict[str, object]
    seed: int
    hash: str


Kind = TypeVar("Kind", Fact, Document, Question)


def _rows(kind: type[Kind], file: Path) -> Iterator[Kind]:
    for number, row in enumerate(read_jsonl(file), start=1):
        yield parsed(kind, row, f"{file}, row {number}", strict=False)


def load_world(folder: str | Path) -> World:
    """Return the world of a folder: one that ``save_world`` wrote, or documents of your own.

    Args:
        folder: With ``world.json``; or with ``documents.jsonl`` and ``questions.jsonl``, in the form of docs/own-documents.md.

    Raises:
        UsageError: It is neither, or a file is damaged; or the content does not match its hash.

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> icl_ft.save_world(icl_ft.generate("reversal", n_facts=3), "runs/reversal")
        >>> icl_ft.load_world("runs/reversal").family
        'reversal'
    """
    folder = Path(folder)
    if (folder / "world.json").exists():
        return _load_saved(folder)
    readable = [family for family in FAMILIES.values() if family.load]
    for family in readable:
        if family.load and any((folder / name).exists() for name in family.files):
            return family.load(folder)
    files = " nor ".join(f"{' and '.join(family.files)} of your own" for family in readable)
    raise UsageError(f"{folder}: not a world: it holds neither world.json (icl-ft data build) nor {files}")


def world_of(family: str, seed: int, knobs: Mapping[str, object]) -> World:
    """Return a generated world, or the one in a folder if the only knob is its ``path``.

    Args:
        family: The world's family.
        seed: The world seed; a loaded world has its own.
        knobs: Config fields that differ from the defaults, or ``{"path": "DIR"}``.

    Raises:
        UsageError: What ``generate`` or ``load_world`` refuses, further knobs beside ``path``, or another family there.
    """
    if "path" not in knobs:
        return generate(family, seed, knobs)
    path = knobs["path"]
    if len(knobs) > 1 or not isinstance(path, str):
        raise UsageError(
            f"path={shown(path)}: names the folder of a world, and takes no other knob ({cut(', '.join(map(str, knobs)))})"
        )
    world = _read(family, path, stamp(path))
    if world.family != family:
        raise UsageError(f"path={shown(path)}: holds a world of family {shown(world.family)}, not {shown(family)}")
    return world


def stamp(path: str) -> tuple[tuple[str, int, int], ...]:
    """Return the names, sizes and times of a folder's files, by which one that was read is known again."""
    files = sorted(file for file in Path(path).glob("*.json*") if file.is_file())
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


@lru_cache(maxsize=4)
def _read(family: str, path: str, stamp: tuple[tuple[str, int, int], ...]) -> World:
    """Read a folder once, as long as it is as it was: a large one takes seconds, and a study asks for it many times."""
    load = family_of(family).load
    # What is not there, or is not what it is named, the family's own reader explains best.
    return load(Path(path)) if load and not (Path(path) / "world.json").exists() else load_world(path)
