from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from icl_ft_plugin.arms.named import arm
from icl_ft_plugin.augment.folder import make_folder
from icl_ft_plugin.augment.run import rule_based
from icl_ft_plugin.augment.settings import Settings
from icl_ft_plugin.augment.statements import Statement
from icl_ft_plugin.study.config import StudyConfig
from icl_ft_plugin.study.estimate.cost import SAMPLE, Estimator
from icl_ft_plugin.study.estimate.rates import DEFAULT, PARAMETERS, Measured, Rates, parameters_of
from icl_ft_plugin.study.estimate.table import lines
from icl_ft_plugin.study.plan import Cell, plan


def cells_of(arms: list[str], n_facts: int = 4, **study: object) -> list[Cell]:
    world = {"family": "reversal", "config": {"n_facts": n_facts, "documents_per_fact": 2, "misleading": 0}}
    config = {"name": "t", "models": ["nano"], "worlds": [world], "arms": [arm(name).model_dump() for name in arms]}
    return plan(
        StudyConfig.model_validate(
            {**config, "recipe": "reversal/nano.yaml", "steps": 10, "context_seeds": [0], **study}
        )
    )


MEASURED = [
    Measured("train", "a", 1000, "reversal", 600, 2.0),
    Measured("train", "a", 1000, "reversal", 200, 2.0),
    Measured("train", "a", 1000, "process", 500, 1.0),
    Measured("icl", "b", 4000, "reversal", 90, 3.0),
]


def test_a_rate_is_of_the_nearest_measurement() -> None:
    rates = Rates(MEASURED)
    found = rates.find("train", "a", 1000, "reversal")
    assert found.tokens_per_second == 200 and found.source == "measured, 2 times"
    found = rates.find("train", "a", 1000, "semantic")
    assert found.tokens_per_second == 300 and "process, reversal" in found.source
    found = rates.find("icl", "a", 1000, "reversal")
    assert found.tokens_per_second == pytest.approx(120) and "scaled" in found.source  # a fourth of b's size
    found = rates.find("closed", "a", PARAMETERS // 2, "reversal")
    assert found.tokens_per_second == pytest.approx(2 * DEFAULT["closed"]) and "not measured here" in found.source


def test_parameters_are_counted_without_loading(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3, 5), "b": torch.zeros(7)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert parameters_of(tmp_path) == 22
    assert parameters_of(tmp_path / "lost") == PARAMETERS == parameters_of(cells_of(["pretrained"])[0].model.path)


def test_shared_work_is_counted_once() -> None:
    cells = cells_of(["ft+local", "ft+local+global"], training_seeds=[0, 1])
    costs = Estimator([]).costs(cells)
    assert [sorted(cost.written) for cost in costs] == [["local"], [], ["global"], []]
    again = replace(cells[0], key="another", tasks={"reversal": cells[0].tasks["reversal"]})
    first, second = Estimator([]).costs([cells[0], again])
    assert first.seconds.keys() == {"closed", "local", "train"} and second.seconds.keys() == {"closed"}
    assert second.prompts < first.prompts


def test_what_a_model_has_written_is_counted_and_what_not_is_estimated(tmp_path: Path) -> None:
    (cell,) = cells_of(["ft+local"])
    (ahead,) = Estimator([]).costs([cell])
    assert ahead.estimated and ahead.written["local"] > 0
    assert any(line.split()[-1].startswith("~") for line in lines([ahead], {}))
    text = "glon are less dangerous than femp and it is so long a statement that the mean of all rows is higher by it."
    statements = [Statement(text, "", None, "local", *[None] * 4)] * 40
    made = replace(rule_based(cell.world.make(), "none"), statements=statements)
    make_folder(tmp_path / "augmentations" / cell.writings["local"].key, lambda journal: made)
    (known,) = Estimator([tmp_path], own=False).costs([replace(cell, settings=Settings(deduplicate=False))])
    assert not known.estimated and not known.written and known.trained and ahead.trained
    assert known.trained > 1.5 * ahead.trained


def test_many_rows_are_counted_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = cells_of(["ft"], n_facts=60)
    (exact,) = Estimator([]).costs([cell])
    monkeypatch.setattr("icl_ft_plugin.study.estimate.cost.SAMPLE", 10)
    (sampled,) = Estimator([]).costs([cell])
    assert SAMPLE > 120 and not exact.estimated and sampled.estimated
    assert exact.trained and sampled.trained == pytest.approx(exact.trained, rel=0.15)


def test_epochs_packing_and_several_processes(tmp_path: Path) -> None:
    (cell,) = cells_of(["ft"])
    (plain,) = Estimator([]).costs([cell])  # 10 steps of 16 rows, of which there are 8
    assert plain.trained and plain.trained % 10 == 0
    once = plain.trained // 10
    assert cell.training
    training, values = cell.training, {**cell.training.recipe.values}
    values.pop("max_steps", None)

    def changed(keys: dict[str, Any], **how: Any) -> Cell:
        recipe = replace(training.recipe, values={**values, **keys})
        return replace(cell, training=replace(training, recipe=recipe, **how))

    by_epochs = changed({"num_train_epochs": 2.0, "per_device_train_batch_size": 3}, steps=None)
    packed = changed({"packing": True, "max_length": 64, "per_device_train_batch_size": 1})
    wide = changed({"per_device_train_batch_size": 2}, launch={"num_processes": 2})
    costs = Estimator([]).costs([by_epochs, packed, wide])
    assert [cost.trained for cost in costs][::2] == [2 * once, 5 * once]
    sequences = -(-once // 64)
    assert costs[1].trained == int(once * (10 // sequences + 10 % sequences / sequences))


def test_the_self_distilled_arm_is_not_estimated() -> None:
    costs = Estimator([]).costs(cells_of(["sdft", "ft"]))
    assert costs[0].trained is None
    text = "\n".join(lines(costs, {}))
    assert "+ ?" in text and "sdft is not estimated" in text


def test_a_model_that_cannot_share_is_estimated_at_the_rate_without(tmp_path: Path) -> None:
    from prefix_models import tiny_model, tiny_tokenizer

    (shared,) = Estimator([]).costs(cells_of(["icl"]))
    assert shared.unshared is None and shared.seconds.keys() == {"icl"}
    folder = tmp_path / "mamba"
    tiny_model("mamba").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    (cell,) = cells_of(["icl"], models=[str(folder)])
    estimator = Estimator([])
    (cost,) = estimator.costs([cell])
    assert cost.seconds.keys() == {"icl unshared"} and DEFAULT["icl unshared"] < DEFAULT["icl"] / 5
    text = "\n".join(lines([cost], estimator.rates))
    assert "mamba: prefixes are not shared: MambaForCausalLM keeps a state" in text


def test_a_model_whose_cells_ran_without_sharing_is_estimated_so(tmp_path: Path) -> None:
    (cell,) = cells_of(["icl"])
    folder = tmp_path / "cells" / "other"
    folder.mkdir(parents=True)
    config = {
        "identity": {"training": {"model": cell.model.hash, "augmentations": {}}},
        "labels": {"family": "reversal"},
        "model": str(cell.model.path),
        "arm": {"condition": "icl"},
    }
    result = {"total_evaluation_time_seconds": "4.0", "config": {"prefix_sharing": "stock"}}
    files = {"config": config, "ledger": {"training": None, "evaluation": {"prompt_tokens": 100}}, "results_1": result}
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    (cost,) = Estimator([tmp_path], own=False).costs([cell])
    assert cost.unshared == "so it was in cells that were run"
    assert cost.seconds == {"icl unshared": pytest.approx(cost.prompts / 25)}
    (folder / "results_1.json").write_text(json.dumps({**result, "config": {"prefix_sharing": "packed"}}))
    (cost,) = Estimator([tmp_path], own=False).costs([cell])
    assert cost.unshared is None and cost.seconds == {"icl": pytest.approx(cost.prompts / 25)}


def test_a_broken_cell_measures_nothing(tmp_path: Path) -> None:
    cell = tmp_path / "cells" / "abc"
    cell.mkdir(parents=True)
    (cell / "ledger.json").write_text("{")
    (cell / "config.json").write_text(json.dumps({"arm": {}}))
    assert Rates.of([tmp_path]).find("train", "a", PARAMETERS, "reversal").tokens_per_second == DEFAULT["train"]


def test_what_was_written_for_cells_that_are_not_there_yet_is_of_its_family(tmp_path: Path) -> None:
    written = tmp_path / "augmentations" / "abc"
    written.mkdir(parents=True)
    identity = {"strategy": "local", "model": "a"}
    for name, value in {
        "augmentation": {"identity": identity},
        "timing": {"seconds": 2.0, "generated_tokens": 100},
        "audit": {"family": "syllogism"},
    }.items():
        (written / f"{name}.json").write_text(json.dumps(value))
    rates = Rates.of([tmp_path])
    assert rates.find("local", "a", PARAMETERS, "syllogism").source == "measured, 1 time"
    assert rates.find("local", "a", PARAMETERS, "reversal").source.endswith("on other families (syllogism)")
    cell = tmp_path / "cells" / "c"
    cell.mkdir(parents=True)
    training = {"model": "a", "augmentations": {}}
    config = {"identity": {"training": training}, "labels": {"family": "reversal"}, "model": str(tmp_path)}
    save_file({"weight": torch.zeros(10)}, tmp_path / "model.safetensors")
    (cell / "config.json").write_text(json.dumps({**config, "arm": {"baseline": "x"}}))
    (written / "timing.json").write_text(json.dumps({"seconds": 1.0, "generated_tokens": 100}))
    other = Rates.of([tmp_path]).find("local", "b", 20, "syllogism")
    assert other.tokens_per_second == 50  # of a model twice as large
