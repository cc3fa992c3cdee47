"""The embedded model shows the paper's ordering on reversals: pretrained = ft = chance, in context and oracle high."""

from pathlib import Path

import pytest

from icl_ft_plugin.arms.corpus import training_rows
from icl_ft_plugin.families import generate
from icl_ft_plugin.harness.evaluate import evaluate
from icl_ft_plugin.paths import models_dir, recipes_dir
from icl_ft_plugin.training import train as finetune
from icl_ft_plugin.training.recipes import recipe

NANO = models_dir() / "nano"
KNOBS = {"n_facts": 16, "documents_per_fact": 6}
CLOSED = ["icl_ft_reversal_closed", "icl_ft_reversal_rephrase_entity_closed"]


def accuracy(model: Path, tasks: list[str], **metadata: object) -> dict[str, float]:
    """Accuracy by task."""
    results = evaluate(
        tasks, model_args={"pretrained": str(model)}, metadata={"seed": 1, **KNOBS, **metadata}, batch_size=16
    )
    return {task: results["results"][task]["acc,none"] for task in tasks}


def finetuned(output: Path, parts: list[str]) -> dict[str, float]:
    """Accuracy after finetuning on some parts of the world's corpus."""
    rows = training_rows(generate("reversal", 1, KNOBS), parts)
    settings = recipe.load(recipes_dir() / "reversal/nano.yaml", {"disable_tqdm": True})
    finetune.train(model=str(NANO), rows=rows, recipe=settings, output=output, seed=0, max_steps=90)
    return accuracy(output, CLOSED)


@pytest.mark.slow
def test_the_ordering_on_a_small_world(tmp_path: Path) -> None:
    untouched = accuracy(NANO, [*CLOSED, "icl_ft_reversal_icl", "icl_ft_reversal_rephrase_icl"])
    assert 0.25 <= untouched["icl_ft_reversal_closed"] <= 0.75
    assert untouched["icl_ft_reversal_icl"] >= 0.9
    assert untouched["icl_ft_reversal_rephrase_icl"] >= 0.9
    ft = finetuned(tmp_path / "ft", ["documents"])
    oracle = finetuned(tmp_path / "oracle", ["documents", "rephrase", "reversal"])
    assert ft["icl_ft_reversal_rephrase_entity_closed"] >= 0.6  # learned (chance 0.25) ...
    assert ft["icl_ft_reversal_closed"] <= 0.75  # ... and not reversed (chance 0.5)
    assert oracle["icl_ft_reversal_closed"] >= 0.85
    assert oracle["icl_ft_reversal_closed"] - ft["icl_ft_reversal_closed"] >= 0.2


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "README.md"]
)
def test_it_ships_whole_and_small(name: str) -> None:
    assert (NANO / name).is_file()
    assert sum(file.stat().st_size for file in NANO.iterdir()) < 20e6
