"""Asks any lm-eval model, chunk by chunk, and goes on where an earlier run stopped.

For example ``ask(lm, requests, prompt, settings, Journal(path))`` with ``lm = load_lm("icl_ft_hf", {"pretrained": ...})``,
or ``load_lm("local-completions", {"base_url": ..., "model": ...})`` for a server that speaks OpenAI's protocol.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from icl_ft_plugin._register import register
from icl_ft_plugin.augment.asking import Request, Turns, Window
from icl_ft_plugin.augment.journal import Answer, Journal
from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError, cut, shown, suggest
from icl_ft_plugin.guard.confidential import concealing, public
from icl_ft_plugin.harness.tokens import tokens_read
from icl_ft_plugin.paths import model_names
from icl_ft_plugin.schema import content_hash

if TYPE_CHECKING:
    from lm_eval.api.model import LM


logger = logging.getLogger(__name__)
Announce = Callable[[int, int], None]
T = TypeVar("T")


def lm_class(name: str, place: str = "--model") -> type:
    """Return the class of an lm-eval model.

    Args:
        name: In lm-eval's registry, e.g. ``"icl_ft_hf"``, ``"vllm"``, ``"local-completions"``.
        place: Where it is named, for the message.

    Raises:
        UsageError: There is none of that name, or its packages are not installed.
    """
    from lm_eval.api.registry import get_model, model_registry

    register()
    try:
        found: type = get_model(name)
    except (KeyError, ValueError) as error:
        hint = suggest(name, [known for known, _ in model_registry.items()])
        raise UsageError(f"{place} {name!r}{hint}: {error.args[0] if error.args else error}") from error
    except (ImportError, OSError, RuntimeError) as error:  # the last two: a build that does not fit its torch
        raise UsageError(f"{place} {name!r}: what it needs is not installed here, or broken: {error}") from error
    return found


def load_lm(model: str, model_args: Mapping[str, object], batch_size: int | str = 8) -> LM:
    """Load a model through lm-eval's registry.

    Args:
        model: Name of the lm-eval model, e.g. ``"icl_ft_hf"``, ``"hf"``, ``"vllm"``, ``"local-completions"``.
        model_args: Its arguments.
        batch_size: Prompts generated together.

    Raises:
        UsageError: No such model, or it cannot be loaded from these arguments.
    """
    import torch

    cls: type[LM] = lm_class(model)
    # As lm-eval's own command does; its hf model asks for CUDA where it is told no device.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with concealing(model_args):
            return cls.create_from_arg_obj(dict(model_args), {"batch_size": batch_size, "device": device})
    except UsageError:
        raise
    except (OSError, TypeError, ValueError, ImportError, AssertionError, RuntimeError) as error:
        near = suggest(str(model_args.get("pretrained", "")), model_names())
        hint = f"{near}: an embedded model is named by its folder, $(icl-ft model-dir NAME)" if near else ""
        with concealing(model_args):
            told = f"--model {model} --model_args {shown(public(model_args))}: cannot be loaded{hint}: {cut(str(error), 300)}"
            raise UsageError(told) from error


def window_of(lm: LM) -> Window:
    """Return how the model counts tokens and how many it takes."""
    size = getattr(lm, "max_length", None)
    return Window(lambda prompt: _count(lm, prompt), size if isinstance(size, int) else None)


def ask(
    lm: LM,
    requests: Sequence[Request],
    prompt: Prompt,
    settings: Settings,
    journal: Journal,
    announce: Announce = lambda done, total: None,
    attempts: int = 5,
    first_wait: float = 1.0,
) -> list[Answer | None]:
    """Have every request answered that the journal holds no answer to.

    Args:
        lm: An lm-eval model.
        requests: From ``requests_of``.
        prompt: The prompt that they were rendered with.
        settings: The knobs.
        journal: Gets every chunk's answers as soon as they are there.
        announce: Called with the number of answered requests and of all.
        attempts: How often a chunk is asked before the model is given up.
        first_wait: Seconds before the second attempt; each further wait is twice as long, 60 s at most.

    Returns:
        One answer per request; None where the token budget was spent before.

    Raises:
        UsageError: The model did not answer; the message says what is missing, and the journal keeps the rest.
    """
    answers: list[Answer | None] = []
    spent = 0
    for chunk in _chunks(requests, settings.chunk):
        if settings.token_budget is not None and spent >= settings.token_budget:
            answers += [None] * len(chunk)
            continue
        missing = [request for request in chunk if request.key not in journal.answers]
        if missing:
            announce(sum(request.key in journal.answers for request in requests), len(requests))
            raws = _attempt(lm, missing, requests, prompt, settings, journal, attempts, first_wait)
            journal.add({r.key: _answer(lm, r, raw) for r, raw in zip(missing, raws, strict=True)})
        found = [journal.answers[request.key] for request in chunk]
        if settings.token_budget is not None:
            if any(answer.generated_tokens is None for answer in found):
                raise UsageError(
                    "token_budget: this model has no tokenizer here to count with; name one in --model_args"
                )
            spent += sum(answer.generated_tokens or 0 for answer in found)
        answers += found
    return answers


def _chunks(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Cut the requests; no chunk holds two samples of one text, which a server's seed would make the same."""
    chunks: list[list[Request]] = []
    for request in requests:
        if not chunks or len(chunks[-1]) == size or chunks[-1][0].sample != request.sample:
            chunks.append([])
        chunks[-1].append(request)
    return chunks


def _attempt(
    lm: LM,
    chunk: Sequence[Request],
    requests: Sequence[Request],
    prompt: Prompt,
    settings: Settings,
    journal: Journal,
    attempts: int,
    first_wait: float,
) -> list[str]:
    """Ask for one chunk, again after a pause where the model fails."""

    def told() -> str:
        missing = [request for request in requests if request.key not in journal.answers]
        sources = list(dict.fromkeys(request.source for request in missing))
        return (
            f"{len(missing)} of {len(requests)} {prompt.strategy} generations are missing, about {', '.join(sources[:5])}"
            f"{' ...' if len(sources) > 5 else ''}"
        )

    return persist(lm, lambda: _generate(lm, chunk, prompt, settings), told, journal, attempts, first_wait)


def persist(
    lm: LM,
    call: Callable[[], T],
    missing: Callable[[], str],
    journal: Journal,
    attempts: int = 5,
    first_wait: float = 1.0,
) -> T:
    """Return what a model answers, asked again after a pause where it fails.

    Args:
        lm: An lm-eval model.
        call: Asks it.
        missing: Says what is missing, for the message.
        journal: Keeps what was answered before.
        attempts: How often the model is asked before it is given up.
        first_wait: Seconds before the second attempt; each further wait is twice as long, 60 s at most.

    Raises:
        UsageError: The model did not answer.
    """
    # What a server's client raises depends on its libraries; a model in this process fails the same way every time.
    remote = any(cls.__name__ == "TemplateAPI" for cls in type(lm).__mro__)
    retried: tuple[type[Exception], ...] = (Exception,) if remote else (OSError,)
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except (UsageError, NotImplementedError):
            raise
        except retried as error:
            logger.warning("attempt %d of %d failed: %r", attempt, attempts, error)
            failure = error
        if attempt < attempts:
            time.sleep(min(60.0, first_wait * 2 ** (attempt - 1)))
    said = getattr(getattr(failure, "response", None), "text", "")  # why a server refused, from requests' errors
    raise UsageError(
        f"the model did not answer in {attempts} attempts ({shown(failure)}{said and f': {cut(said, 200)}'}); {missing()}; "
        f"the others are kept in {journal.path}: run the same command again to go on"
    )


def _generate(lm: LM, chunk: Sequence[Request], prompt: Prompt, settings: Settings) -> list[str]:
    import torch
    from lm_eval.api.instance import Instance

    # The whole chunk is seeded by its first request, so that a chunk asked again, or in another run, comes out the same.
    seed = int(content_hash([settings.seed, chunk[0].key])[:8], 16) % 2**31
    torch.manual_seed(seed)
    arguments: dict[str, object] = {
        "until": list(prompt.stop),
        "max_gen_toks": settings.max_tokens or prompt.max_tokens,
        "do_sample": settings.temperature > 0,
        "temperature": settings.temperature,
    }
    if settings.temperature and not _in_process(lm):
        arguments["seed"] = seed
    instances = [
        Instance("generate_until", {}, (_context(lm, request.prompt), dict(arguments)), number)
        for number, request in enumerate(chunk)
    ]
    raws = lm.generate_until(instances, disable_tqdm=True)
    if len(raws) != len(chunk):
        raise OSError(f"{len(raws)} answers to {len(chunk)} requests")
    return [str(raw) for raw in raws]


def _in_process(lm: LM) -> bool:
    """Whether the model draws from torch's random numbers; its ``generate`` takes no seed."""
    return any(cls.__name__ == "HFLM" for cls in type(lm).__mro__)


def _context(lm: LM, prompt: str | Turns) -> str:
    return prompt if isinstance(prompt, str) else lm.apply_chat_template(prompt)


def _answer(lm: LM, request: Request, raw: str) -> Answer:
    return Answer(raw, _count(lm, request.prompt), _count(lm, raw))


def _count(lm: LM, prompt: str | Turns) -> int | None:
    """Count the tokens of a prompt or an answer; None where lm-eval gives the model no tokenizer."""
    return tokens_read(lm, prompt if isinstance(prompt, str) else "\n".join(turn["content"] for turn in prompt))
