"""``icl-ft augment reversal --strategy local --model_args pretrained=$(icl-ft model-dir nano) --out runs/local``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_ft_plugin.errors import UsageError, cut, printable, shown, suggest
from icl_ft_plugin.guard.confidential import concealing, public, shown_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from icl_ft_plugin.augment.folder import Extra
    from icl_ft_plugin.augment.journal import Journal
    from icl_ft_plugin.augment.run import Record
    from icl_ft_plugin.augment.settings import Settings
    from icl_ft_plugin.augment.statements import Statement
    from icl_ft_plugin.schema import World
    from icl_ft_plugin.worlds.audit import AuditReport

STRATEGIES = ("local", "global", "qa", "qa-global", "oracle", "none")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What several strategies wrote.

    Attributes:
        statements: Those that are kept.
        keep: ``"all"``, or ``"entailed"``.
        records: By strategy.
        model: Names the model that was asked; None where none was.
    """

    statements: list[Statement]
    keep: str
    records: dict[str, Record]
    model: dict[str, object] | None

    @property
    def tokens(self) -> dict[str, int | None]:
        """Generated tokens, by strategy."""
        return {strategy: record.tokens.generated for strategy, record in self.records.items()}

    def to_dict(self) -> dict[str, object]:
        """Return what stands in ``augmentation.json``."""
        strategies = {strategy: record.to_dict() for strategy, record in self.records.items()}
        return {"model": self.model, "keep": self.keep, "strategies": strategies}


def augment(
    world: Annotated[
        str, typer.Argument(metavar="WORLD", help="Folder that `data build` wrote, own documents, or a family.")
    ],
    out: Annotated[Path, typer.Option("--out", "--output", help="Folder to write; started again, it goes on.")],
    strategies: Annotated[
        list[str],
        typer.Option("--strategy", help="local, global, qa, qa-global, oracle (by rule) or none; may be repeated."),
    ],
    model: Annotated[str, typer.Option(help="lm-eval model: icl_ft_hf, hf, vllm, local-completions ...")] = "icl_ft_hf",
    model_args: Annotated[str, typer.Option("--model_args", "--model-args", help="Its arguments: key=value,...")] = "",
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", help="Prompt file, or a name under recipes/prompts; by the model.")
    ] = None,
    n_samples: Annotated[int, typer.Option(help="Generations per text.")] = 1,
    temperature: Annotated[float, typer.Option(help="0 decodes greedily.")] = 0.0,
    sampling_seed: Annotated[int, typer.Option(help="Of the sampling.")] = 0,
    max_tokens: Annotated[int | None, typer.Option(help="Most new tokens of a generation; the prompt's.")] = None,
    token_budget: Annotated[int | None, typer.Option(help="Most new tokens of each strategy, by chunks.")] = None,
    copies: Annotated[int, typer.Option(help="Documents per fact to augment; 0: all.")] = 0,
    context_copies: Annotated[int, typer.Option(help="Documents per fact in a global prompt's context; 0: all.")] = 1,
    deduplicate: Annotated[bool, typer.Option(help="Drop statements that are nothing new.")] = True,
    chunk: Annotated[int, typer.Option(help="Requests between two entries of the journal.")] = 64,
    keep: Annotated[str, typer.Option(help="all, or entailed: only what follows, which uses the truth.")] = "all",
    rows: Annotated[
        str, typer.Option(help="What a row of train.jsonl is: documents, sentences, cumulative ...; as in arms.yaml.")
    ] = "documents",
    attempts: Annotated[int, typer.Option(min=1, help="How often a failing model is asked.")] = 5,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Prompts generated together; 8, and 1 a request to a server.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="World seed.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Knob of the world; may be repeated.")
    ] = None,
) -> None:
    """Let a model infer from a world's documents: corpus.jsonl, and train.jsonl with the documents before it."""
    from icl_ft_plugin.arms.rows import ROWS
    from icl_ft_plugin.augment.folder import make_folder
    from icl_ft_plugin.families import family_of

    for name, value, choices in (
        *(("strategy", strategy, STRATEGIES) for strategy in strategies),
        ("keep", keep, ("all", "entailed")),
        ("rows", rows, tuple(ROWS)),
    ):
        if value not in choices:
            raise UsageError(f"--{name} {shown(value)} is not one of {', '.join(choices)}{suggest(value, choices)}")
    knobs = _settings(
        n_samples=n_samples,
        temperature=temperature,
        seed=sampling_seed,
        max_tokens=max_tokens,
        token_budget=token_budget,
        copies=copies,
        context_copies=context_copies,
        deduplicate=deduplicate,
        chunk=chunk,
    )
    loaded = _world(world, seed, settings)
    family = family_of(loaded.family)
    if family.oracle is None and "oracle" in strategies:
        raise UsageError(family.no_rules("--strategy oracle"))
    if family.auditor is None and keep == "entailed":
        raise UsageError(family.no_rules("--keep entailed"))

    def make(journal: Journal) -> Corpus:
        return _corpus(loaded, strategies, model, model_args, prompts or [], knobs, keep, journal, attempts, batch_size)

    reports: dict[str, AuditReport] = {}

    def files(corpus: Corpus) -> Extra:
        from icl_ft_plugin.arms.corpus import statements_as_documents
        from icl_ft_plugin.augment.audited import audits

        texts = [statement.text for statement in corpus.statements if statement.strategy != "none"]
        documents = [*loaded.documents, *statements_as_documents("augmented", texts)]
        reports.update(audits(loaded, corpus.statements, corpus.tokens))
        return {
            "train.jsonl": ROWS[rows](loaded, documents),
            "audit.json": {strategy: report.to_dict() for strategy, report in reports.items()},
        }

    corpus = make_folder(out, make, files)
    for strategy, report in reports.items():
        typer.echo(printable(f"{strategy}: {report.summary}"))
    tokens = [f"{strategy}: {count} tokens" for strategy, count in corpus.tokens.items()]
    typer.echo(", ".join([f"{out}: {len(corpus.statements)} statements", *tokens]))


def _settings(**knobs: object) -> Settings:
    from icl_ft_plugin.augment.settings import Settings
    from icl_ft_plugin.config import parsed

    return parsed(Settings, knobs, "augment")


def _world(name: str, seed: int, settings: list[str] | None) -> World:
    from icl_ft_plugin.config import overrides_from
    from icl_ft_plugin.families import generate
    from icl_ft_plugin.worlds.folder import load_world

    if Path(name).is_dir():
        if settings or seed:
            raise UsageError(f"--seed and --set say how to generate a family; {name} is generated already")
        return load_world(Path(name))
    return generate(name, seed, overrides_from(settings or []))


def _corpus(
    world: World,
    strategies: list[str],
    model: str,
    model_args: str,
    prompt_names: list[str],
    knobs: Settings,
    keep: str,
    journal: Journal,
    attempts: int,
    batch_size: int | None,
) -> Corpus:
    """Run the strategies one after the other; all share the journal."""
    from icl_ft_plugin.arms.arm import GENERATED
    from icl_ft_plugin.augment.generate import load_lm
    from icl_ft_plugin.augment.prompts import default_prompt, load_prompt
    from icl_ft_plugin.augment.run import infer, rule_based
    from icl_ft_plugin.augment.statements import chosen
    from icl_ft_plugin.models.find import found_in

    arguments = found_in(model, arguments_of(model_args))
    prompts = {
        strategy: load_prompt(_named(strategy, prompt_names) or default_prompt(strategy, model, arguments), strategy)
        for strategy in GENERATED
        if strategy in strategies
    }
    identity = identity_of(model, arguments)
    if prompts:
        # Not every server takes several prompts in one request; num_concurrent sends requests side by side.
        lm = load_lm(model, arguments, batch_size or (1 if "completions" in model else 8))
    with concealing(arguments):
        parts = {
            strategy: infer(world, prompts[strategy], knobs, lm, identity, journal, progress(strategy), attempts)
            if strategy in prompts
            else rule_based(world, strategy)
            for strategy in dict.fromkeys(strategies)
        }
    written = [statement for part in parts.values() for statement in part.statements]
    return Corpus(
        chosen(world, written, deduplicate=knobs.deduplicate, only_entailed=keep == "entailed"),
        keep,
        {strategy: part.record for strategy, part in parts.items()},
        {"model": model, "model_args": public(arguments), "hash": identity} if prompts else None,
    )


def arguments_of(text: str) -> dict[str, object]:
    """Return lm-eval's reading of ``key=value,...``."""
    from lm_eval.utils import simple_parse_args_string

    try:
        return dict(simple_parse_args_string(text))
    except ValueError as error:
        told = ",".join(shown_pair(pair) for pair in text.split(","))
        raise UsageError(f"--model_args {cut(told)}: write key=value,key=value") from error


def _named(strategy: str, names: list[str]) -> str | None:
    """Return the prompt named for a strategy: the one whose file says that it is for it."""
    from icl_ft_plugin.augment.prompts import read_prompt

    found = [name for name in names if read_prompt(name).strategy == strategy]
    if len(found) > 1:
        raise UsageError(f"--prompt: {' and '.join(found)} are both for {strategy}; name one")
    return found[0] if found else None


def identity_of(model: str, arguments: dict[str, Any]) -> str:
    """Return the hash of a local checkpoint's files, or of the words that name any other model; no secret is hashed."""
    from icl_ft_plugin.models.find import folder_hash
    from icl_ft_plugin.schema import content_hash

    arguments = public(arguments)
    folder = Path(str(arguments.get("pretrained", "")))
    if (folder / "config.json").is_file() or (folder / str(arguments.get("gguf_file"))).is_file():
        others = {key: value for key, value in arguments.items() if key not in ("pretrained", "device")}
        return content_hash(
            {"folder": folder_hash(folder, arguments.get("gguf_file")), "model": model, "model_args": others}
        )
    return content_hash({"model": model, "model_args": arguments})


def progress(name: str, unit: str = " generations") -> Callable[[int, int], None]:
    """Return what tells a person at a terminal how far the generation is."""

    def announce(done: int, total: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"{name}: {done} of {total}{unit}", err=True)

    return announce
