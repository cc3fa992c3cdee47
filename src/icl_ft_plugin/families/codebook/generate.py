"""Codebooks (after "latent learning", arXiv 2509.16189; the design is OURS): definitions are read, messages are asked.

Several codes have the same plain words and the same code words, each matched in another way::

    In the femp code, glon is written as trune. The femp code turns wost into bilk.     (definitions, four a document)
    In the femp code, glon wost is written as trune bilk.                                (a message)

Some words never stand in a message: they are defined and not used. Asked is a definition in other words (rephrase) and
the other way round (reversal), fresh messages of words that were used (encode) and of words that were only defined
(encode_holdout, decode_holdout).

Words come in sets of four, and so do codes: the codes of a group write the words of a set in the same four code words,
each of them every word in another one (a Latin square). A block asks the same text in the four codes; its options are
what these make of it, each right for exactly one. So which words stand together tells nothing: a plain word meets each
of the options equally often, so does the name of a code, and where a word is held out of messages all options are. One
has to bind code, plain word and code word.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import permutations, product

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
        n_groups: Number of groups of ``n_choices`` codes.
        n_sets: Number of sets of ``n_choices`` plain words, and as many code words.
        copies: Number of documents that state a definition, each in other words.
        n_messages: Most documents with a message, per code.
        n_questions: Most messages asked per group of codes and split; each is asked in every code of the group.
        n_choices: Number of choices.
        n_holdout: Number of sets of which no word stands in a message of a group, drawn for each group.
        share: Share of the word pool, ``"evaluation"`` or ``"pretraining"``.
    """

    n_groups: int = 2
    n_sets: int = 3
    copies: int = 3
    n_messages: int = 6
    n_questions: int = 12
    n_choices: int = 4
    n_holdout: int = 1
    share: str = "evaluation"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A knob is out of range.
        """
        ranges = {
            "n_groups": (1, 50),
            "n_sets": (1, 50),
            "copies": (1, len(DOCUMENTS)),
            "n_messages": (0, 1000),
            "n_questions": (1, 1000),
            "n_choices": (2, 8),
            "n_holdout": (0, self.n_sets),
        }
        check_ranges("codebook", self, ranges)


@dataclass(frozen=True, slots=True)
class _Codes:
    """The codes in numbers: code ``b`` writes plain word ``w`` as code word ``forth[b][w]``."""

    names: list[str]
    plain: list[str]
    code: list[str]
    forth: list[list[int]]

    def back(self, b: int, c: int) -> int:
        """Return the plain word of a code word."""
        return self.forth[b].index(c)

    def say(self, b: int, words: Words) -> dict[str, str]:
        """Return what fills a wording, for plain words."""
        texts = [self.plain[w] for w in words], [self.code[self.forth[b][w]] for w in words]
        return dict(zip(PARTS, (self.names[b], *map(" ".join, texts)), strict=True))


def generate(config: CodebookConfig, seed: int) -> World:
    """Generate a world of codebooks; a pure function of its arguments.

    Args:
        config: The knobs.
        seed: The world seed.

    Returns:
        A fact per definition and per message, the documents, and the questions of five splits (fewer splits where too
        few words are held out, or used, for a message).

    Raises:
        UsageError: The share holds fewer words than the world needs.
    """
    rng = random.Random(f"codebook-{seed}")
    codes = _draw_codes(config, rng)
    k, n_words = config.n_choices, len(codes.plain)
    facts = [_fact(codes, b, (w,)) for b in range(len(codes.names)) for w in range(n_words)]
    documents = _definitions(codes, config.copies, rng)
    questions: list[Question] = []
    for start in range(0, len(codes.names), k):
        group = list(range(start, start + k))
        first = {s * k for s in rng.sample(range(config.n_sets), config.n_holdout)}
        held = [w for w in range(n_words) if w - w % k in first]
        messages = {b: _messages([w for w in range(n_words) if w not in held], config.n_messages, rng) for b in group}
        facts += [_fact(codes, b, message) for b in group for message in messages[b]]
        documents += [_message(codes, b, message, rng) for b in group for message in messages[b]]
        for split, found in _texts(messages, held, n_words).items():
            most = n_words if split in ("rephrase", "reversal") else config.n_questions
            for words in rng.sample(found, min(most, len(found))):
                # Code words are named by the plain words that the group's first code writes so.
                asked = tuple(codes.forth[start][w] for w in words) if split in BACKWARD else words
                questions += _block(codes, group, split, asked, seed, rng)
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


def _draw_codes(config: CodebookConfig, rng: random.Random) -> _Codes:
    """Draw the words, and for each group of codes which code words each set of plain words is written in, and how."""
    k, n_words = config.n_choices, config.n_sets * config.n_choices
    lexicon = Lexicon(rng, config.share)
    names, plain, code = (lexicon.words(n) for n in (config.n_groups * k, n_words, n_words))
    forth: list[list[int]] = []
    for _ in range(config.n_groups):
        books = [[0] * n_words for _ in range(k)]
        for s, t in enumerate(rng.sample(range(config.n_sets), config.n_sets)):
            rows, columns = rng.sample(range(k), k), rng.sample(range(k), k)
            for b, w in product(range(k), range(k)):
                books[b][s * k + w] = t * k + (rows[b] + columns[w]) % k
        forth += books
    return _Codes(names, plain, code, forth)


def _texts(messages: dict[int, list[Words]], held: list[int], n_words: int) -> dict[str, list[Words]]:
    """Return by split what can be asked of a group of codes: words, and messages that no document has."""
    sent = {message for found in messages.values() for message in found}
    known = set.intersection(*({w for message in found for w in message} for found in messages.values()))
    single: list[Words] = [(w,) for w in range(n_words)]
    return {
        "rephrase": single,
        "reversal": single,
        "encode": [message for message in permutations(sorted(known), 2) if message not in sent],
        "encode_holdout": list(permutations(held, 2)),
        "decode_holdout": list(permutations(held, 2)),
    }


def _id(b: int, words: Words) -> str:
    return "-".join([f"b{b}", *(f"w{w}" for w in words)])


def _fact(codes: _Codes, b: int, words: Words) -> Fact:
    said = codes.say(b, words)
    predicate = "definition" if len(words) == 1 else "message"
    return Fact(_id(b, words), predicate, tuple(said.values()), DOCUMENTS[0].format(**said))


def _definitions(codes: _Codes, copies: int, rng: random.Random) -> list[Document]:
    """Write every definition in so many documents, each time in other words and other company."""
    n_books, n_words = len(codes.names), len(codes.plain)
    wordings = {(b, w): rng.sample(DOCUMENTS, copies) for b in range(n_books) for w in range(n_words)}
    documents = []
    for copy, b in product(range(copies), range(n_books)):
        words = rng.sample(range(n_words), n_words)
        for start in range(0, n_words, PER_DOCUMENT):
            page = words[start : start + PER_DOCUMENT]
            sentences = tuple(wordings[b, w][copy].format(**codes.say(b, (w,))) for w in page)
            stated = tuple(_id(b, (w,)) for w in page)
            documents.append(Document(f"b{b}-c{copy}-{start // PER_DOCUMENT}", sentences, stated))
    return documents


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
