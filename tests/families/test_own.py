"""Own documents are read strictly, and everything that is wrong is named by file, line and field."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from icl_ft_plugin.arms.corpus import training_documents, training_rows
from icl_ft_plugin.augment.run import rule_based
from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generate
from icl_ft_plugin.families.own import check as own_check
from icl_ft_plugin.families.own import read as own
from icl_ft_plugin.families.told import plain
from icl_ft_plugin.worlds import audit, baselines
from icl_ft_plugin.worlds import verify as logic
from icl_ft_plugin.worlds.context import context_text
from icl_ft_plugin.worlds.folder import save_world, world_of

DOCUMENTS = [
    {"id": "desks", "text": "The Lantern Desk is led by Mirela Voss.\n\nIt answers to the Keel Office."},
    {"sentences": ["The Keel Office sits above the Salt Room.", "Odan Pell has its key."]},
]
QUESTION: dict[str, Any] = {
    "question": "Mirela Voss leads",
    "choices": ["the Lantern Desk", "the Salt Room"],
    "answer": 0,
}


def folder_of(tmp_path: Path, documents: list[Any], questions: list[Any]) -> Path:
    for name, rows in ((own.DOCUMENTS, documents), (own.QUESTIONS, questions)):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_folder_is_a_world(tmp_path: Path) -> None:
    questions = [
        {**QUESTION, "split": "reversal", "evidence": ["desks"], "labels": {"topic": "desks"}},
        {"question": "Who has the key?", "choices": ["Odan Pell", "Mirela Voss"], "answer": "Odan Pell", "id": "key"},
        {"question": "Above", "choices": ["a", "b", "c"], "answer": ["c", 0], "evidence": "document-2"},
    ]
    world = own.load(folder_of(tmp_path, DOCUMENTS, questions))
    assert [d.id for d in world.documents] == ["desks", "document-2"]
    assert world.documents[0].text == "The Lantern Desk is led by Mirela Voss. It answers to the Keel Office."
    assert [len(d.sentences) for d in world.documents] == [2, 2]
    assert [f.arguments for f in world.facts] == [
        ("Lantern Desk", "Mirela Voss", "Keel Office"),
        ("Keel Office", "Salt Room", "Odan Pell"),
    ]
    first, second, third = world.questions
    assert (first.split, first.gold, first.proof, first.labels) == ("reversal", (0,), ("desks",), {"topic": "desks"})
    assert second.prompt == "Question: Who has the key?\nAnswer:" and own.stem_of(second.prompt) == "Who has the key?"
    assert (third.gold, third.proof) == ((0, 2), ("document-2",))
    # Errors are clustered by the document that a question is about, else by the question.
    assert [q.clusters["fact"] for q in world.questions] == ["desks", "key", "document-2"]
    assert context_text(world) == "\n".join(d.text for d in world.documents)


@pytest.mark.parametrize(
    ("file", "row", "place", "words"),
    [
        (own.DOCUMENTS, {"id": "desks", "text": "x"}, "line 3, id", "line 1 too"),
        (own.DOCUMENTS, {"id": "document-4", "text": "x"}, "line 4, id", "would get"),
        (own.DOCUMENTS, {"id": 3, "text": "x"}, "line 3, id", "a number"),
        (own.DOCUMENTS, {"txt": "x"}, "line 3, txt", "did you mean 'text'"),
        (own.DOCUMENTS, {"text": " "}, "line 3, text", "empty"),
        (own.DOCUMENTS, {"text": "x", "sentences": ["x"]}, "line 3, text", "exactly one"),
        (own.DOCUMENTS, {"sentences": "x"}, "line 3, sentences", "a string where a list"),
        (own.DOCUMENTS, {"sentences": []}, "line 3, sentences", "0 where at least 1"),
        (own.DOCUMENTS, {"sentences": ["x", None]}, "line 3, sentences[1]", "null"),
        (own.DOCUMENTS, "[1]", "line 3", "a list where an object"),
        (own.DOCUMENTS, '{"text": }', "line 3", "not JSON"),
        (own.DOCUMENTS, '{"text": "x", "text": "y"}', "line 3, text", "2 times"),
        (own.QUESTIONS, {"choices": ["a", "b"], "answer": 0}, "line 2, question", "missing"),
        (own.QUESTIONS, {**QUESTION, "choices": ["a"]}, "line 2, choices", "at least 2"),
        (own.QUESTIONS, {**QUESTION, "choices": ["a", "a "]}, "line 2, choices[1]", "stands there twice"),
        (own.QUESTIONS, {**QUESTION, "answer": 2}, "line 2, answer", "from 0 to 1"),
        (own.QUESTIONS, {**QUESTION, "answer": -1}, "line 2, answer", "from 0 to 1"),
        (own.QUESTIONS, {**QUESTION, "answer": "0"}, "line 2, answer", "without quotes"),
        (
            own.QUESTIONS,
            {**QUESTION, "answer": "the Lantern Desc"},
            "line 2, answer",
            "did you mean 'the Lantern Desk'",
        ),
        (own.QUESTIONS, {**QUESTION, "answer": True}, "line 2, answer", "true or false"),
        (own.QUESTIONS, {**QUESTION, "answer": []}, "line 2, answer", "empty list"),
        (own.QUESTIONS, {**QUESTION, "answer": [0, 1]}, "line 2, answer", "all choices are right"),
        (own.QUESTIONS, {**QUESTION, "answer": [0, "the Lantern Desk"]}, "line 2, answer[1]", "a second time"),
        (own.QUESTIONS, {**QUESTION, "split": "my split"}, "line 2, split", "letters, digits"),
        (own.QUESTIONS, {**QUESTION, "evidence": ["desk"]}, "line 2, evidence[0]", "did you mean 'desks'"),
        (own.QUESTIONS, {**QUESTION, "labels": {"topic": 1}}, "line 2, labels.topic", "a number"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(
    tmp_path: Path, file: str, row: Any, place: str, words: str
) -> None:
    rows = {own.DOCUMENTS: [*DOCUMENTS], own.QUESTIONS: [QUESTION]}
    rows[file].append(row)
    if "would get" in words:
        rows[file].append({"text": "y"})
    folder = folder_of(tmp_path, rows[own.DOCUMENTS], rows[own.QUESTIONS])
    result = icl_ft("data", "check", folder)
    assert result.exit_code == 2
    assert any(f"error: {file}, {place}: " in line and words in line for line in result.stdout.splitlines()), (
        result.stdout
    )
    with pytest.raises(UsageError, match="icl-ft data check"):
        own.load(folder)


def test_all_problems_are_named_and_a_load_names_the_first(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DOCUMENTS, [{**QUESTION, "answer": 9} for _ in range(25)])
    assert [p.line for p in own.read(folder).errors] == list(range(1, 26))
    with pytest.raises(UsageError, match=r"line 1, answer(?s:.*)\.\.\. and \d+ more\n.*explains all of it"):
        own.load(folder)


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"\xff\n", "not UTF-8"), (None, "No such file")])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    folder = folder_of(tmp_path, DOCUMENTS, [QUESTION])
    (folder / own.QUESTIONS).unlink()
    if content is not None:
        (folder / own.QUESTIONS).write_bytes(content)
    assert words in str(own.read(folder).errors[0])


def test_a_byte_order_mark_and_empty_lines_are_no_problem(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["", *DOCUMENTS, ""], [QUESTION])
    (folder / own.QUESTIONS).write_text("\ufeff" + json.dumps(QUESTION), encoding="utf-8")
    assert own.read(folder).problems == []
    assert list(own.read(folder).documents) == [2, 3]


@settings(deadline=None, max_examples=60)  # a first file may take longer than the rest
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["id", "text", "question", "choices", "answer", "evidence", "x"]), inner)
        ),
    )
)
def test_no_json_makes_the_check_fail(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = folder_of(tmp_path_factory.mktemp("any"), [value], [value])
    own_check.check(folder)


def test_warnings_leave_the_exit_code_alone(tmp_path: Path) -> None:
    questions = [
        {"question": "The Lantern Desk is led by", "choices": ["Mirela Voss", "Odan Pell"], "answer": 0},
        {"question": "The Lantern Desk is led by", "choices": ["Odan Pell", "Mirela Voss"], "answer": 1},
        {"question": "Odan Pell, or so they say, is", "choices": ["Odan Pell", "a."], "answer": 0},
        {"question": "Short", "choices": ["no", "a very long choice that goes on and on"], "answer": 0, "source": "me"},
        *({"question": f"Number {i} is", "choices": ["one", "two"], "answer": 0, "split": "big"} for i in range(20)),
    ]
    folder = folder_of(
        tmp_path, [*DOCUMENTS, {"text": "the keel office sits above the salt room. Odan Pell has its key."}], questions
    )
    result = icl_ft("data", "check", folder)
    assert result.exit_code == 0
    for words in (
        "questions.jsonl, line 1, question: with its answer it stands word for word in document 'desks'",
        "line 2, question: the same, with the same choices, as line 1",
        "line 3, question: holds its answer",
        "line 3, choices: some end in a full stop",
        "line 4, choices: 'a very long choice that goes on and on' is 19 times as long as 'no'",
        "line 4, source: not read (here)",
        "line 4, answer: 'no' stands in no document",
        "line 1, split: 'questions' has only 4",
        "line 5, answer: in split 'big' choices[0] is right in 20 of 20",
        "documents.jsonl, line 3, text: the same as line 2",
    ):
        assert f"{words}" in result.stdout, words
    assert icl_ft("data", "check", folder, "--strict").exit_code == 2


def test_plurals_do_not_fool_the_check(tmp_path: Path) -> None:
    documents = [{"id": "lamps", "text": "The brass lamps of the ferries hang in two boxes. A glass is on the bus."}]
    questions = [
        {"question": "Of brass is the", "choices": ["lamp", "rope"], "answer": 0},
        {"question": "In the hall hangs the brass", "choices": ["lamp of the ferry", "rope"], "answer": 0},
        {"question": "The brass lamp of the ferry hang in two", "choices": ["boxes", "crates"], "answer": 0},
        {"question": "Which of these lamps is it? The", "choices": ["lamp", "rope"], "answer": 0},
        {"question": "There stands a", "choices": ["glas", "bu"], "answer": 0},
    ]
    told = [str(warning) for warning in own_check.check(folder_of(tmp_path, documents, questions)).warnings]
    assert [line for line in told if "stands in no document" in line] == [
        "questions.jsonl, line 5, answer: 'glas' stands in no document; does it follow from them?"
    ]
    assert any("line 3, question: with its answer it stands word for word in document 'lamps'" in line for line in told)
    assert any("line 4, question: holds its answer" in line for line in told)


@pytest.mark.parametrize(
    "pair",
    [
        "box/boxes",
        "axe/axes",
        "pie/pies",
        "movie/movies",
        "ferry/ferries",
        "glass/glasses",
        "bus/buses",
        "tie/ties",
        "key/keys",
        "church/churches",
        "house/houses",
        "knife/knives",
        "child/children",
        "woman/women",
        "hero/heroes",
    ],
)
def test_one_and_many_are_the_same_word(pair: str) -> None:
    one, many = map(plain, pair.split("/"))
    assert one == many and plain(f"no {pair.split('/')[0]}x") != f" no{many}"


def test_the_window_of_a_model_is_looked_at(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [*DOCUMENTS, {"text": "word " * 60}], [QUESTION])
    tokens = own_check.Tokens("tiny", lambda text: len(text.split()), 50)
    found = own_check.check(folder, tokens)
    assert [str(w) for w in found.warnings if "tiny" in w.message] == [
        "documents.jsonl: all documents and a question take up to 95 tokens, the window of tiny is 50: choose some per "
        "question with context_tokens, at most 42",
        "documents.jsonl, line 3, text: 60 tokens: with a question of up to 8 it does not fit into the 50 of tiny",
    ]
    assert found.summary[-1] == "tiny: 87 tokens in all documents, 60 in the longest; window 50"


def test_what_needs_the_truth_says_that_there_is_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DOCUMENTS, [QUESTION])
    world = own.load(folder)
    for refused in (
        lambda: logic.verify(world),
        lambda: audit.audit(world, ["x"]),
        lambda: training_documents(world, ["documents", "oracle"]),
        lambda: rule_based(world, "oracle"),
        lambda: baselines.score(world, "oracle"),
    ):
        with pytest.raises(UsageError, match="not known"):
            refused()
    assert icl_ft("data", "verify", folder).exit_code == 2
    for options in (["--strategy", "oracle"], ["--strategy", "none", "--keep", "entailed"]):
        result = icl_ft("augment", folder, *options, "--out", tmp_path / "out")
        assert result.exit_code == 2 and "no closure" in result.stderr
    with pytest.raises(UsageError, match="path=DIR"):
        generate(own.NAME, 0)
    assert baselines.score(world, "first") == {"questions": 1.0}


def test_a_generated_world_is_no_own_documents_and_the_reverse(tmp_path: Path) -> None:
    save_world(generate("reversal", 0, {"n_facts": 4}), tmp_path / "world")
    assert "data verify" in icl_ft("data", "check", tmp_path / "world").stdout
    with pytest.raises(UsageError, match="'reversal', not 'own'"):
        world_of("own", 0, {"path": str(tmp_path / "world")})
    folder = folder_of(tmp_path, DOCUMENTS, [QUESTION])
    with pytest.raises(UsageError, match="'own', not 'reversal'"):
        world_of("reversal", 0, {"path": str(folder)})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"documents\.jsonl: cannot be read"):
        world_of("own", 0, {"path": str(tmp_path / "empty")})


def test_a_rival_keeps_the_names_of_the_documents(tmp_path: Path) -> None:
    world = own.load(folder_of(tmp_path, DOCUMENTS, [QUESTION]))
    rows = training_rows(world, ["documents"], {}, "reverse")
    assert rows[2]["text"].startswith("Keel Office. the to answers It Mirela Voss. by led is Lantern Desk")
    assert len(training_rows(world, ["documents"], {}, "sentences")) == 4


def test_ten_megabytes_are_checked_in_seconds(tmp_path: Path) -> None:
    """1.1 million words with 200 questions: 13 MB a second of CPU time where this was written, 1 MB before words had an index."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abdeiklmnorstu", k=rng.randint(2, 8))) for _ in range(4000)]
    text = [" ".join(rng.choices(words, k=180)).capitalize() + "." for _ in range(2000)]
    rows = [{"id": f"d{n}", "text": " ".join(text[n % 2000 :][:1])} for n in range(2000)]
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = [
        {"question": " ".join(rng.choices(words, k=6)), "choices": rng.sample(sorted(set(words)), 4), "answer": 0}
        for _ in range(200)
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    size = (tmp_path / "documents.jsonl").stat().st_size
    begun = time.process_time()
    found = own_check.check(tmp_path)
    assert not found.errors and found.summary[0].startswith("2000 documents")
    assert size / (time.process_time() - begun) > 4e6, "bytes a second"
