r"""What a model is asked about a world: one request per text and sample.

For example, the first fact of a world of reversals under the embedded model's local prompt::

    Request(key="5c31...", prompt="Text: Did you know that femp are more dangerous than glon?\nFollows:",
            text="Did you know that femp are more dangerous than glon?", source="f0-d0", sample=0)

A local prompt is asked about every sentence, a global one about every document behind all documents that the model's
window holds (arXiv 2505.00661, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from icl_ft_plugin.augment.prompts import Prompt
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import World, content_hash
from icl_ft_plugin.worlds.context import context_documents

Turns = list[dict[str, str]]
Count = Callable[[str | Turns], int | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One generation to ask for.

    Attributes:
        key: Hash of all that the answer depends on.
        prompt: What the model reads.
        text: What it is asked about.
        source: Id of the document that the text is from, the first of several that hold it.
        sample: Number of the sample, from 0.
    """

    key: str
    prompt: str | Turns
    text: str
    source: str
    sample: int


@dataclass(frozen=True, slots=True)
class Window:
    """What fits into a model.

    Attributes:
        count: Tokens of a prompt; None where the model has no tokenizer here, and then all is taken to fit.
        size: Most tokens of prompt and generation together; None: not known.
    """

    count: Count
    size: int | None


def texts_of(world: World, prompt: Prompt, copies: int) -> list[tuple[str, str]]:
    """Return (text, id of its document) of everything asked about, each text once, in generation order.

    Args:
        world: The world.
        prompt: Its unit says whether sentences or documents are asked about.
        copies: Documents per fact; 0 takes all.
    """
    chosen = {document.id for document in context_documents(world, copies)}
    found: dict[str, str] = {}
    for document in world.documents:
        if document.id in chosen:
            for text in document.sentences if prompt.unit == "sentence" else (document.text,):
                found.setdefault(text.removeprefix("\n"), document.id)
    return list(found.items())


def context_of(world: World, prompt: Prompt, settings: Settings, window: Window) -> tuple[list[str], tuple[int, int]]:
    """Return the context of every request, and how many of how many documents it holds.

    The documents are those of the in-context task, in its order; where not all fit into the window beside the longest
    text and the generation, the last ones are left out.

    Raises:
        UsageError: Not even a prompt without a context fits.
    """
    texts = [text for text, _ in texts_of(world, prompt, settings.copies)]
    documents = [document.text for document in context_documents(world, settings.context_copies)]
    if not prompt.reads_all:
        documents = []
    new = settings.max_tokens or prompt.max_tokens
    longest = max(texts, key=lambda text: (window.count(text) or len(text), text))

    def fits(n: int) -> bool:
        needed = window.count(prompt.render(longest, documents[:n]))
        return window.size is None or needed is None or needed + new <= window.size

    if not fits(0):
        raise UsageError(
            f"prompt {prompt.name!r}: with the longest text and max_tokens={new} it does not fit into the model's window of "
            f"{window.size} tokens; lower max_tokens, or take a model with a longer window: {longest[:60]!r}..."
        )
    low, high = 0, len(documents)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return documents[:low], (low, len(documents))


def requests_of(
    world: World, prompt: Prompt, settings: Settings, context: Sequence[str], identity: str
) -> list[Request]:
    """Return all requests; every text has its first sample before any has its second.

    Args:
        world: The world.
        prompt: How to ask.
        settings: The knobs.
        context: The documents of a global prompt.
        identity: What names the model, e.g. the hash of its files.
    """
    sampling = sampling_of(prompt, settings)
    first = []
    for text, source in texts_of(world, prompt, settings.copies):
        rendered = prompt.render(text, context)
        key = content_hash({"model": identity, "prompt": prompt.hash, "text": rendered, "sampling": sampling})
        first.append(Request(key, rendered, text, source, 0))
    return [
        replace(request, key=content_hash([request.key, sample]), sample=sample)
        for sample in range(settings.n_samples)
        for request in first
    ]


def sampling_of(prompt: Prompt, settings: Settings) -> dict[str, float | int | None]:
    """Return the sampling parameters, as they stand in the corpus."""
    return {
        "temperature": settings.temperature,
        "seed": settings.seed if settings.temperature else None,
        "max_tokens": settings.max_tokens or prompt.max_tokens,
    }
