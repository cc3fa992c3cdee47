"""The axes of a study's grid beyond worlds, arms and seeds: own settings of an entry of worlds, hyper-parameters, baselines."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml
from tiny import RECIPE, save_tiny

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.paths import recipes_dir
from icl_ft_plugin.report.html.page import render
from icl_ft_plugin.report.store.read import read_study, together
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.study.config import StudyConfig, load_study
from icl_ft_plugin.study.estimate.cost import Estimator
from icl_ft_plugin.study.estimate.table import lines, table
from icl_ft_plugin.study.plan import Cell, plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.worlds.baselines import score


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "other.yaml").write_text(RECIPE.replace("max_length: 64", "max_length: 128"))
    study = {
        "name": "t",
        "models": [str(save_tiny(folder / "tiny", window=256))],
        "worlds": [
            {"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 1, "misleading": 0}},
            {
                "family": "reversal",
                "config": {"n_facts": 5, "documents_per_fact": 1, "misleading": 0},
                "name": "five",
                "arms": ["pretrained", {"name": "all", "corpus": ["documents"], "rows": "completion"}],
                "recipe": str(folder / "other.yaml"),
                "recipe_overrides": {"learning_rate": 0.5},
                "steps": 7,
                "augmentation": {"copies": 3},
            },
        ],
        "arms": ["pretrained", "ft"],
        "recipe": str(folder / "recipe.yaml"),
        "recipe_overrides": {"learning_rate": 0.25, "weight_decay": 0.1},
        "steps": 3,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder / "study.yaml"


HYPER = [
    {"name": "cold", "recipe_overrides": {"learning_rate": 0.0001}},
    {"name": "hot", "recipe_overrides": {"learning_rate": 0.01}, "steps": 5},
]


def load(file: Path, **changes: Any) -> StudyConfig:
    return load_study(file, [f"{key}={json.dumps(value)}" for key, value in changes.items()])


def trained(study: StudyConfig) -> list[Cell]:
    return [cell for cell in plan(study) if cell.training]


def test_an_entry_of_worlds_has_its_own_arms_and_training(study_file: Path) -> None:
    study = load(study_file)
    assert [str(cell).split(" ", 1)[1] for cell in plan(study)] == [
        "reversal seed 0, pretrained",
        "reversal seed 0, ft, training seed 0",
        "five seed 0, pretrained",
        "five seed 0, all, training seed 0",
    ]
    first, second = trained(study)
    assert first.training and second.training
    keys = ("learning_rate", "weight_decay", "max_length")
    rows = [(*map(c.recipe.values.get, keys), c.steps) for c in (first.training, second.training)]
    assert rows == [(0.25, 0.1, 64, 3), (0.5, 0.1, 128, 7)]
    assert (first.settings.copies, second.settings.copies) == (0, 3)
    assert (first.training.recipe.path.name, second.training.recipe.path.name) == ("recipe.yaml", "other.yaml")


def test_what_an_entry_repeats_of_its_study_makes_no_other_cell(study_file: Path) -> None:
    plain = {cell.key for cell in plan(load(study_file))}
    repeated = {
        "worlds.0.steps": 3,
        "worlds.0.arms": ["pretrained", "ft"],
        "worlds.0.recipe_overrides": {"weight_decay": 0.1},
    }
    assert {cell.key for cell in plan(load(study_file, **repeated))} == plain
    one = [{"name": "as it is"}]
    assert {cell.key for cell in plan(load(study_file, hyperparameters=one))} == plain


def test_tracking_makes_no_other_cell(study_file: Path) -> None:
    plain = [cell.key for cell in plan(load(study_file))]
    tracked = {
        "recipe_overrides.report_to": "tensorboard",
        "recipe_overrides.run_name": "x",
        "recipe_overrides.project": "y",
    }
    study = load(study_file, **tracked)
    assert [cell.key for cell in plan(study)] == plain
    training = trained(study)[0].training
    assert training and training.recipe.values["report_to"] == "tensorboard"  # it is trained with
    assert [cell.key for cell in plan(load(study_file, **{"recipe_overrides.weight_decay": 0.2}))] != plain


def test_hyperparameters_are_an_axis_of_the_trained_arms(study_file: Path) -> None:
    cells = plan(load(study_file, hyperparameters=HYPER, **{"worlds.1.name": "b"}))
    assert [str(cell).split(" ", 1)[1] for cell in cells[:3]] == [
        "reversal seed 0, pretrained",
        "reversal seed 0, ft, cold, training seed 0",
        "reversal seed 0, ft, hot, training seed 0",
    ]
    trainings = [cell.training for cell in cells]
    rates = [training and (training.recipe.values["learning_rate"], training.steps) for training in trainings]
    assert rates[:3] == [None, (0.0001, 3), (0.01, 5)]
    assert [training and training.steps for training in trainings[3:]] == [None, 7, 5]  # of the worlds, in their place
    assert len({cell.key for cell in cells}) == len(cells) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hyperparameters": [{"name": "a"}, {"name": "b"}]}, "duplicate cell"),
        ({"hyperparameters": [{"name": "a"}, {"name": "a"}]}, r"hyperparameters: 'a' stands there twice"),
        ({"hyperparameters": [{"nam": "a"}]}, r"unknown key 'hyperparameters\[0\]\.nam'.*did you mean 'name'"),
        ({"worlds.1.arms": ["ft", "ft"]}, r"worlds\[1\]\.arms: 'ft' stands there twice"),
        ({"worlds.1.arms": ["tf"]}, "no arm 'tf'"),
        ({"worlds.1.arms": [{"name": "x", "corps": []}]}, r"worlds\[1\]\.arms\[0\]\.corps.*did you mean 'corpus'"),
        ({"worlds.1.steps": 0}, r"worlds\[1\]\.steps: 0"),
        ({"worlds.1.augmentation": {"prompts": {"local": "none-such"}}}, "none-such"),
        ({"arms": [{"name": "x", "baseline": "cooccurrence", "corpus": ["documents"]}]}, "nothing is trained"),
        ({"curve_every": 0}, "curve_every"),
    ],
)
def test_what_is_wrong_is_named(study_file: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(load(study_file, **changes))


def test_a_recipe_is_missed_only_where_an_arm_is_trained(study_file: Path) -> None:
    assert plan(load(study_file, recipe=None, **{"worlds.0.arms": ["pretrained"]}))
    with pytest.raises(UsageError, match="recipe is missing"):
        load(study_file, recipe=None)


@pytest.fixture(scope="module")
def done(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "out"
    arms = ["pretrained", "cooccurrence-baseline", "ft"]
    study = load(study_file, hyperparameters=HYPER, arms=arms, **{"worlds.1.arms": ["pretrained"]})
    run_study(study, folder, lambda text, done, total: None)
    return folder


def test_two_learning_rates_are_never_pooled(done: Path) -> None:
    study = read_study(done)
    blocks = build_blocks(study)
    assert [block.worlds for block in blocks] == ["reversal, cold", "reversal, hot", "five"]
    for block in blocks[:2]:
        assert block.arms == ["pretrained", "cooccurrence-baseline", "ft"]
        assert block.accuracy["ft", "reversal"].n == 4  # one run of four questions, not two
    cells = together(study)
    first, second = (cells["tiny", block.worlds][-1] for block in blocks[:2])
    assert first.folder != second.folder and [
        c.ledger.training and c.ledger.training.steps for c in (first, second)
    ] == [3, 5]
    assert cells["tiny", "reversal, cold"][0] is cells["tiny", "reversal, hot"][0]
    assert "reversal, hot" in render(study, blocks)


def test_a_baseline_answers_as_it_does_by_itself(done: Path) -> None:
    study = read_study(done)
    (cell,) = (cell for cell in study.cells if cell.labels.arm == "cooccurrence-baseline")
    config = json.loads((cell.folder / "config.json").read_text())
    world = plan_of(config)[0].world.make()
    for split, expected in score(world, "cooccurrence").items():
        found = [item.correct for item in cell.items if item.split == split]
        assert len(found) == 4
        # The baseline's accuracy is expected over its guesses; here it guesses once.
        tied = [item for item in cell.items if item.split == split and len({round(s, 6) for s in item.scores}) == 1]
        assert abs(sum(found) / 4 - expected) <= len(tied) / 4
    assert cell.ledger.evaluation.prompt_tokens == 0


def test_estimates_are_what_the_ledgers_say(study_file: Path, done: Path) -> None:
    study = load(study_file, hyperparameters=HYPER, **{"worlds.1.arms": ["pretrained"]})
    cells = plan(study)
    ahead = Estimator([]).costs(cells)
    for cost in ahead:
        ledger = json.loads((done / "cells" / cost.cell.key / "ledger.json").read_text())
        assert cost.trained == (ledger["training"] or {"tokens": 0})["tokens"] and not cost.done and not cost.estimated
        assert cost.prompts == ledger["evaluation"]["prompt_tokens"]
    assert table(ahead)[-1][:3] == ("all", "4", "4") and float(table(ahead)[-1][-1]) >= 0
    after = Estimator([done])
    assert all(cost.done and not cost.seconds for cost in after.costs(cells))
    measured = Estimator([done], own=False)
    trained = [cost for cost in measured.costs(cells) if cost.trained]
    ledgers = [json.loads((done / "cells" / c.cell.key / "ledger.json").read_text())["training"] for c in trained]
    rate = median(ledger["tokens"] / ledger["seconds"] for ledger in ledgers)
    for cost in trained:
        assert cost.trained and cost.seconds["train"] == pytest.approx(cost.trained / rate, rel=1e-3)
    assert any("reversal: measured, 2 times" in line for line in lines(measured.costs(cells), measured.rates))


def plan_of(config: dict[str, Any]) -> list[Cell]:
    """Return a cell of the world that a cell's config names."""
    world = {
        "family": config["world"]["family"],
        "config": config["world"]["config"],
        "seeds": [config["world"]["seed"]],
    }
    study = {"name": "w", "models": ["nano"], "worlds": [world], "arms": [{"name": "pretrained"}]}
    return plan(StudyConfig.model_validate(study))


def test_the_whole_study_has_the_papers_sizes_and_arms() -> None:
    study = load_study(Path("paper"))
    sizes = {"reversal": 1000, "syllogism": 69, "celebrity": 3600, "semantic": 2200}
    for worlds in study.worlds:
        assert len(worlds.seeds) >= 3 and worlds.recipe
        if worlds.label in sizes:
            assert not {**worlds.config, "misleading": 0}.keys() - {"misleading"}
    assert {worlds.label for worlds in study.worlds} >= {*sizes, "process"} and len(study.training_seeds) >= 3
    arms = {arm.name for arm in study.arms}
    assert arms >= {"pretrained", "icl", "ft", "ft+local", "ft+global", "ft+local+global", "ft+oracle"}
    small = load_study(
        recipes_dir() / "studies" / "paper.yaml",
        ["worlds=[{family: reversal, config: {misleading: 0}, recipe: reversal/full.yaml}]"],
    )
    assert len(plan(small)[0].world.make().documents) == sizes["reversal"]
    assert len(plan(small)) == 2 + 3 + 5 * 3  # icl in three orders of the documents
