"""A world as a folder: JSON lines of its facts, documents and questions, and ``world.json`` with their hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from icl_ft_plugin import __version__
from icl_ft_plugin.config import parsed
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families import FAMILIES, family_of, generate
from icl_ft_plugin.files import atomic_folder, read_json, read_jsonl, write_json, write_jsonl
from icl_ft_plugin.schema import Document, Fact, Question, World
from icl_ft_plugin.worlds.card import summarize, write_dataset_card

TABLES = ("questions", "documents", "facts")


def save_world(world: World, folder: Path) -> None:
    """Write a world as JSON lines plus ``world.json``; the folder appears complete or not at all.

    Raises:
        UsageError: The folder exists or cannot be written.
    """
    with atomic_folder(folder, manifest=True) as temporary:
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


def load_world(folder: Path) -> World:
    """Read what ``save_world`` wrote and check its hash.

    Raises:
        UsageError: A file is missing or damaged, or the content does not match the hash.
    """
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
    return world


@dataclass(frozen=True, slots=True)
class _Header:
    family: str
    config: dict[str, Any]
    seed: int
    hash: str


Kind = TypeVar("Kind", Fact, Document, Question)


def _rows(kind: type[Kind], file: Path) -> Iterator[Kind]:
    for number, row in enumerate(read_jsonl(file), start=1):
        yield parsed(kind, row, f"{file}, row {number}", strict=False)


def read_world(folder: Path) -> World:
    """Return the world of a folder: one that ``save_world`` wrote, or own documents.

    Raises:
        UsageError: Something in it cannot be used.
    """
    if (folder / "world.json").exists():
        return load_world(folder)
    readable = [family for family in FAMILIES.values() if family.load]
    for family in readable:
        if family.load and any((folder / name).exists() for name in family.files):
            return family.load(folder)
    files = " nor ".join(f"{' and '.join(family.files)} of your own" for family in readable)
    raise UsageError(f"{folder}: not a world: it holds neither world.json (icl-ft data build) nor {files}")


def world_of(family: str, seed: int, knobs: Mapping[str, Any]) -> World:
    """Return a generated world, or the one in a folder if the only knob is its ``path``.

    Args:
        family: The world's family.
        seed: The world seed; a loaded world has its own.
        knobs: Config fields that differ from the defaults, or ``{"path": "DIR"}``.

    Raises:
        UsageError: What ``generate`` or ``read_world`` refuses, further knobs beside ``path``, or another family there.
    """
    if "path" not in knobs:
        return generate(family, seed, knobs)
    path = knobs["path"]
    if len(knobs) > 1 or not isinstance(path, str):
        raise UsageError(f"path={path!r}: names the folder of a world, and takes no other knob ({', '.join(knobs)})")
    load = family_of(family).load
    # What is not there, or is not what it is named, the family's own reader explains best.
    world = load(Path(path)) if load and not (Path(path) / "world.json").exists() else read_world(Path(path))
    if world.family != family:
        raise UsageError(f"path={path!r}: holds a world of family {world.family!r}, not {family!r}")
    return world
