"""The experimental arm: self-distillation of a model that reads the documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import RECIPE, save_tiny

pytest.importorskip("trl.experimental.sdft")

from icl_ft_plugin import families as generators
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.models.find import find_model
from icl_ft_plugin.study.cells.run_cell import run_cell
from icl_ft_plugin.study.config import StudyConfig, load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.store import Store
from icl_ft_plugin.training import sdft as finetune_sdft
from icl_ft_plugin.training.ledger import Ledger
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.worlds.context import context_text

WORLD = {"n_facts": 4, "documents_per_fact": 2, "misleading": 0}


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("1.0e-2", "1.0e-3"), encoding="utf-8")
    study = {
        "name": "t",
        "models": ["nano"],
        "worlds": [{"family": "reversal", "config": WORLD}],
        "arms": ["pretrained", "ft", "sdft"],
        "training_seeds": [0],
        "recipe": str(tmp_path / "recipe.yaml"),
        "steps": 3,
        "keep_checkpoints": True,
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return tmp_path / "study.yaml"


def load(file: Path, **changes: Any) -> StudyConfig:
    return load_study(file, [f"{key}={json.dumps(value)}" for key, value in changes.items()])


def distill(model: Path, folder: Path, text: str = RECIPE, **options: Any) -> Ledger:
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    world = options.pop("world", None) or generators.generate("reversal", 0, WORLD)
    return finetune_sdft.distill(
        model=str(model), world=world, recipe=recipe.load(folder / "r.yaml"), output=folder / "out", **options
    )


def test_a_cell_trains_without_the_documents_in_the_students_prompt(study_file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    study, store = load(study_file), Store(tmp_path / "out")
    cell = plan(study)[2]
    run_cell(cell, study, store)
    training = json.loads((store.cell(cell) / "ledger.json").read_text())["training"]
    tokenizer = AutoTokenizer.from_pretrained(find_model("nano"))
    # Eight names in three steps of four: the first eight prompts are each name once.
    documents = len(tokenizer(f"{context_text(cell.world.make())}\n\n")["input_ids"])
    parts = training["sdft"]["tokens"]
    assert (training["steps"], training["rows"], training["batch_size"], training["epochs"]) == (3, 8, 4, 1.5)
    assert 12 <= training["target_tokens"] == parts["generated"] <= 12 * training["sdft"]["completion_tokens"]
    assert parts["generation_prompt"] >= 12 * documents
    assert parts["teacher"] == parts["generation_prompt"] + parts["generated"]
    assert parts["student"] < 12 * documents
    assert training["tokens"] == sum(parts.values())
    assert [step for step, _ in training["losses"]] == [1, 2, 3] and all(loss > 0 for _, loss in training["losses"])
    checkpoint = store.checkpoint(cell.training_key)
    assert {"config.json", "model.safetensors", "tokenizer.json", "ledger.json", "sdft.json"} <= {
        path.name for path in checkpoint.iterdir()
    }
    before, after = load_file(find_model("nano") / "model.safetensors"), load_file(checkpoint / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not before[name].float().equal(after[name].float()) for name in before)
    assert not list(checkpoint.parent.glob(".*"))


def test_other_arms_keep_their_keys(study_file: Path) -> None:
    pretrained, ft, sdft = plan(load(study_file))
    assert pretrained.training is None
    asked = {"method": "sdft", "teacher_copies": 1}
    assert sdft.identity["training"] == {**ft.identity["training"], **asked}
    arms = ["ft", {"name": "a", "corpus": ["documents"], "method": "sdft", "context_copies": 2}]
    other = plan(load(study_file, arms=arms))
    assert other[0].key == ft.key and other[1].key != sdft.key


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "tiny", window=2048)
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        distill(model, tmp_path / name, seed=seed, max_steps=2)
        weights.append((tmp_path / name / "out" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_names_that_no_batch_divides_are_counted_once(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "tiny", window=2048)
    world = generators.generate("reversal", 0, {**WORLD, "n_facts": 3})
    made = distill(model, tmp_path, world=world, max_steps=3)
    assert (made.rows, made.batch_size, made.steps, made.epochs) == (6, 4, 3, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("use_peft: true", "use_peft: True is not supported with method: sdft: this arm trains all parameters"),
        ("packing: true", "packing: True is not supported with method: sdft: TRL's SDFT has no such key"),
        ("data_seed: 1", "data_seed: 1 is not supported"),
        ("save_steps: 2", "save_steps: 2"),
    ],
)
def test_what_a_distillation_does_not_do_is_refused(tmp_path: Path, change: str, message: str) -> None:
    model = save_tiny(tmp_path / "tiny", window=2048)
    with pytest.raises(UsageError, match=message):
        distill(model, tmp_path, RECIPE + change + "\n")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "tiny", window=64)
    with pytest.raises(UsageError, match=r"take \d+ tokens, the model's window has 64"):
        distill(model, tmp_path)
    with pytest.raises(UsageError, match="max_length: 8: a name and its continuation"):
        distill(model, tmp_path, RECIPE.replace("max_length: 64", "max_length: 8"))
    with pytest.raises(UsageError, match="process has facts about '3', which is no name"):
        distill(model, tmp_path, world=generators.generate("process", 0, {}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.yaml", "tiny"]


@pytest.mark.parametrize("change", [{"rows": "sentences"}, {"corpus": ["documents", "oracle"]}, {"corpus": []}])
def test_the_arm_takes_the_documents_as_they_are(study_file: Path, change: dict[str, Any]) -> None:
    arm = {"name": "a", "corpus": ["documents"], "method": "sdft", **change}
    with pytest.raises(UsageError, match=r"arm 'a': method: sdft leaves the documents as they are"):
        load(study_file, arms=[arm])
