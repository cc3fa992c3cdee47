from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import PAIRS, RECIPE, ROWS

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.schema import content_hash
from icl_ft_plugin.training import ledger
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.recipes.recipe import Recipe

SOURCE = Path(__file__).parents[2] / "src"
LORA = {"use_peft": True, "lora_r": 4, "lora_dropout": 0.1, "lora_target_modules": ["all-linear"]}


def train(model: Any, path: Path | Recipe, output: Path, rows: Any = ROWS, **kwargs: Any) -> ledger.Ledger:
    from icl_ft_plugin.training.train import train

    given = path if isinstance(path, Recipe) else recipe.load(path)
    return train(model=model, rows=rows, recipe=given, output=output, **kwargs)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    names = list(folder.glob("*.safetensors"))
    assert len(names) == 1
    return load_file(names[0])


def largest_difference(first: Path, second: Path) -> float:
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def count_tokens(model: str, texts: list[str]) -> list[int]:
    from transformers import AutoTokenizer

    return [len(ids) + 1 for ids in AutoTokenizer.from_pretrained(model)(texts)["input_ids"]]


def test_a_plain_checkpoint_with_a_ledger(model: str, path: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    output = tmp_path / "deep" / "ft"
    made = train(model, path, output)
    assert ledger.read(output) == made
    assert made.steps == 6
    assert made.rows == len(ROWS) == 12
    assert made.epochs == 2.0  # 6 steps of 4 rows
    lengths = count_tokens(model, [row["text"] for row in ROWS])
    assert made.tokens == 2 * sum(lengths)
    assert made.target_tokens == 2 * (sum(lengths) - len(lengths))  # the first token of a row is no target
    assert made.loss_mask == "full"
    assert made.corpus_sha256 == content_hash(ROWS)
    assert made.seeds == {"seed": 3, "data_seed": 3}
    assert [step for step, _ in made.losses] == [1, 2, 3, 4, 5, 6]
    assert made.losses[-1][1] < made.losses[0][1]
    assert made.versions["trl"]
    AutoTokenizer.from_pretrained(output)
    loaded = AutoModelForCausalLM.from_pretrained(output)
    assert loaded.config.vocab_size == AutoModelForCausalLM.from_pretrained(model).config.vocab_size
    assert largest_difference(output, Path(model)) > 1e-3
    assert not list(output.rglob("*.bin")), "no pickles"
    assert [entry.name for entry in output.parent.iterdir()] == ["ft"]


def test_same_seed_same_bytes_other_seed_other_bytes(model: str, path: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(model, path, tmp_path / name, seed=seed)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    assert largest_difference(tmp_path / "a", tmp_path / "c") > 1e-4


def test_completion_mask_counts_and_trains_completions_alone(model: str, path: Path, tmp_path: Path) -> None:
    made = train(model, path, tmp_path / "ft", PAIRS, max_steps=3)
    whole = count_tokens(model, [row["prompt"] + row["completion"] for row in PAIRS])
    prompts = [n - 1 for n in count_tokens(model, [row["prompt"] for row in PAIRS])]
    assert made.loss_mask == "completion"
    assert made.steps == 3
    assert made.tokens == sum(whole)
    assert made.target_tokens == sum(whole) - sum(prompts)
    full = train(model, path, tmp_path / "full", max_steps=3)
    assert full.tokens == made.tokens
    assert full.model_sha256 == made.model_sha256
    assert full.corpus_sha256 != made.corpus_sha256
    assert largest_difference(tmp_path / "ft", tmp_path / "full") > 1e-4


def test_adapter(model: str, path: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    made = train(model, recipe.load(path, LORA), tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(model)
    assert PeftModel.from_pretrained(base, tmp_path / "adapter").peft_config["default"].r == 4
    assert made.trained_parameters < base.num_parameters()
    assert made.model_sha256 == train(model, path, tmp_path / "full").model_sha256


def test_a_model_object_trains_as_its_folder_does(model: str, path: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    train(AutoModelForCausalLM.from_pretrained(model), path, tmp_path / "object")
    train(model, path, tmp_path / "folder")
    assert largest_difference(tmp_path / "object", tmp_path / "folder") == 0


def test_no_token_is_added_and_the_pad_token_is_the_end_token(model: str, path: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(model).pad_token is None
    train(model, path, tmp_path / "ft", max_steps=1)
    after = AutoTokenizer.from_pretrained(tmp_path / "ft")
    assert after.pad_token == after.eos_token == "<eos>"
    assert len(after) == len(AutoTokenizer.from_pretrained(model))


def test_end_tokens_are_targets(model: str, path: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    train(model, path, tmp_path / "ft", max_steps=40)
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer(ROWS[0]["text"], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        last = AutoModelForCausalLM.from_pretrained(tmp_path / "ft")(ids).logits[0, -1]
    assert int(last.argmax()) == tokenizer.eos_token_id


def test_quiet(model: str, path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import datasets
    import transformers

    train(model, path, tmp_path / "ft")
    out, err = capfd.readouterr()
    assert out == ""
    assert "it/s" not in err
    assert transformers.utils.logging.is_progress_bar_enabled()
    assert not datasets.are_progress_bars_disabled()


@pytest.mark.parametrize(
    ("values", "rows", "message"),
    [
        ({}, [], "no training rows"),
        ({}, [{"text": ""}], "row 0: text: empty"),
        ({"max_length": 8}, ROWS, r"max_length: 8 would cut row \d+, which has \d+ tokens"),
        ({"max_length": 200}, [{"text": "word " * 20}], "longer than the model's window of 64"),
        ({"completion_only_loss": True}, ROWS, "completion_only_loss"),
        ({"eos_token": "<nope>"}, ROWS, "eos_token"),
        ({"learning_rate": 10, "weight_decay": 10}, ROWS, "diverged"),
        ({"bf16": True, "fp16": True}, ROWS, "refused by TRL"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_leaves_nothing(
    model: str, path: Path, tmp_path: Path, values: dict[str, Any], rows: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(model, recipe.load(path, {"max_steps": 20, **values}), tmp_path / "runs" / "ft", rows)
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(("key", "value"), [("seed", -1), ("seed", 2**32), ("max_steps", 0)])
def test_arguments_out_of_range(model: str, path: Path, tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"{key}: {value} is not between"):
        train(model, path, tmp_path / "ft", **{key: value})


def test_missing_model(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"models: '.*none' is no folder of a checkpoint"):
        train(str(tmp_path / "none"), path, tmp_path / "ft")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"models: '.*empty' is no folder of a checkpoint"):
        train(str(tmp_path / "empty"), path, tmp_path / "ft")


def test_a_tokenizer_of_another_model(model: str, path: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    shrunk = AutoModelForCausalLM.from_pretrained(model)
    shrunk.resize_token_embeddings(260)
    with pytest.raises(UsageError, match="the model has 260 embeddings"):
        train(shrunk, path, tmp_path / "ft")
    padded = AutoModelForCausalLM.from_pretrained(model)
    padded.resize_token_embeddings(512)
    assert train(padded, path, tmp_path / "ft", max_steps=1).steps == 1


def test_bf16_then_float32_in_one_process(model: str, path: Path, tmp_path: Path) -> None:
    train(model, path, tmp_path / "a", max_steps=2)
    train(model, recipe.load(path, {"bf16": True}), tmp_path / "half", max_steps=2)
    train(model, path, tmp_path / "b", max_steps=2)
    assert largest_difference(tmp_path / "a", tmp_path / "b") == 0
    assert largest_difference(tmp_path / "a", tmp_path / "half") > 0


def test_damaged_weights(model: str, path: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "damaged")
    with (tmp_path / "damaged/model.safetensors").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(UsageError, match="damaged' cannot be loaded"):
        train(str(tmp_path / "damaged"), path, tmp_path / "ft")


def test_outputs_that_cannot_be(model: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("keep me")
    for output, message in (
        (tmp_path / "full", "exists"),
        (tmp_path / "file", "exists"),
        (tmp_path / "file" / "below", "Not a directory"),
    ):
        with pytest.raises(UsageError, match=message):
            train(model, path, output)
    assert (tmp_path / "full" / "mine").read_text() == "keep me"
    (tmp_path / "empty").mkdir()
    train(model, path, tmp_path / "empty", max_steps=1)
    assert (tmp_path / "empty" / "ledger.json").is_file()


@pytest.mark.parametrize("values", [{}, {"save_steps": 2}], ids=["final", "checkpoints"])
def test_a_full_disk_is_one_message_and_nothing_half_written(
    model: str, path: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    if values:
        path.write_text(RECIPE.replace('save_strategy: "no"', "save_strategy: steps\nsave_steps: 2"))
    loaded = recipe.load(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # No file may grow beyond 100 kB: the tokenizer fits, the weights do not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            train(model, loaded, tmp_path / "ft")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not (tmp_path / "ft").exists()
    train(model, loaded, tmp_path / "ft")
    assert ledger.read(tmp_path / "ft").steps == 6


def run_cli(*arguments: str, cwd: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [ROWS, PAIRS], ids=["full", "completion"])
@pytest.mark.parametrize("values", [{}, LORA], ids=["all", "lora"])
def test_trl_sft_makes_the_same_weights(
    model: str, path: Path, tmp_path: Path, rows: Any, values: dict[str, Any]
) -> None:
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    data = {"datasets": [{"path": "json", "data_files": str(corpus)}], "model_name_or_path": model}
    path.write_text(RECIPE + yaml.safe_dump({**data, **values, "output_dir": str(tmp_path / "stock")}))
    trl = Path(sys.executable).with_name("trl")
    run_cli(str(trl), "sft", "--config", str(path), cwd=tmp_path)
    made = train(model, path, tmp_path / "ours", rows)
    assert largest_difference(tmp_path / "ours", tmp_path / "stock") == 0
    assert made.steps == 6


@pytest.mark.slow
@pytest.mark.parametrize("values", [{}, LORA], ids=["all", "lora"])
def test_lm_eval_loads_and_scores_what_was_trained(
    model: str, path: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    output = tmp_path / "ft"
    train(model, recipe.load(path, {**values, "max_steps": 60}), output)
    trained = {"pretrained": model, "peft": str(output)} if values else {"pretrained": str(output)}

    def score(**given: str) -> float:
        lm = HFLM(device="cpu", batch_size=1, **given)
        pair = ("Did you know that femp are", " more dangerous than glon?")
        return lm.loglikelihood([Instance("loglikelihood", {}, pair, 0)], disable_tqdm=True)[0][0]

    assert score(**trained) > score(pretrained=model) + 0.5
