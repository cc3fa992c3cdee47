from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import RECIPE, ROWS, save_tiny

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.study.config import StudyConfig, load_study
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study
from icl_ft_plugin.training import train as finetune
from icl_ft_plugin.training.curve import Curve, Watch
from icl_ft_plugin.training.recipes import recipe

CURVE = Curve(
    ["icl_ft_reversal_closed", "icl_ft_reversal_rephrase_closed"],
    {"seed": 0, "n_facts": 4, "documents_per_fact": 1},
    every=2,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny", window=256)
    config = json.loads((folder / "config.json").read_text())
    # A model left in evaluation mode, or random numbers drawn by the scoring, would change the weights.
    (folder / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.2}))
    return folder


def train(model: Path, folder: Path, curve: Curve | None = None, **overrides: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    loaded = recipe.load(folder / "recipe.yaml", overrides)
    finetune.train(model=str(model), rows=ROWS, recipe=loaded, output=folder / "out", curve=curve)
    return folder / "out"


def points(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_the_weights_are_those_of_a_run_without_a_curve(model: Path, tmp_path: Path) -> None:
    plain, watched = train(model, tmp_path / "plain"), train(model, tmp_path / "watched", CURVE)
    assert (plain / "model.safetensors").read_bytes() == (watched / "model.safetensors").read_bytes()
    first, second = (json.loads((folder / "ledger.json").read_text()) for folder in (plain, watched))
    changing = ("seconds", "tokens_per_second")
    assert {**first, **dict.fromkeys(changing)} == {**second, **dict.fromkeys(changing)}
    assert [(point["step"], point["split"]) for point in points(watched)] == [
        (step, split) for step in (0, 2, 4, 6) for split in ("reversal", "rephrase")
    ]
    assert all(0 <= point["accuracy"] <= 1 and point["questions"] == 4 for point in points(watched))
    assert not (plain / "curve.jsonl").exists()


def test_a_run_that_was_killed_neither_loses_nor_doubles_points(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curve = Curve(CURVE.tasks[:1], CURVE.metadata, every=1, questions=3)
    saving = {"save_strategy": "steps", "save_steps": 2}
    whole = train(model, tmp_path / "whole", curve, **saving)
    ask, asked = Watch._ask, []

    def ask_until_killed(watch: Watch, model: Any) -> Any:
        asked.append(len(asked))
        if len(asked) == 6:  # after the checkpoint of step 4, before the point of step 5
            raise KeyboardInterrupt
        return ask(watch, model)

    monkeypatch.setattr(Watch, "_ask", ask_until_killed)
    with pytest.raises(KeyboardInterrupt):
        train(model, tmp_path / "killed", curve, **saving)
    work = tmp_path / "killed" / ".out.partial"
    left = points(work)
    assert [point["step"] for point in left] == [0, 1, 2, 3, 4]
    later = [*left, {**left[-1], "step": 5, "accuracy": 9.0}]  # as if it had been killed one step later
    (work / "curve.jsonl").write_text("".join(f"{json.dumps(point)}\n" for point in later))
    resumed = train(model, tmp_path / "killed", curve, **saving)
    assert points(resumed) == points(whole) and [point["step"] for point in points(whole)] == [*range(7)]
    assert points(whole)[0]["questions"] == 3
    assert len(asked) == 6 + 2  # steps 5 and 6 of the second run


@pytest.mark.slow
def test_scoring_is_not_counted_as_training(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_slowly(watch: Watch, model: Any) -> dict[str, list[float]]:
        time.sleep(2)
        return {"reversal": [1.0]}

    monkeypatch.setattr(Watch, "_ask", ask_slowly)
    begun = time.perf_counter()
    out = train(model, tmp_path, Curve(CURVE.tasks, CURVE.metadata, every=3))  # steps 0, 3 and 6
    counted = json.loads((out / "ledger.json").read_text())["seconds"]
    assert 0 < counted < time.perf_counter() - begun - 5.5


def test_several_processes_are_refused(tmp_path: Path) -> None:
    class Trainer:
        class args:
            world_size = 2

    with pytest.raises(UsageError, match="one process"):
        Watch(CURVE, Trainer(), tmp_path / "curve.jsonl")


def test_a_study_writes_curves_and_no_other_cells(model: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    study = {
        "name": "t",
        "models": [str(model)],
        "worlds": [{"family": "reversal", "config": {"n_facts": 4, "documents_per_fact": 1}}],
        "arms": ["pretrained", "ft"],
        "recipe": str(tmp_path / "recipe.yaml"),
        "steps": 5,
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    plain = load_study(tmp_path / "study.yaml")
    watched = load_study(tmp_path / "study.yaml", ["curve_every=2", "curve_questions=3"])
    assert [cell.key for cell in plan(plain)] == [cell.key for cell in plan(watched)]
    trained = plan(plain)[1].training
    assert trained is not None and trained.steps == 5
    out = tmp_path / "out"
    run_quietly(watched, out)
    pretrained, ft = plan(watched)
    assert not (out / "cells" / pretrained.key / "curve.jsonl").exists()
    found = points(out / "cells" / ft.key)
    assert sorted({point["step"] for point in found}) == [0, 2, 4, 5]
    assert {point["split"] for point in found} == set(ft.tasks)
    # The last point is what the cell scores: the first three questions of each split.
    for split, task in ft.tasks.items():
        (file,) = (out / "cells" / ft.key).rglob(f"samples_{task}_2*.jsonl")
        samples = sorted(map(json.loads, file.read_text().splitlines()), key=lambda sample: sample["doc_id"])
        (last,) = (point for point in found if point["step"] == 5 and point["split"] == split)
        assert last["accuracy"] == pytest.approx(sum(sample["acc"] for sample in samples[:3]) / 3)


def run_quietly(study: StudyConfig, folder: Path) -> None:
    run_study(study, folder, lambda text, done, total: None)
