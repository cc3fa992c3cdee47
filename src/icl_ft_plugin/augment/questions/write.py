"""Questions about own documents, written by a model and sifted by what can be checked: ``write(world, settings, ...)``.

A candidate is dropped where its words show a fault (``candidates``); where the model does not find its answer in the evidence
among the answers of others; where the model, without the evidence, raises its answer more than any other above what it is
liked whatever is asked (by chance one candidate in as many as there are answers); or where no block has room for it. What is
left stands in blocks (``families.blocks``).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from icl_ft_plugin.augment.asking import Request
from icl_ft_plugin.augment.generate import ask, window_of
from icl_ft_plugin.augment.journal import Journal
from icl_ft_plugin.augment.prompts import Prompt, load_prompt
from icl_ft_plugin.augment.questions.candidates import Candidate, Words, cut, sources
from icl_ft_plugin.augment.questions.judge import Judge, alike
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.errors import UsageError, shown
from icl_ft_plugin.families.blocks import pack
from icl_ft_plugin.families.own.lines import CHAIN, KINDS
from icl_ft_plugin.schema import World, content_hash

if TYPE_CHECKING:
    from lm_eval.api.model import LM


MOST_RIVALS = 15  # other answers that a candidate is compared with
KEPT = "kept"
UNREAD = "not answered from its evidence"
NO_ROOM = "no room in a block"
KNOWN = "answered without its evidence"
Progress = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True, slots=True)
class Writing:
    """What was written and kept.

    Attributes:
        blocks: What is kept, by kind.
        fates: Every candidate and why it was dropped, or ``KEPT``.
        closed: By kind, how many of the kept questions the model answers without having read anything.
        prompts: Hash of each kind's prompt.
    """

    blocks: dict[str, list[tuple[Candidate, ...]]]
    fates: list[tuple[Candidate, str]]
    closed: dict[str, int]
    prompts: dict[str, str]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By kind, how many were written and what became of them."""
        found = {kind: Counter(fate for c, fate in self.fates if c.kind == kind) for kind in KINDS}
        return {kind: {"written": fates.total(), **dict(fates.most_common())} for kind, fates in found.items()}


def write(
    world: World,
    lm: LM,
    identity: str,
    journal: Journal,
    settings: Settings,
    k: int,
    most: int | None = None,
    kinds: Sequence[str] = KINDS,
    progress: Progress = lambda name: lambda done, total: None,
    attempts: int = 5,
) -> Writing:
    """Have a model write questions of every kind and sift them; what the journal holds is not asked again.

    Args:
        world: Own documents.
        lm: An lm-eval model.
        identity: What names it, e.g. the hash of its files.
        journal: Where its answers and scores are kept.
        settings: Of the sampling.
        k: Choices of a question, and questions of a block.
        most: Write about so many documents, the first; None: all.
        kinds: What to ask the model for; a question that it turned round may be of another kind.
        progress: Returns what is called with how much is done of how much, for what is named.
        attempts: How often a failing model is asked.

    Raises:
        UsageError: The model did not answer, or gives no log-likelihoods.
    """
    judge = Judge(lm, identity, journal, progress("scored"), attempts)
    blocks: dict[str, list[tuple[Candidate, ...]]] = {}
    closed: dict[str, int] = {}
    prompts = {kind: load_prompt(f"writing/{kind}", "local") for kind in kinds}
    written = [
        c
        for kind in kinds
        for c in _written(world, prompts[kind], kind, lm, identity, journal, settings, most, progress(kind), attempts)
    ]
    words = Words(world, written)
    # A model turns round what it should not, and the other way round; its question is good for the other kind.
    candidates = [c if c.kind == CHAIN else replace(c, kind=words.side(c) or c.kind) for c in written]
    fate = {id(c): words.fault(c) for c in candidates}
    for kind in KINDS:
        sound = [c for c in candidates if c.kind == kind and not fate[id(c)]]
        blocks[kind], closed[kind] = _sifted(sound, k, judge, settings.seed, fate)
    fates = [(c, fate[id(c)]) for c in candidates]
    return Writing(blocks, fates, closed, {kind: prompt.hash for kind, prompt in prompts.items()})


def _written(
    world: World,
    prompt: Prompt,
    kind: str,
    lm: LM,
    identity: str,
    journal: Journal,
    settings: Settings,
    most: int | None,
    announce: Callable[[int, int], None],
    attempts: int,
) -> list[Candidate]:
    about = sources(world, kind, most)
    window, new = window_of(lm), settings.max_tokens or prompt.max_tokens
    requests = []
    for evidence in about:
        texts = [document.text for document in evidence]
        rendered = prompt.render(texts[0], texts)
        if window.size is not None and (window.count(rendered) or 0) + new > window.size:
            raise UsageError(
                f"{' and '.join(shown(document.id) for document in evidence)}: with the prompt {prompt.name!r} and {new} new "
                f"tokens they do not fit into the model's window of {window.size}; cut them into several documents"
            )
        sampling = settings.model_dump(exclude={"prompts", "chunk"})
        key = content_hash({"model": identity, "prompt": prompt.hash, "text": rendered, "sampling": sampling})
        requests.append(Request(key, rendered, texts[0], evidence[0].id, 0))
    answers = ask(lm, requests, prompt, settings, journal, announce, attempts)
    found = zip(about, answers, strict=True)
    return [c for evidence, answer in found if answer for c in cut(kind, prompt.statements(answer.raw), evidence)]


def _sifted(
    candidates: Sequence[Candidate], k: int, judge: Judge, seed: int, fate: dict[int, str]
) -> tuple[list[tuple[Candidate, ...]], int]:
    """Put what the model answers from its evidence, and not without, into blocks; return how many of these it has right unread.

    Two fit where, with the evidence of either before it, the model likes its own answer better than the other's.
    """
    rng = random.Random(f"blocks {seed}")
    asked = []
    for c in candidates:
        found = list(dict.fromkeys(other.answer for other in candidates if alike(c, other) and alike(other, c)))
        asked.append((c, [c.answer, *rng.sample(found, min(len(found), MOST_RIVALS))]))
    beaten = {}
    for (c, answers), scores in zip(asked, judge.scores(asked), strict=True):
        beaten[id(c)] = {answer for answer, score in zip(answers, scores, strict=True) if score < scores[0]}
        if len(beaten[id(c)]) < k - 1:
            fate[id(c)] = UNREAD if len(answers) >= k else NO_ROOM
    able = [(c, answers) for c, answers in asked if not fate[id(c)]]
    unread = [
        dict(zip(answers, values, strict=True))
        for (_, answers), values in zip(able, judge.scores(able, closed=True), strict=True)
    ]
    fate |= {id(able[i][0]): KNOWN for i in _known(unread)}
    left = [c for c, _ in able if not fate[id(c)]]
    blocks = pack(left, k, lambda a, b: b.answer in beaten[id(a)], rng)
    packed = {id(c) for block in blocks for c in block}
    fate |= {id(c): KEPT if id(c) in packed else NO_ROOM for c in left}
    closed = {id(c): values for (c, _), values in zip(able, unread, strict=True)}
    # Of a block, its own answers alone are compared.
    liked = [
        max((other.answer for other in block), key=closed[id(c)].__getitem__) == c.answer
        for block in blocks
        for c in block
    ]
    return blocks, sum(liked)


def _known(unread: Sequence[dict[str, float]]) -> list[int]:
    """Return which candidates the model knows: it raises their answer most above how much it likes it, whatever is asked.

    Args:
        unread: Of each candidate, the scores of answers without the evidence; its own is the first.
    """
    liking = {
        answer: fmean(scores[answer] for scores in unread if answer in scores) for scores in unread for answer in scores
    }
    raised = [[score - liking[answer] for answer, score in scores.items()] for scores in unread]
    return [i for i, (own, *others) in enumerate(raised) if own >= max(others, default=own)]
