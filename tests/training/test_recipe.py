from __future__ import annotations

from datetime import date
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from icl_ft_plugin.config import overrides_from
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.recipes.keys import checked, known_keys

# What stands under recipes/ and is no training run of TRL.
OTHERS = ("arms.yaml", "accelerate/*", "studies/*", "prompts/*", "nano/*")
RECIPES = [
    path
    for path in sorted(recipes_dir().rglob("*.yaml"))
    if not any(fnmatch(path.relative_to(recipes_dir()).as_posix(), pattern) for pattern in OTHERS)
]


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_glob_sees_the_recipes() -> None:
    assert {"full.yaml", "lora.yaml", "nano.yaml"} <= {path.name for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(recipes_dir()).as_posix())
def test_stock_trl_parses_every_recipe_strictly(path: Path) -> None:
    from trl import DatasetMixtureConfig, ModelConfig, ScriptArguments, SFTConfig, TrlParser

    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig))
    # That a GPU is there is checked by the parser, and this is no test of the machine.
    cpu = {} if torch.cuda.is_available() else {"use_cpu": True}
    arguments = [word for key, value in cpu.items() for word in (f"--{key}", str(value))]
    _, args, model, data = parser.parse_args_and_config(["--config", str(path), *arguments])
    ours = recipe.parse(recipe.load(path, cpu))
    assert args.to_dict() | {"logging_dir": None} == ours[1].to_dict() | {"logging_dir": None}
    assert model == ours[2]
    assert data.datasets[0].path == "json"
    assert args.max_steps > 0, "arms are matched in gradient steps"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(recipes_dir()).as_posix())
def test_a_recipes_header_is_its_manual(path: Path) -> None:
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    text = "\n".join(header)
    place = f"recipes/{path.relative_to(recipes_dir()).as_posix()}"
    assert f"icl-ft train {place} --out" in text
    assert f"trl sft --config {place}" in text
    for part in ("Prerequisites", "Run:", "Override:", "Expected:"):
        assert part in text


def test_numbers_take_the_type_of_their_key(tmp_path: Path) -> None:
    # YAML 1.1 reads 3e-4 as a string; TRL takes it for a number all the same.
    loaded = recipe.load(write(tmp_path, "learning_rate: 3e-4\nnum_train_epochs: 2\nmax_length: null\n"))
    assert loaded.values == {"learning_rate": 3e-4, "num_train_epochs": 2.0, "max_length": None}
    assert isinstance(loaded.values["num_train_epochs"], float)


def test_small_numbers_survive_the_way_through_yaml(tmp_path: Path) -> None:
    loaded = recipe.load(write(tmp_path, "use_cpu: true\nbf16: false\nlearning_rate: 1e-7\n"))
    assert recipe.parse(loaded, output_dir="x", seed=5)[1].learning_rate == 1e-7
    assert recipe.parse(loaded, output_dir="x", seed=5)[1].seed == 5


def test_overrides_replace_and_extend(tmp_path: Path) -> None:
    path = write(tmp_path, "max_steps: 300\nseed: 1\n")
    loaded = recipe.load(path, overrides_from(["max_steps=20", "--learning-rate=1e-3", "use_peft=true"]))
    assert loaded.values == {"max_steps": 20, "seed": 1, "learning_rate": 1e-3, "use_peft": True}
    assert loaded.overrides == {"max_steps": 20, "learning_rate": 1e-3, "use_peft": True}
    assert loaded.sha256 != recipe.load(path).sha256


def test_comments_and_order_do_not_change_the_hash(tmp_path: Path) -> None:
    first = recipe.load(write(tmp_path, "seed: 1\nmax_steps: 300\n")).sha256
    assert recipe.load(write(tmp_path, "# why\nmax_steps: 300\nseed: 1\n")).sha256 == first


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("learing_rate: 3.0e-4", ["'learing_rate'", "learning_rate"]),
        ("max_seq_length: 64", ["'max_seq_length'", "max_length"]),
        ("torch_dtype: float32", ["'torch_dtype'", "dtype"]),
        ("warmup_ratio: 0.1", ["'warmup_ratio'", "warmup_steps"]),
        ("per_device_train_batch_size: '16'", ["per_device_train_batch_size", "'16'", "int"]),
        ("per_device_train_batch_size: 1.5", ["1.5", "int"]),
        ("max_steps: true", ["max_steps", "True", "int"]),
        ("use_peft: 1", ["use_peft", "1", "bool"]),
        ("learning_rate: fast", ["'fast'", "float"]),
        ("learning_rate: .nan", ["learning_rate", "nan"]),
        ("learning_rate: -0.1", ["-0.1"]),
        ("max_steps: 0", ["max_steps", "0"]),
        ("seed: -1", ["seed", "-1", "4294967295"]),
        ("lr_scheduler_type: cosin", ["'cosin'", "cosine"]),
        ("save_strategy: no", ["save_strategy", 'quote it: "no"']),
        ("truncation_mode: keep_middle", ["'keep_middle'", "keep_start"]),
        ("dtype: fp8", ["'fp8'", "bfloat16"]),
        ("optim: adam", ["'adam'", "adamw_torch"]),
        ("lora_target_modules: all-linear", ["'all-linear'", "list[str]"]),
        ("datasets: [{pfad: json}]", ["datasets", "pfad"]),
        ("datasets: [{path: json, datafiles: a.jsonl}]", ["datasets", "datafiles"]),
        ("datasets: reversal.jsonl", ["datasets", "'reversal.jsonl'"]),
        ("eval_strategy: steps", ["eval_strategy", "lm-evaluation-harness"]),
        ("load_in_4bit: true", ["load_in_4bit", "use_peft: true"]),
        ("load_in_8bit: true", ["load_in_8bit"]),
        ("env: {A: b}", ["env"]),
        ("run_name: 2026-11-01", ["run_name", "datetime.date(2026, 11, 1)", "str"]),
        ("liger_kernel_config: {rope: 1}", ["liger_kernel_config", "dict[str, bool]"]),
        ("seed: 1\nseed: 2", ["line 2", "'seed'", "twice"]),
        ("seed: [1", ["line"]),
        ("- seed", ["mapping"]),
        ("1: 2", ["mapping"]),
        ("", ["mapping"]),
    ],
)
def test_a_bad_recipe_is_one_message_that_names_the_place(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        recipe.load(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_of_trl_has_a_type_that_can_be_checked() -> None:
    hints = known_keys()
    for key in hints:
        with pytest.raises(UsageError, match=f"recipe.yaml: {key}: .*is not "):
            checked(key, date(2026, 11, 1), hints, "recipe.yaml")


def test_a_bad_override_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="override: unknown key 'lr'"):
        recipe.load(write(tmp_path, "seed: 1"), {"lr": 1})
    for pair, part in (("seed", "key=value"), ("=1", "key=value"), ("seed=[", "YAML")):
        with pytest.raises(UsageError, match=part):
            overrides_from([pair])
    with pytest.raises(UsageError, match="twice"):
        overrides_from(["seed=1", "seed=2"])


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.yaml: cannot be read \(No such file"):
        recipe.load(tmp_path / "missing.yaml")
    with pytest.raises(UsageError, match="not a file"):
        recipe.load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"output_dir: \xe9")
    with pytest.raises(UsageError, match="UTF-8"):
        recipe.load(tmp_path / "latin.yaml")


def test_what_trl_refuses_is_an_error_of_use(tmp_path: Path) -> None:
    loaded = recipe.load(write(tmp_path, "use_cpu: true\nbf16: true\nfp16: true\n"))
    with pytest.raises(UsageError, match="refused by TRL"):
        recipe.parse(loaded)


def test_data_files(tmp_path: Path) -> None:
    corpus = tmp_path / "rows.jsonl"
    text = f"datasets: [{{path: json, data_files: {corpus}}}]"
    with pytest.raises(UsageError, match=r"datasets\[0\]\.data_files.*does not exist"):
        _ = recipe.load(write(tmp_path, text)).data_files
    corpus.touch()
    assert recipe.load(write(tmp_path, text)).data_files == (corpus,)
    with pytest.raises(UsageError, match="is not of the form"):
        _ = recipe.load(write(tmp_path, "datasets: [{path: some/hub}]")).data_files


def test_what_is_passed_on_to_stock_trl(tmp_path: Path) -> None:
    text = "deepspeed: zero3.json\nuse_liger_kernel: true\nload_in_4bit: true\nuse_peft: true\n"
    assert recipe.load(write(tmp_path, text)).values["deepspeed"] == "zero3.json"
