"""One model scores the same from its folder, from memory and as an adapter on its base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import PAIRS
from transformers import AutoModelForCausalLM, AutoTokenizer

import icl_ft_plugin as icl_ft
from icl_ft_plugin.harness.loaded import arguments_of, loaded
from icl_ft_plugin.paths import models_dir

KNOBS = {"seed": 0, "n_facts": 4}
LORA = {"use_peft": True, "lora_r": 2, "lora_target_modules": ["all-linear"], "max_steps": 2}


def scores(model: Any, tokenizer: Any = None) -> list[list[float]]:
    found = icl_ft.evaluate("icl_ft_reversal_closed", model=model, tokenizer=tokenizer, metadata=KNOBS)
    return icl_ft.items(found)["scores"].tolist()


def test_a_folder_a_name_and_a_model_in_memory_score_the_same() -> None:
    nano = models_dir() / "nano"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(nano), AutoTokenizer.from_pretrained(nano)
    named = scores("nano")
    assert len(named) == 4 and len(set(named[0])) == 2
    assert scores(nano) == named == scores(model, tokenizer) == scores(loaded(model, tokenizer))


def test_an_adapter_is_scored_on_its_base(model: str, path: Path, tmp_path: Path) -> None:
    icl_ft.train(model, PAIRS, recipe=path, output=tmp_path / "lora", overrides=LORA)
    assert arguments_of(tmp_path / "lora") == {"pretrained": model, "peft": str(tmp_path / "lora")}
    assert scores(tmp_path / "lora") != scores(model)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nanno", "did you mean 'nano'"),
        (3, "int is neither a folder, a model of transformers nor an lm-eval LM"),
    ],
)
def test_what_is_no_model_is_refused(given: Any, said: str) -> None:
    with pytest.raises(icl_ft.UsageError, match=said):
        icl_ft.evaluate("icl_ft_reversal_closed", model=given, metadata=KNOBS)


def test_a_model_in_memory_needs_its_tokenizer(model: str) -> None:
    with pytest.raises(icl_ft.UsageError, match="tokenizer: a model in memory brings none"):
        scores(AutoModelForCausalLM.from_pretrained(model))
