"""`icl-ft train`: folders of documents, several processes, memory before and when it runs out."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from families.test_own import icl_ft
from tiny import RECIPE, ROWS, save_tiny
from training.test_train import largest_difference, weights

from icl_ft_plugin.training.ledger import read

COMMAND = [sys.executable, "-c", "from icl_ft_plugin.cli.app import main; main()", "train"]


@pytest.fixture
def given(tmp_path: Path) -> list[Any]:
    save_tiny(tmp_path / "tiny", window=256)
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 256"), encoding="utf-8")
    return ["train", tmp_path / "tiny.yaml", "--model", tmp_path / "tiny"]


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    assert icl_ft("data", "example", "handbook", tmp_path / "handbook").exit_code == 0
    return tmp_path / "handbook"


def test_own_documents_go_straight_in_and_long_ones_are_split(given: list[Any], handbook: Path, tmp_path: Path) -> None:
    done = icl_ft(*given, "--corpus", handbook, "--out", tmp_path / "ft", "--set", "max_length=220")
    assert done.exit_code == 0, done.output
    assert re.search(
        r"\d of 30 documents have more than max_length: 220 tokens and are split between sent", done.output
    )
    assert 30 < read(tmp_path / "ft").rows < 53
    done = icl_ft(*given, "--corpus", handbook, "--rows", "sentences", "--out", tmp_path / "s", "--set", "max_steps=1")
    assert done.exit_code == 0, done.output
    assert "split" not in done.output and read(tmp_path / "s").rows == 53


def test_documents_of_any_length_are_packed_by_stock_trl(given: list[Any], handbook: Path, tmp_path: Path) -> None:
    packing = ("--set", "packing=true", "--set", "packing_strategy=bfd_split", "--set", "max_steps=1")
    done = icl_ft(*given, "--corpus", handbook, "--out", tmp_path / "ft", *packing)
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "ft").rows == 30


def test_what_a_training_takes_is_said_and_nothing_trained(given: list[Any], tmp_path: Path) -> None:
    done = icl_ft(*given, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "weights" in done.output and "4 rows of 256 tokens (max_length)" in done.output and "fits: " in done.output
    two = icl_ft(*given, "--dry-run", "--launch", "ddp-cpu")
    assert "2 rows of 256 tokens (max_length)" in two.output
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "tiny.yaml"}
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("".join(json.dumps({"text": "glon are" + " dangerous" * n}) + "\n" for n in range(9)))
    known = icl_ft(*given, "--dry-run", "--corpus", corpus)
    assert re.search(r"4 rows of 1\d tokens \(the longest row\)", known.output), known.output


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--out is missing"),
        (["--launch", "ddq", "--dry-run"], "did you mean 'ddp'"),
        (["--rows", "mesages", "--corpus", "handbook", "--out", "x"], "did you mean 'messages'"),
        (["--rows", "messages", "--corpus", "handbook", "--out", "x"], "it has no chat template"),
    ],
)
def test_errors_of_use(given: list[Any], handbook: Path, tmp_path: Path, more: list[str], message: str) -> None:
    places = {"handbook": handbook, "x": tmp_path / "x"}
    done = icl_ft(*given, *(places.get(word, word) for word in more))
    assert done.exit_code == 2 and message in done.output
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_two_processes_make_the_adapter_of_one(given: list[Any], handbook: Path, tmp_path: Path) -> None:
    # Dropout draws otherwise in two processes, and AdamW makes whole steps of the rounding of small gradients. One process
    # that takes a batch in the same two halves adds the same numbers in the same order.
    values = ("use_peft=true", "lora_r=4", "lora_dropout=0.0", "lora_target_modules=[all-linear]", "optim=sgd")
    lora = [word for value in (*values, "learning_rate=1") for word in ("--set", value)]
    halves = ["--set", "per_device_train_batch_size=2", "--set", "gradient_accumulation_steps=2"]
    for name, more in (("one", halves), ("two", ["--launch", "ddp-cpu"])):
        done = icl_ft(*given, "--corpus", handbook, "--out", tmp_path / name, *lora, *more)
        assert done.exit_code == 0, done.output
    assert largest_difference(tmp_path / "one", tmp_path / "two") < 1e-6
    trained = weights(tmp_path / "two")
    assert max(float(trained[name].abs().max()) for name in trained if "lora_B" in name) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("launch", [[], ["--launch", "ddp-cpu"]], ids=["one", "two"])
def test_an_adapter_on_four_bits(given: list[Any], handbook: Path, tmp_path: Path, launch: list[str]) -> None:
    pytest.importorskip("bitsandbytes")
    values = ("use_peft=true", "lora_r=4", "lora_target_modules=[all-linear]", "load_in_4bit=true", "dtype=bfloat16")
    settings = [word for value in values for word in ("--set", value)]
    done = icl_ft(*given, "--corpus", handbook, "--out", tmp_path / "ft", *settings, *launch)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "ft" / "adapter_model.safetensors").is_file()
    losses = [loss for _, loss in read(tmp_path / "ft").losses]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_memory_that_runs_out_is_one_message_that_says_what_to_change(given: list[Any], tmp_path: Path) -> None:
    """Under a real limit of the address space, 200 MB above what the program takes when it begins to train."""
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS * 100), encoding="utf-8")
    words = [*map(str, given), "--corpus", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "ft")]
    program = f"""
import resource, sys
import icl_ft_plugin.training.train, peft, psutil
taken = psutil.Process().memory_info().vms
resource.setrlimit(resource.RLIMIT_AS, (taken + 200 * 2**20, resource.RLIM_INFINITY))
sys.argv = ["icl-ft", *{words!r}, "--set", "per_device_train_batch_size=1200"]
from icl_ft_plugin.cli.app import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr[-2000:]
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("icl-ft: ") and "tiny.yaml: training: out of memory (" in last
    assert "per_device_train_batch_size: 600 with gradient_accumulation_steps: 2" in last
    assert "gradient_checkpointing: true" in last
    assert "Traceback" not in done.stderr and not list(tmp_path.glob("*ft*"))


@pytest.mark.slow
def test_a_training_that_is_interrupted_goes_on(given: list[Any], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    saving = ["--set", "save_strategy=steps", "--set", "save_steps=5", "--set", "max_steps=400"]
    words = [*map(str, given[1:]), "--corpus", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "ft"), *saving]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob(".ft.partial/checkpoints/*/manifest.json")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert process.returncode == 130
    assert "interrupted; run the same command to resume" in told and "Traceback" not in told
    assert icl_ft(*given, *words[3:]).exit_code == 0
    assert read(tmp_path / "ft").resumed_at
