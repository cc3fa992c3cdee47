"""From a world to what is trained on and what stands in the prompt.

Training rows are what TRL reads: ``{"text": "Did you know that femp are more dangerous than glon?"}`` for a loss on
the full text, ``{"prompt": "Did you know that femp are", "completion": " more dangerous than glon?"}`` for a loss on
the completion only. The in-context prompt is the documents, one a line, a blank line, then the bare question
(arXiv 2505.00661, sections 3 and 4).
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from icl_ft_plugin import __version__
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import family_of, generate
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.schema import Document, Fact, KnowledgeSet, Question
from icl_ft_plugin.worlds.card import summarize, write_dataset_card

Loss = Literal["full", "completion"]
DOCUMENTS = "documents"
TABLES = ("questions", "documents", "facts")


def training_documents(world: KnowledgeSet, parts: Sequence[str] = (DOCUMENTS,)) -> list[Document]:
    """Return the documents of a corpus made of the named parts.

    Args:
        world: The world.
        parts: ``"documents"`` for the world's own, and styles of the family's oracle (``"rephrase"``,
            ``"reversal"``, ``"chain"``) for rule-based augmentations.

    Raises:
        UsageError: A part that the family does not have.
    """
    if world.family == own.FAMILY and (rules := set(parts) - {DOCUMENTS}):
        raise UsageError(own.no_rules(f"corpus part {min(rules)!r}"))
    inferred = family_of(world.family).oracle(world) if set(parts) - {DOCUMENTS} else ()
    known = {DOCUMENTS, *(document.style for document in inferred)}
    for part in parts:
        if part not in known:
            raise UsageError(
                f"corpus part {part!r} does not exist in {world.family}; it has {', '.join(sorted(known))}"
            )
    stated = list(world.documents) if DOCUMENTS in parts else []
    return stated + [document for document in inferred if document.style in parts]


def training_rows(
    world: KnowledgeSet, parts: Sequence[str] = (DOCUMENTS,), loss: Loss = "full"
) -> list[dict[str, str]]:
    """Return the rows that TRL trains on.

    Args:
        world: The world.
        parts: See ``training_documents``.
        loss: ``"full"`` for the loss on the whole text, ``"completion"`` on what follows ``completion_start``.

    Returns:
        One row per document: ``{"text"}`` or ``{"prompt", "completion"}``.

    Raises:
        UsageError: Unknown part or loss.
    """
    documents = training_documents(world, parts)
    if loss == "full":
        return [{"text": document.text} for document in documents]
    if loss == "completion":
        return [{"prompt": d.text[: d.completion_start], "completion": d.text[d.completion_start :]} for d in documents]
    raise UsageError(f"loss: {loss!r} is neither 'full' nor 'completion'")


def context_documents(world: KnowledgeSet, copies: int = 1) -> list[Document]:
    """Choose the documents that stand in the prompt; every stated fact is kept.

    Documents are visited in an order drawn from the world's seed, own documents in that of their file; one is kept while it states a fact that fewer
    than ``copies`` kept documents state.

    Args:
        world: The world.
        copies: Documents per fact, as far as there are so many; 0 keeps all documents.
    """
    documents = list(world.documents)
    if world.family != own.FAMILY:  # their order is their author's
        random.Random(f"context-{world.seed}").shuffle(documents)
    if copies == 0:
        return documents
    stated: Counter[str] = Counter()
    kept = []
    for document in documents:
        if any(stated[fact] < copies for fact in document.facts):
            kept.append(document)
            stated.update(document.facts)
    return kept


def context_text(world: KnowledgeSet, copies: int = 1) -> str:
    """Return the in-context part of a prompt: the chosen documents, one after the other, each on its own line."""
    return join_documents(context_documents(world, copies))


def join_documents(documents: Iterable[Document]) -> str:
    """Return documents as they stand in a prompt, each on its own line."""
    return "\n".join(document.text for document in documents)


def documents_within(world: KnowledgeSet, budget: int, count: Callable[[str], int]) -> list[Document]:
    """Choose as many documents for the prompt as a budget allows; every fact that a question needs is kept.

    First come those that state the most needed facts per token, until all are stated, then others in the order of
    ``context_documents``, which is also the order of the result.

    Args:
        world: The world.
        budget: Most tokens of the documents together.
        count: Returns the number of tokens of a text.

    Raises:
        UsageError: The needed facts alone take more; the message tells how many tokens.
    """
    documents = context_documents(world, 0)
    sizes = {document.id: count(f"{document.text}\n") for document in documents}
    missing = {fact for question in world.questions for fact in question.proof}
    chosen: set[str] = set()
    while missing:
        best = max(documents, key=lambda d: len(missing.intersection(d.facts)) / sizes[d.id])
        if missing.isdisjoint(best.facts):
            break  # what no document states is for the proof layer to report
        chosen.add(best.id)
        missing -= set(best.facts)
    spent = sum(sizes[id_] for id_ in chosen)
    if spent > budget:
        raise UsageError(
            f"context_tokens={budget}: the documents that state what the questions need take {spent} tokens; raise it or "
            "make the world smaller"
        )
    for document in documents:
        if document.id not in chosen and spent + sizes[document.id] <= budget:
            chosen.add(document.id)
            spent += sizes[document.id]
    return [document for document in documents if document.id in chosen]


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, UTF-8, newline-terminated."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_jsonl(path: Path) -> list[Any]:
    """Read a JSON-lines file.

    Raises:
        UsageError: The file is missing or a line is not JSON; the message names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}, line {number}: not JSON ({error.msg})") from error
    return rows


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that takes its name when the block ends without an error.

    Raises:
        UsageError: The target exists, or the place cannot be written.
    """
    if target.exists():
        raise UsageError(f"{target}: exists already; name another folder or remove it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})") from error
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp makes it private; a result is an ordinary folder
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def save_world(world: KnowledgeSet, folder: Path) -> None:
    """Write a world as JSON lines plus ``world.json``; the folder appears complete or not at all.

    Raises:
        UsageError: The folder exists or cannot be written.
    """
    with atomic_folder(folder) as temporary:
        write_world(world, temporary)


def write_world(world: KnowledgeSet, folder: Path) -> None:
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
    (folder / "world.json").write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")
    write_dataset_card(folder, [summarize(world)])


def load_world(folder: Path) -> KnowledgeSet:
    """Read what ``save_world`` wrote and check its hash.

    Raises:
        UsageError: A file is missing or damaged, or the content does not match the hash.
    """
    try:
        header = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"{folder}: not a world (world.json: {error})") from error
    world = KnowledgeSet(
        family=header["family"],
        config=header["config"],
        seed=header["seed"],
        facts=tuple(Fact(**_tuples(row)) for row in read_jsonl(folder / "facts.jsonl")),
        documents=tuple(Document(**_tuples(row)) for row in read_jsonl(folder / "documents.jsonl")),
        questions=tuple(Question(**_tuples(row)) for row in read_jsonl(folder / "questions.jsonl")),
    )
    if world.hash != header["hash"]:
        raise UsageError(f"{folder}: the files do not match the hash in world.json; build the world again")
    return world


def read_world(folder: Path) -> KnowledgeSet:
    """Return the world of a folder: one that ``save_world`` wrote, or own documents.

    Raises:
        UsageError: Something in it cannot be used.
    """
    if own.is_own(folder):
        return own.load(folder)
    if not (folder / "world.json").exists():
        files = f"neither world.json (icl-ft data build) nor {own.DOCUMENTS} and {own.QUESTIONS} of your own"
        raise UsageError(f"{folder}: not a world: it holds {files}")
    return load_world(folder)


def world_of(family: str, seed: int, knobs: Mapping[str, Any]) -> KnowledgeSet:
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
    asked_own = family == own.FAMILY and not (Path(path) / "world.json").exists()
    world = own.load(Path(path)) if asked_own else read_world(Path(path))
    if world.family != family:
        raise UsageError(f"path={path!r}: holds a world of family {world.family!r}, not {family!r}")
    return world


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its lists as tuples, as the frozen classes hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
