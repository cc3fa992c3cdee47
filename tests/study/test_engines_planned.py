"""What is planned, left out and refused where another engine writes, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_studies import CHAT, SECRET, Saved, api, by_arm, saving
from grouped import each
from tiny_study import save_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json
from icl_ft_plugin.study.models import left_out
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model, its recipe, and a copy that lays out chats."""
    folder = save_study(tmp_path_factory.mktemp("study")).parent
    return folder


@pytest.fixture(scope="module")
def saved(folder: Path) -> Saved:
    return saving(folder)


def test_where_a_model_is_served_is_no_part_of_its_key(saved: Saved) -> None:
    def keys(**more: Any) -> list[str]:
        return [cell.key for cell in plan(saved(api(**more), answers="written", arms=["pretrained", "icl"]))]

    plain = keys()
    assert keys(base_url="http://elsewhere/v1/chat/completions", num_concurrent=9, timeout=5) == plain
    for more in ({"model": "m-2"}, {"max_length": 64}, {"seed": 2}):
        assert not set(keys(**more)) & set(plain)


def test_how_answers_are_written_is_part_of_a_key_and_its_prompt_is_the_one_for_it(saved: Saved) -> None:
    chosen, written, options = (by_arm(saved({}, answers=answers)) for answers in ("chosen", "written", "options"))
    assert written["tiny", "icl"].tasks["reversal"] == "icl_ft_reversal_gen_icl"
    assert options["tiny", "icl"].tasks["reversal"] == "icl_ft_reversal_gen_options_icl"
    assert len({cells["tiny", "ft"].key for cells in (chosen, written, options)}) == 3
    assert len({cells["tiny", "ft"].training_key for cells in (chosen, written, options)}) == 1
    assert [cells["tiny", "icl"].prompt.name for cells in (chosen, written)] == ["plain", "instruct"]
    plain = {"name": "icl", "condition": "icl", "prompt": "plain"}
    assert by_arm(saved({}, answers="written", arms=[plain]))["tiny", "icl"].prompt.name == "plain"


def test_the_dry_run_says_what_is_left_out_and_what_is_not_known(saved: Saved, folder: Path) -> None:
    saved({}, api(), answers="options")
    done = CliRunner().invoke(app, ["study", str(folder / "study.yaml"), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert done.output.count("api: left out: ft:") == 1
    assert "0+ ?" in done.output and "Minutes leave out answers that are written" in done.output


@each(
    "case",
    [
        (api(), {}, ["api", "gives no log-probabilities", "answers: written, or options"]),
        (api(), {"answers": "written", "arms": ["ft"]}, ["api", "every arm is trained"]),
        (api(model=None), {"answers": "written"}, ["engine_args.model is missing"]),
        (api(base_url=None), {"answers": "written"}, ["engine_args.base_url is missing"]),
        (api(api_key=SECRET), {"answers": "written"}, ["api_key", "is a secret", "environment"]),
        (api(base_url=f"http://me:{SECRET}@x/v1"), {"answers": "written"}, ["base_url", "holds a secret"]),
        (api(header={"Authorization": SECRET}), {"answers": "written"}, ["header", "holds a secret"]),
        (api(num_concurent=3), {"answers": "written"}, ["num_concurent", "did you mean 'num_concurrent'"]),
        (api(batch_size=3), {"answers": "written"}, ["engine_args.batch_size", "the study decides it"]),
        ({**api(), "engine": "local-chat-completion"}, {}, ["engine 'local-chat-completion'", f"did you mean '{CHAT}'"]),
        ({**api(), "dtype": "float32"}, {}, ["dtype is said of a checkpoint"]),
        ({**api(), "chat_template": False}, {"answers": "written"}, ["chat_template: false", "takes turns of a chat"]),
        ({"name": "x", "engine": "hf", "engine_args": {"model": "m"}}, {"answers": "written"}, ["pretrained is missing"]),
        ({"name": "x"}, {}, ["pretrained is missing"]),
        ({"engine_args": {"model": "m"}}, {}, ["engine_args without an engine"]),
        ({"loads_adapters": True}, {}, ["loads_adapters without an engine"]),
        ({"engine": "hf", "loads_adapters": True}, {"answers": "written"}, ["loads_adapters: said of a server"]),
        ({**api(), "loads_adapters": True}, {"answers": "written"}, ["loads_adapters: said of a server"]),
        ({"engine": "hf"}, {"answers": "written", "pmi": True}, ["pmi", "no choice has a likelihood"]),
        ({}, {"answers": "written", "arms": ["cooccurrence-baseline"]}, ["a baseline chooses and writes nothing"]),
        ({}, {"answer_tokens": 9}, ["answer_tokens", "no answer is written"]),
        ({}, {"answers": "written", "answer_tokens": 9, "curve_every": 1}, ["answer_tokens", "leave out curve_every"]),
        ({}, {"answers": "spoken"}, ["answers", "'chosen', 'written' or 'options'"]),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_anything_runs(
    saved: Saved, case: tuple[dict[str, Any], dict[str, Any], list[str]]
) -> None:
    entry, more, words = case
    with pytest.raises(UsageError) as refused:
        plan(saved(entry, **more))
    for word in words:
        assert word in str(refused.value), str(refused.value)
    assert SECRET not in str(refused.value)


def test_what_is_loaded_quantized_or_with_an_adapter_takes_part_untrained(saved: Saved, folder: Path) -> None:
    quantized = {"name": "4bit", "pretrained": str(folder / "tiny"), "model_args": {"load_in_4bit": True}}
    cells = by_arm(saved({}, quantized))
    assert {arm for model, arm in cells if model == "4bit"} == {"pretrained", "icl"} and ("tiny", "ft") in cells
    assert left_out(saved({}, quantized)) == [
        "4bit: left out: ft: training needs a plain checkpoint, and it has model_args.load_in_4bit"
    ]


@pytest.mark.slow
def test_one_model_with_several_recipes_stands_in_the_tables_of_each(
    saved: Saved, folder: Path, tmp_path: Path
) -> None:
    recipe = (folder / "recipe.yaml").read_text(encoding="utf-8")
    (folder / "own.yaml").write_text(recipe.replace("3.0e-2", "4.0e-2"), encoding="utf-8")
    study = saved({}, {"recipe": str(folder / "own.yaml")}, arms=["pretrained", "ft"])
    cells = plan(study)
    own = f"{folder / 'tiny'} ({folder / 'own.yaml'})"
    assert [(cell.labels.model, cell.arm.name) for cell in cells] == [
        (str(folder / "tiny"), "pretrained"),
        (str(folder / "tiny"), "ft"),
        (own, "ft"),
    ]
    assert [label.model for label in cells[0].also] == [own]
    run_study(study, tmp_path / "out")
    named = [(entry["model"], entry["arm"]) for entry in read_json(tmp_path / "out/study.json")["cells"]]
    assert sorted(named) == sorted(
        (model, arm) for model in (str(folder / "tiny"), own) for arm in ("pretrained", "ft")
    )
    report = CliRunner().invoke(app, ["report", str(tmp_path / "out")])
    assert report.exit_code == 0, report.output
    with pytest.raises(UsageError, match="stands there twice"):
        saved({}, {})
    with pytest.raises(UsageError, match="duplicate cell"):
        plan(
            saved({"name": "a", "pretrained": str(folder / "tiny")}, {"name": "b", "pretrained": str(folder / "tiny")})
        )
