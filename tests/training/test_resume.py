from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import RECIPE, ROWS
from training.test_train import LORA, SOURCE, train

from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.training import ledger
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.recipes.recipe import Recipe


def checkpointed(path: Path, steps: int, **values: Any) -> Recipe:
    path.write_text(RECIPE.replace('save_strategy: "no"', "save_strategy: steps\nsave_steps: 2"), encoding="utf-8")
    return recipe.load(path, {"max_steps": steps, **values})


class Stop(Exception):
    """Stands for a kill at a step."""


def interrupted(model: str, given: Recipe, output: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train up to a step and stop as a kill would: no clean-up runs."""
    from icl_ft_plugin.training.meter import Meter

    def stop(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == at:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Meter, "on_step_begin", stop, raising=False)
        with pytest.raises(Stop):
            train(model, given, output)
    return output.parent / f".{output.name}.partial" / "checkpoints"


def test_resume_goes_on_to_the_same_bytes_and_counts(
    model: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = checkpointed(path, 8)
    whole = train(model, given, tmp_path / "whole")
    folder = interrupted(model, given, tmp_path / "ft", 5, monkeypatch)
    assert sorted(path.name for path in folder.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    made = train(model, given, tmp_path / "ft")
    assert (tmp_path / "ft/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert made.resumed_at == (4,)
    assert whole.resumed_at == ()
    for name in ("tokens", "target_tokens", "losses", "steps", "epochs"):
        assert getattr(made, name) == getattr(whole, name), name
    assert not folder.exists()


@pytest.mark.parametrize("steps", [2, 6])
def test_a_kill_behind_the_last_checkpoint_adds_no_step(
    model: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    given = checkpointed(path, steps)
    whole = train(model, given, tmp_path / "whole")

    def stop(*_: Any) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("icl_ft_plugin.training.run.save", stop)
        with pytest.raises(Stop):
            train(model, given, tmp_path / "ft")
    made = train(model, given, tmp_path / "ft")
    assert (made.resumed_at, made.steps, made.losses) == ((steps,), steps, whole.losses)
    assert (made.tokens, made.epochs) == (whole.tokens, whole.epochs)
    assert (tmp_path / "ft/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


def test_what_a_kill_left_while_the_result_was_written_is_cleared(model: str, path: Path, tmp_path: Path) -> None:
    draft = tmp_path / ".ft.partial" / ".ft-x7k2"
    draft.mkdir(parents=True)
    (draft / "model.safetensors").write_bytes(b"half")
    train(model, path, tmp_path / "ft")
    assert not draft.parent.exists() and ledger.read(tmp_path / "ft").resumed_at == ()


def test_resume_from_an_older_checkpoint_when_the_newest_is_damaged(
    model: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = checkpointed(path, 8)
    train(model, given, tmp_path / "whole")
    folder = interrupted(model, given, tmp_path / "ft", 5, monkeypatch)
    # Without this file the trainer would go on without an error, with fresh moments, to other weights.
    (folder / "checkpoint-4" / "optimizer.pt").unlink()
    made = train(model, given, tmp_path / "ft")
    assert made.resumed_at == (2,)
    assert "optimizer.pt is missing" in caplog.text
    assert (tmp_path / "ft/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"values": {"per_device_train_batch_size": 2}}, "overrides, recipe_sha256"),
        ({"rows": ROWS[:11]}, "corpus_sha256"),
        ({"seed": 9}, "seeds"),
        ({"max_steps": 10}, "max_steps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_checkpoints_of_another_run_are_refused(
    model: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], named: str
) -> None:
    given = checkpointed(path, 8)
    folder = interrupted(model, given, tmp_path / "ft", 5, monkeypatch)
    other = recipe.load(path, {"max_steps": 8, **change.pop("values", {})})
    with pytest.raises(UsageError, match=f"holds checkpoints of a run with another {named}"):
        train(model, other, tmp_path / "ft", **change)
    assert (folder / "checkpoint-4" / "manifest.json").is_file(), "the other run can still be resumed"


KILLED = """
import sys
from pathlib import Path
from tiny import ROWS
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.training.train import train
train(model=sys.argv[1], rows=ROWS, recipe=recipe.load(Path(sys.argv[2])), output=Path(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("values", [{}, LORA], ids=["all", "lora"])
def test_kill_9_at_random_moments_resumes_to_the_same_bytes(
    model: str, path: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    text = RECIPE.replace('save_strategy: "no"', "save_strategy: steps\nsave_steps: 20").replace(
        "max_steps: 6", "max_steps: 400"
    )
    path.write_text(text + (yaml.safe_dump(values) if values else ""), encoding="utf-8")
    command = [sys.executable, "-c", KILLED, model, str(path)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(SOURCE), str(Path(__file__).parents[1])])
    subprocess.run([*command, str(tmp_path / "whole")], env=environment, check=True, capture_output=True)
    output, folder = tmp_path / "ft", tmp_path / ".ft.partial" / "checkpoints"
    kills = 0
    for delay in (0.0, 0.02, 0.15, 0.05, 0.3):
        begun = {entry.name for entry in folder.glob("checkpoint-*")}
        process = subprocess.Popen([*command, str(output)], env=environment, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and {entry.name for entry in folder.glob("checkpoint-*")} <= begun:
            time.sleep(0.002)
        time.sleep(delay)
        if process.poll() is None:
            kills += 1
        process.kill()
        process.communicate()
        assert not output.exists()
    assert kills == 5
    subprocess.run([*command, str(output)], env=environment, check=True, capture_output=True)
    name = "adapter_model.safetensors" if values else "model.safetensors"
    assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    made, whole = ledger.read(output), ledger.read(tmp_path / "whole")
    assert made.resumed_at
    assert (made.tokens, made.target_tokens, made.losses) == (whole.tokens, whole.target_tokens, whole.losses)
