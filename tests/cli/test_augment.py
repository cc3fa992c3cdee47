from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import augment_models  # noqa: F401 - registers the model
import pytest
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.families import family_of, generate
from icl_ft_plugin.files import read_jsonl
from icl_ft_plugin.paths import models_dir
from icl_ft_plugin.training.rows import read_rows
from icl_ft_plugin.worlds.folder import save_world

WORLD = generate("syllogism", 0, {"n_documents": 3})
RULE = ("--model", "icl_ft_rule", "--prompt", "nano-local", "--prompt", "nano-global")


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["augment", *(str(argument) for argument in arguments)])


def of_world(out: Path, *arguments: Any) -> Any:
    return icl_ft("syllogism", "--set", "n_documents=3", "--out", out, *arguments)


def test_a_corpus_of_several_strategies(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = of_world(out, "--strategy", "local", "--strategy", "global", "--strategy", "oracle", *RULE)
    assert result.exit_code == 0, result.output
    rows = read_jsonl(out / "corpus.jsonl")
    counts = {s: sum(row["strategy"] == s for row in rows) for s in ("local", "global", "oracle")}
    assert counts == {"local": 18, "global": 6, "oracle": len(family_of("syllogism").oracle(WORLD))}
    info = json.loads((out / "augmentation.json").read_text())
    assert info["model"]["model"] == "icl_ft_rule" and set(info["strategies"]) == set(counts)
    assert info["strategies"]["local"]["requests"]["answered"] == 9
    texts = [row["text"] for row in read_rows(out / "train.jsonl")]
    assert texts[:3] == [document.text for document in WORLD.documents]
    assert texts[3:] == [row["text"] for row in rows]
    assert not list(tmp_path.glob(".*"))
    audit = json.loads((out / "audit.json").read_text())
    assert set(audit) == set(counts) and audit["oracle"]["precision"] == 1.0
    assert audit["oracle"]["labels"]["entailed"] >= counts["oracle"] and audit["oracle"]["coverage"]["chained"] > 0
    assert "oracle: 100.0% of" in result.output


def test_questions_that_a_model_writes_are_audited_and_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prompt = tmp_path / "asked.yaml"
    template = (
        "{{ documents | join(' ') }}Text: {{ text }}\nFollows:"  # answered with two sentences, none of them a pair
    )
    settings = {"name": "asked", "version": 1, "strategy": "qa", "unit": "document", "max_tokens": 99}
    prompt.write_text(json.dumps({**settings, "template": template.replace("Text: ", "Text: Q: Is it so? A: ")}))
    result = of_world(out, "--strategy", "qa", "--model", "icl_ft_rule", "--prompt", prompt)
    assert result.exit_code == 0, result.output
    rows = read_jsonl(out / "corpus.jsonl")
    assert rows and all(row["strategy"] == "qa" for row in rows)
    assert [row["text"] for row in read_rows(out / "train.jsonl")][3:] == [row["text"] for row in rows]
    assert all(row["text"].startswith("Question: Is it so? Answer: ") for row in rows)
    audit = json.loads((out / "audit.json").read_text())
    assert set(audit) == {"qa"} and audit["qa"]["labels"]["entailed"] > 0


def test_a_built_world_split_without_any_model(tmp_path: Path) -> None:
    save_world(WORLD, tmp_path / "world")
    result = icl_ft(tmp_path / "world", "--out", tmp_path / "out", "--strategy", "none", "--rows", "cumulative")
    assert result.exit_code == 0, result.output
    assert len(read_jsonl(tmp_path / "out" / "corpus.jsonl")) == 3
    rows = read_rows(tmp_path / "out" / "train.jsonl")
    assert len(rows) == 9 and rows[0] == {"prompt": "", "completion": WORLD.documents[0].sentences[0]}
    assert json.loads((tmp_path / "out" / "augmentation.json").read_text())["model"] is None


def test_only_what_is_entailed_is_kept_where_the_truth_is_used(tmp_path: Path) -> None:
    result = of_world(tmp_path / "out", "--strategy", "oracle", "--keep", "entailed")
    assert result.exit_code == 0, result.output
    assert len(read_jsonl(tmp_path / "out" / "corpus.jsonl")) == len(family_of("syllogism").oracle(WORLD))
    # "Surely the terms ..." is no form of the world, so nothing of it can be read.
    result = of_world(tmp_path / "rule", "--strategy", "local", "--keep", "entailed", *RULE)
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "rule" / "corpus.jsonl").read_text().splitlines()) < 18


def test_a_model_that_fails_is_named_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = ["--strategy", "local", *RULE, "--chunk", 4, "--attempts", 1]
    failed = of_world(tmp_path / "out", *arguments, "--model_args", "failures=9,after=1")
    assert failed.exit_code == 2 and "Traceback" not in failed.output
    assert "5 of 9 local generations are missing" in failed.stderr and "run the same command again" in failed.stderr
    assert not (tmp_path / "out").exists()
    journal = (tmp_path / ".out.partial" / "journal.jsonl").read_text()
    # The arguments name the model, so its answers are another model's under other arguments: none is taken over.
    assert of_world(tmp_path / "out", *arguments).exit_code == 0
    assert (tmp_path / "out" / "journal.jsonl").read_text().startswith(journal)
    assert not (tmp_path / ".out.partial").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--strategy", "lokal"], ["--strategy 'lokal'", "did you mean 'local'"]),
        (["--strategy", "local", "--rows", "sentence"], ["--rows 'sentence'", "did you mean 'sentences'"]),
        (["--strategy", "local", "--n-samples", 2], ["would all be the same"]),
        (["--strategy", "local", "--temperature", -1], ["temperature"]),
        (["--strategy", "local", "--prompt", "nano-locl"], ["nano-locl", "did you mean"]),
        (["--strategy", "local", "--prompt", "nano-local", "--prompt", "base-local"], ["both for local"]),
        (["--strategy", "local", "--model", "no-such"], ["no-such"]),
        (
            ["--strategy", "local", "--model_args", "pretrained=./no/such"],
            ["./no/such", "is no folder of a checkpoint"],
        ),
        (["--strategy", "oracle", "--set", "n_document=3"], ["n_document"]),
    ],
)
def test_errors_of_use(tmp_path: Path, arguments: list[Any], words: list[str]) -> None:
    result = icl_ft("syllogism", "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2 and "icl-ft: " in result.stderr and "Traceback" not in result.output
    assert all(word in result.stderr for word in words)
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    result = of_world(tmp_path / "out", "--strategy", "oracle")
    assert result.exit_code == 2 and "exists already" in result.stderr


@pytest.mark.slow
def test_killed_and_started_again_it_writes_the_same_and_asks_for_nothing_twice(tmp_path: Path) -> None:
    def command(out: Path) -> list[str]:
        code = "from icl_ft_plugin.cli.app import main; main()"
        arguments = ["augment", "reversal", "--set", "n_facts=8", "--strategy", "local", "--chunk", "8"]
        model = ["--model_args", f"pretrained={models_dir() / 'nano'}", "--temperature", "0.8"]
        return [sys.executable, "-c", code, *arguments, *model, "--out", str(out)]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    process = subprocess.Popen(command(tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    kept = journal.read_bytes()
    subprocess.run(command(tmp_path / "out"), check=True, capture_output=True)
    for name in ("corpus.jsonl", "train.jsonl", "augmentation.json", "journal.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert (tmp_path / "out" / "journal.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
