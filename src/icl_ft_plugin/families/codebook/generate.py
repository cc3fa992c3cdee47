"""Codebooks (after "latent learning", arXiv 2509.16189; the design is OURS): definitions are read, messages are asked.

Several codes have the same plain words and the same code words, each matched in another way::

    In the femp code, glon is written as trune. The femp code turns wost into bilk.     (definitions, four a document)
    In the femp code, glon wost is written as trune bilk.                                (a message)

Some plain words and some code words never stand in a message: they are defined and not used. Asked is a definition in
other words (rephrase) and the other way round (reversal), fresh messages of words that were used (encode) and of words
that were only defined (encode_holdout, decode_holdout).

A block asks the same text in as many codes as there are choices; its options are what these codes make of it. No two
codes write a word alike, so each option is right for exactly one of them. Which words stand together tells nothing: a
plain word meets all its code words as often, and so does the name of a code. One has to bind code, plain and code word.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import permutations

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families.codebook.wordings import DOCUMENTS, INFERENCES, TESTS
from icl_ft_plugin.families.knobs import check_ranges
from icl_ft_plugin.families.words import Lexicon
from icl_ft_plugin.schema import Document, Fact, Question, World

PER_DOCUMENT = 4
PARTS = ("book", "plain", "code")
HOW = {
    "rephrase": ("restated", 0),
    "reversal": ("reversed", 1),
    "encode": ("chained", 1),
    "encode_holdout": ("chained", 1),
    "decode_holdout": ("reversed", 2),
}
BACKWARD = ("reversal", "decode_holdout")
Words = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CodebookConfig:
    """Knobs of the codebooks.

    Attributes:
        n_books: Number of codes; what is no multiple of ``n_choices`` is stated and not asked about.
        n_words: Number of plain words, and of code words.
        copies: Number of documents that state a definition, each in other words.
        n_messages: Most documents with a message, per code.
        n_questions: Most messages asked per block of codes and split; each is asked in every code of the block.
        n_choices: Number of choices, and of codes in a block.
        holdout: Share of the plain words, and of the code words, that stand in no message of a block of codes.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_books: int = 8
    n_words: int = 20
    copies: int = 3
    n_messages: int = 12
    n_questions: int = 12
    n_choices: int = 4
    holdout: float = 0.2
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_choices": (2, 26),
            "n_books": (self.n_choices, 200),
            "n_words": (4, 400),
            "copies": (1, len(DOCUMENTS)),
            "n_messages": (0, 1000),
            "n_questions": (1, 1000),
            "holdout": (0, 0.5),
        }
        check_ranges("codebook", self, ranges)
        if self.n_books > self.n_words:
            raise UsageError(
                f"codebook: n_books={self.n_books} needs as many words, so that no two codes write one alike: "
                f"n_words={self.n_words}"
            )


@dataclass(frozen=True, slots=True)
class _Codes:
    """The codes in numbers: code ``b`` writes plain word ``w`` as code word ``w + shifts[b]``, around the end."""

    names: list[str]
    plain: list[str]
    code: list[str]
    shifts: list[int]

    def number(self, b: int, w: int) -> int:
        """Return the code word of a plain word."""
        return (w + self.shifts[b]) % len(self.plain)

    def back(self, b: int, c: int) -> int:
        """Return the plain word of a code word."""
        return (c - self.shifts[b]) % len(self.plain)

    def say(self, b: int, words: Words) -> dict[str, str]:
        """Return what fills a wording, for plain words."""
        texts = [self.plain[w] for w in words], [self.code[self.number(b, w)] for w in words]
        return dict(zip(PARTS, (self.names[b], *map(" ".join, texts)), strict=True))


def generate(config: CodebookConfig, seed: int) -> World:
    """Generate a world of codebooks; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        A fact per definition and per message, the documents, and the questions of five splits (fewer splits where too
        few words are held out, or left, for a message).

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"codebook-{seed}")
    lexicon = Lexicon(rng, config.share)
    codes = _Codes(
        lexicon.words(config.n_books),
        lexicon.words(config.n_words),
        lexicon.words(config.n_words),
        rng.sample(range(config.n_words), config.n_books),
    )
    k = config.n_choices
    groups = [list(range(start, start + k)) for start in range(0, config.n_books - k + 1, k)]
    spare = list(range(len(groups) * k, config.n_books))  # stated and not asked about
    facts = [_fact(codes, b, (w,)) for b in range(config.n_books) for w in range(config.n_words)]
    documents = _definitions(codes, config, rng)
    questions = _words_asked(codes, groups, seed, rng)
    for group in [*groups, spare]:
        held, used = _hold_out(codes, group, config.holdout, rng)
        messages = {b: _messages(used[b], config.n_messages, rng) for b in group}
        facts += [_fact(codes, b, message) for b in group for message in messages[b]]
        documents += [_message(codes, b, message, rng) for b in group for message in messages[b]]
        if group is not spare:
            known = [w for w in used[group[0]] if all(w in used[b] for b in group)]
            sent = {message for found in messages.values() for message in found}
            asked = {
                "encode": [message for message in permutations(known, 2) if message not in sent],
                "encode_holdout": list(permutations(held[0], 2)),
                "decode_holdout": list(permutations(held[1], 2)),
            }
            for split, found in asked.items():
                for message in rng.sample(found, min(config.n_questions, len(found))):
                    questions += _block(codes, group, split, message, seed, rng)
    rng.shuffle(documents)
    order = list(HOW)
    return World(
        family="codebook",
        config=asdict(config),
        seed=seed,
        facts=tuple(facts),
        documents=tuple(documents),
        questions=tuple(sorted(questions, key=lambda question: order.index(question.split))),
    )


def _id(b: int, words: Words) -> str:
    return "-".join([f"b{b}", *(f"w{w}" for w in words)])


def _fact(codes: _Codes, b: int, words: Words) -> Fact:
    said = codes.say(b, words)
    predicate = "definition" if len(words) == 1 else "message"
    return Fact(_id(b, words), predicate, tuple(said.values()), DOCUMENTS[0].format(**said))


def _definitions(codes: _Codes, config: CodebookConfig, rng: random.Random) -> list[Document]:
    """Write every definition in ``copies`` documents, each time in other words and other company."""
    wordings = {
        (b, w): rng.sample(DOCUMENTS, config.copies) for b in range(config.n_books) for w in range(config.n_words)
    }
    documents = []
    for copy in range(config.copies):
        for b in range(config.n_books):
            words = rng.sample(range(config.n_words), config.n_words)
            for start in range(0, len(words), PER_DOCUMENT):
                page = words[start : start + PER_DOCUMENT]
                sentences = tuple(wordings[b, w][copy].format(**codes.say(b, (w,))) for w in page)
                documents.append(
                    Document(f"b{b}-c{copy}-{start // PER_DOCUMENT}", sentences, tuple(_id(b, (w,)) for w in page))
                )
    return documents


def _hold_out(
    codes: _Codes, group: list[int], share: float, rng: random.Random
) -> tuple[tuple[list[int], list[int]], dict[int, list[int]]]:
    """Draw the plain words and the code words that no message of some codes has, and list by code what is left."""
    n = len(codes.plain)
    held = rng.sample(range(n), round(share * n)), rng.sample(range(n), round(share * n))
    used = {b: [w for w in range(n) if w not in held[0] and codes.number(b, w) not in held[1]] for b in group}
    return held, used


def _messages(used: list[int], n: int, rng: random.Random) -> list[Words]:
    """Draw messages of two words, in which every word stands about as often as any other."""
    found: list[Words] = []
    for distance in range(1, len(used)):
        order = rng.sample(used, len(used))
        around = zip(order, order[distance:] + order[:distance], strict=True)
        found += [pair for pair in around if pair not in found][: n - len(found)]
    return found


def _message(codes: _Codes, b: int, message: Words, rng: random.Random) -> Document:
    text = rng.choice(DOCUMENTS).format(**codes.say(b, message))
    return Document(f"{_id(b, message)}-d", (text,), (_id(b, message),), style="message")


def _words_asked(codes: _Codes, groups: list[list[int]], seed: int, rng: random.Random) -> list[Question]:
    """Ask every definition as it is stated and the other way round, a block per word and group of codes."""
    return [
        question
        for group in groups
        for w in range(len(codes.plain))
        for split in ("rephrase", "reversal")
        for question in _block(codes, group, split, (w,), seed, rng)
    ]


def _block(
    codes: _Codes, group: list[int], split: str, words: Words, seed: int, rng: random.Random
) -> Iterator[Question]:
    """Ask one text in every code of a group: plain ``words``, or code words where the plain text is asked for."""
    backward = split in BACKWARD
    plain = {b: tuple(codes.back(b, w) for w in words) if backward else words for b in group}
    said = {b: codes.say(b, plain[b]) for b in group}
    options = [said[b]["plain" if backward else "code"] for b in group]
    rng.shuffle(options)
    block = "-".join([split, f"g{group[0] // len(group)}", *(f"w{w}" for w in words)])
    for b in group:
        wording = rng.choice(TESTS[backward])
        inference, depth = HOW[split]
        proof = tuple(_id(b, (w,)) for w in plain[b])
        yield Question(
            id=f"{block}-b{b}",
            split=split,
            prompt=wording.format(**said[b]),
            choices=tuple(f"{option}." for option in options),
            gold=(options.index(said[b]["plain" if backward else "code"]),),
            inference=inference,
            depth=depth,
            proof=proof,
            clusters={
                "fact": _id(b, plain[b]),
                "entity": said[b]["plain"],
                "first": proof[0],
                "last": proof[-1],
                "rules": codes.names[b],
                "template": wording,
                "world": f"codebook-{seed}",
            },
            block=block,
        )


def oracle(world: World) -> tuple[Document, ...]:
    """Return what rules infer from the facts: another teacher than the model itself.

    Args:
        world: A world of this family.

    Returns:
        Per document one of style ``"rephrase"`` (each statement in the same direction) and one of style ``"reversal"``
        (each the other way round), in words of their own; per definition one of style ``"chain"``, a message of it and
        another word of its code.
    """
    rng = random.Random(f"codebook-oracle-{world.seed}")
    facts = {fact.id: fact for fact in world.facts}
    books: dict[str, list[Fact]] = {}
    for fact in world.facts:
        if fact.predicate == "definition":
            books.setdefault(fact.arguments[0], []).append(fact)
    documents = []
    for document in world.documents:
        for style, backward in (("rephrase", False), ("reversal", True)):
            told = [dict(zip(PARTS, facts[id].arguments, strict=True)) for id in document.facts]
            sentences = tuple(rng.choice(INFERENCES[backward]).format(**said) for said in told)
            documents.append(Document(f"{document.id}-{style}", sentences, document.facts, style=style))
    for definitions in books.values():
        for i, first in enumerate(definitions):
            second = definitions[(i + 1 + rng.randrange(len(definitions) - 1)) % len(definitions)]
            pairs = zip(first.arguments[1:], second.arguments[1:], strict=True)
            plain, code = (" ".join(pair) for pair in pairs)
            text = rng.choice(INFERENCES[False]).format(book=first.arguments[0], plain=plain, code=code)
            documents.append(Document(f"{first.id}-chain", (text,), (first.id, second.id), style="chain"))
    return tuple(documents)
