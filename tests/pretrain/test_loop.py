"""The pretraining loop on a toy: deterministic rows, resumes where it stopped, writes a stock checkpoint."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.families import generated
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.pretrain.loop import Rows, pretrain, sample_texts
from icl_ft_plugin.pretrain.recipe import load_recipe
from icl_ft_plugin.pretrain.tokenizer import train_tokenizer

TOY = {
    "weights": {"document": 0.2, "question": 0.1, "answer": 1.0},
    "vocab_size": 600,
    "tokenizer_episodes": 100,
    "model": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
    },
    "batch_tokens": 1024,
    "phases": [
        {"seq_len": 128, "steps": 4, "mixture": {"reversal": 1.0, "syllogism": 1.0}},
        {"seq_len": 256, "steps": 2, "mixture": {"reversal": 1.0}},
    ],
    "lr": 0.003,
    "warmup_steps": 2,
    "decay_share": 0.5,
    "log_every": 2,
    "save_every": 2,
}


def write(path: Path, **changes: object) -> Path:
    """Write the toy recipe with some keys changed."""
    path.write_text(yaml.safe_dump({**TOY, **changes}))
    return path


def test_the_shipped_recipe_parses_and_covers_all_families() -> None:
    recipe = load_recipe(recipes_dir() / "nano/pretrain.yaml")
    assert set(recipe.phases[-1].mixture) == {"reversal", "syllogism", "celebrity", "semantic", "process"}
    assert recipe.model["max_position_embeddings"] == recipe.phases[-1].seq_len == 4096


def test_the_recipe_that_goes_on_covers_all_families_and_watches_worlds_of_its_own() -> None:
    recipe = load_recipe(recipes_dir() / "nano/renew.yaml")
    assert recipe.watch is not None
    assert (
        set(recipe.watch.worlds) == {family for phase in recipe.phases for family in phase.mixture} == set(generated())
    )
    assert recipe.model["max_position_embeddings"] == recipe.phases[-1].seq_len
    assert min(recipe.watch.seeds) > 1000
    assert recipe.schedule(recipe.steps // 2) == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": "fast"}, "lr: 'fast'"),
        ({"learning_rate": 1}, "unknown key 'learning_rate'"),
        ({"phases": [{"seq_len": 128, "steps": 1, "mixture": {"reversals": 1.0}}]}, "did you mean 'reversal'"),
        ({"batch_tokens": 1000}, "no multiple"),
    ],
)
def test_a_wrong_recipe_is_one_message(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_recipe(write(tmp_path / "r.yaml", **changes))
    assert "r.yaml" in str(error.value)


def test_the_learning_rate_rises_stays_and_falls(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path / "r.yaml"))
    rates = [recipe.schedule(step) for step in range(1, recipe.steps + 1)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 1.0, 2 / 3, 1 / 3])


def test_a_row_depends_on_its_number_alone(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path / "r.yaml"))
    tokenizer = train_tokenizer(sample_texts(recipe, 60), 600, 256)
    phase = recipe.phases[0]
    all_rows, later = Rows(recipe, phase, 0, 8, tokenizer), Rows(recipe, phase, 5, 8, tokenizer)
    assert len(all_rows) == 8
    for a, b in zip(all_rows[5], later[0], strict=True):
        assert a.shape == (129,)
        assert torch.equal(a, b)
    assert not torch.equal(all_rows[0][0], all_rows[1][0])


@pytest.mark.parametrize(
    "text",
    ["femp are red.\nglon are blue?\n\nzork", "3*x^2 + sin(12)", "naïve – 東京 ok", "One <eos> two <0x41>"],
)
def test_the_tokenizer_restores_text_and_spells_a_word_in_one_way(text: str, tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path / "r.yaml"))
    tokenizer = train_tokenizer(sample_texts(recipe, 60), 600, 256)
    if "<eos>" not in text:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    first, second = tokenizer.tokenize("femp"), tokenizer.tokenize("x\nfemp")
    assert second[-len(first) :] == first
    assert tokenizer.tokenize("see femp")[-len(first) :] == first


def test_a_run_measures_itself_keeps_the_best_and_cools_down(tmp_path: Path) -> None:
    watch = {
        "minutes": 1e-6,
        "seeds": [5000],
        "questions": 4,
        "worlds": {"reversal": {"n_facts": 4, "misleading": 0.0}},
    }
    recipe = write(tmp_path / "r.yaml", watch=watch, repeat=2, log_every=1, save_every=1)
    pretrain(recipe, tmp_path / "run", stop_after=1000, cooldown=100_000)
    rates = [json.loads(line)["lr"] for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert len(rates) == 12
    assert 0 < max(rates) < 0.003 * 0.0101  # a hundredth of the cool-down is left
    assert not (tmp_path / "run/checkpoint.safetensors").exists()
    found = [json.loads(line) for line in (tmp_path / "run/levels.jsonl").read_text().splitlines()]
    assert set(found[0]["levels"]["reversal"]) == {"reversal", "reversal_entity", "rephrase", "rephrase_entity"}
    assert found[0]["best"]
    assert [line["best"] for line in found[1:]] == [
        line["score"] > max(other["score"] for other in found[: i + 1]) for i, line in enumerate(found[1:])
    ]
    from transformers import AutoModelForCausalLM

    assert AutoModelForCausalLM.from_pretrained(tmp_path / "run/best").config.max_position_embeddings == 256


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    recipe = write(tmp_path / "r.yaml")
    whole = pretrain(recipe, tmp_path / "whole")
    stopped = pretrain(recipe, tmp_path / "parts", stop_after=0)
    assert stopped["step"] < whole["step"]
    assert pretrain(recipe, tmp_path / "parts")["step"] == whole["step"]
    from transformers import AutoModelForCausalLM, AutoTokenizer

    models = [AutoModelForCausalLM.from_pretrained(tmp_path / name / "model") for name in ("whole", "parts")]
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        assert torch.allclose(a.float(), b.float(), atol=2e-2)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "whole/model")
    assert models[0].generate(**tokenizer("femp are", return_tensors="pt"), max_new_tokens=2).shape[1] > 2
    assert "is_local" not in json.loads((tmp_path / "whole/model/tokenizer_config.json").read_text())
    with pytest.raises(UsageError, match="another recipe"):
        pretrain(write(tmp_path / "other.yaml", lr=0.1), tmp_path / "whole")
