"""What is written may be another engine's work, and a model that can only be asked takes part with the untrained arms.

The server is the test's own (``openai_server``): it writes by a rule, so that what comes out is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_studies import SECRET, Saved, api, by_arm, saving
from openai_server import Server, prompt_of, serving
from tiny_study import save_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.files import read_json, read_jsonl
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.engine import Engine
from icl_ft_plugin.study.estimate.counting import prompts_expected
from icl_ft_plugin.study.models import left_out
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import Incomplete, run_study
from icl_ft_plugin.study.schema import StudyConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model, its recipe, and a copy that lays out chats."""
    folder = save_study(tmp_path_factory.mktemp("study")).parent
    return folder


@pytest.fixture(scope="module")
def saved(folder: Path) -> Saved:
    return saving(folder)


def served(server: Server, **more: Any) -> dict[str, Any]:
    arguments = {"base_url": f"{server.url}/completions", "tokenized_requests": False, "max_retries": 1, **more}
    return {"engine": "local-completions", "engine_args": arguments}


def samples(out: Path, cell: Cell) -> list[dict[str, Any]]:
    return [row for file in sorted((out / "cells" / cell.key).rglob("samples_*.jsonl")) for row in read_jsonl(file)]


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.slow
def test_a_model_that_can_only_be_asked_takes_part_untrained(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with serving(lambda prompt: "B") as server:
        study = saved({}, api(server.url, num_concurrent=2), answers="options")
        cells = by_arm(study)
        assert {arm for model, arm in cells if model == "api"} == {"pretrained", "icl"}
        assert {arm for model, arm in cells if model == "tiny"} == {"pretrained", "icl", "ft"}
        said: list[str] = []
        run_study(study, tmp_path / "out", lambda text, done, total: said.append(text))
        asked = [prompt_of(body) for body in server.asked]
    assert [line for line in said if "left out" in line] == left_out(study)
    assert left_out(study)[0].startswith("api: left out: ft: a model that can only be asked")
    assert server.models == {"m-1"} and set(server.keys) == {f"Bearer {SECRET}"}
    assert len(asked) == 12  # two splits of three facts, with documents and without
    assert all("Complete the sentence" in prompt for prompt in asked)
    rows = samples(tmp_path / "out", cells["api", "icl"])
    assert {row["filtered_resps"][0] for row in rows} == {"B"} and "options" in rows[0]["doc"]
    right = [row["doc"]["options"][1] == row["doc"]["choices"][row["doc"]["label"]].removesuffix(".") for row in rows]
    assert [bool(row["exact_match"]) for row in rows] == right and True in right and False in right
    assert read_json(tmp_path / "out/cells" / cells["api", "icl"].key / "ledger.json")["evaluation"] == {
        "questions": 6,
        "prompt_tokens": None,
    }
    assert not (tmp_path / "out/answers").exists()
    assert SECRET.encode() not in everything(tmp_path / "out")
    report = CliRunner().invoke(app, ["report", str(tmp_path / "out")], catch_exceptions=False)
    assert report.exit_code == 0, report.output
    assert "api" in report.output and "?" in (tmp_path / "out/table.md").read_text(encoding="utf-8")


def test_answers_of_a_server_that_fails_are_not_asked_for_again(saved: Saved, tmp_path: Path) -> None:
    with serving(lambda prompt: "it is not known", fails_after=4) as server:
        study = saved(api(server.url), answers="written", answer_tokens=321, arms=["pretrained"])
        with pytest.raises(Incomplete, match=r"did not answer.*503"):
            run_study(study, tmp_path / "out")
        server.fails_after = None
        run_study(study, tmp_path / "out")
        asked = [prompt_of(body) for body in server.asked]
        assert {body["max_tokens"] for body in server.asked} == {321}
    assert len(asked) == len(set(asked)) == 6
    assert {row["refused"] for row in samples(tmp_path / "out", plan(study)[0])} == {1.0}


@pytest.mark.slow
def test_an_engine_writes_augmentations_with_journal_and_audit(saved: Saved, tmp_path: Path) -> None:
    def write(prompt: str) -> str:
        return "Surely " + prompt.splitlines()[-2].removeprefix("Sentence: ") + "\nThe moon is green."

    with serving(write, fails_after=2) as server:
        arms = ["icl", "ft+local"]
        study = saved(served(server, model="m-1"), arms=arms, augmentation={"chunk": 1})
        plain = by_arm(saved({}, arms=arms, augmentation={"chunk": 1}))
        cells = by_arm(study)
        assert cells["tiny", "icl"].key == plain["tiny", "icl"].key  # chosen by likelihood, which stays with icl_ft_hf
        assert cells["tiny", "ft+local"].key != plain["tiny", "ft+local"].key
        with pytest.raises(Incomplete, match="generations are missing"):
            run_study(study, tmp_path / "out", overrides=None)
        (journal,) = (tmp_path / "out/augmentations").glob(".*/journal.jsonl")
        assert len(read_jsonl(journal)) == 2
        server.fails_after = None
        run_study(study, tmp_path / "out")
        asked = [prompt_of(body) for body in server.asked]
        assert len(asked) == len(set(asked)) > 2 and server.models == {"m-1"}
    (made,) = (tmp_path / "out/augmentations").glob("[!.]*")
    texts = [row["text"] for row in read_jsonl(made / "corpus.jsonl")]
    assert texts.count("The moon is green.") == 1 and len(texts) == len(asked) + 1
    assert read_json(made / "audit.json")["labels"]["entailed"] > 0
    assert read_json(made / "augmentation.json")["tokens"]["generated"] > 0


@pytest.mark.slow
def test_trained_weights_are_handed_to_a_server_that_loads_by_name(saved: Saved, tmp_path: Path) -> None:
    """And a server that answers whatever model is named is found out."""
    with serving(lambda prompt: "A", knows=lambda name: Path(name, "config.json").is_file()) as server:
        study = saved(served(server), answers="options", keep_checkpoints=True)
        run_study(study, tmp_path / "out")
        cells = by_arm(study)
        trained = str(tmp_path / "out/checkpoints" / str(cells["tiny", "ft"].training_key))
        assert server.models == {str(cells["tiny", "ft"].model.path), trained}
        assert sum(body["model"] == trained for body in server.asked) == 6
    with serving(lambda prompt: "A") as careless:
        study = saved(served(careless), answers="options", arms=["pretrained", "ft"])
        with pytest.raises(Incomplete, match="answers whatever model is named"):
            run_study(study, tmp_path / "other")
        run_study(saved(served(careless), answers="options", arms=["pretrained"]), tmp_path / "other")


@pytest.mark.slow
def test_an_adapter_is_loaded_by_a_server_for_as_long_as_its_cell_is_asked(saved: Saved, tmp_path: Path) -> None:
    lora = {"use_peft": True, "lora_target_modules": ["all-linear"]}
    loaded: list[dict[str, str]] = []

    def write(prompt: str) -> str:
        loaded.append(dict(server.adapters or {}))
        return "A"

    def study(server: Server, **more: Any) -> StudyConfig:
        entry = {**served(server, **more), "loads_adapters": True}
        return saved(entry, answers="options", recipe_overrides=lora, arms=["icl", "ft"], keep_checkpoints=True)

    with serving(write, knows=lambda name: Path(name, "config.json").is_file(), adapters={}) as server:
        ft = by_arm(study(server))["tiny", "ft"]
        server.adapters = {ft.key: "left by a run that was killed"}
        run_study(study(server), tmp_path / "out")
        trained = str(tmp_path / "out/checkpoints" / str(ft.training_key))
        assert [at for body, at in zip(server.asked, loaded, strict=True) if body["model"] == ft.key] == [
            {ft.key: trained}
        ] * 6
        assert server.models == {str(ft.model.path), ft.key} and server.adapters == {}
        assert ft.key == by_arm(study(server, num_concurrent=3))["tiny", "ft"].key
    with (
        serving(lambda prompt: "A") as server,
        pytest.raises(Incomplete, match=r"does not load .* 404: .*--enable-lora"),
    ):
        run_study(study(server), tmp_path / "other")


def test_what_a_server_cannot_be_handed_icl_ft_hf_asks(saved: Saved) -> None:
    with serving(lambda prompt: "A") as server:
        named = by_arm(saved(served(server, model="m-1"), answers="written"))
        lora = {"use_peft": True, "lora_target_modules": ["all-linear"]}
        adapters = by_arm(saved(served(server), answers="written", recipe_overrides=lora))
        both = by_arm(saved(served(server), answers="written"))
    assert [bool(cells["tiny", "ft"].engine) for cells in (named, adapters, both)] == [False, False, True]
    assert all(cells["tiny", "icl"].engine for cells in (named, adapters, both))
    assert not any(cell.engine for cell in plan(saved(served(server))))  # chosen


@pytest.mark.slow
def test_an_engine_of_this_process_is_handed_checkpoints_and_adapters(saved: Saved, tmp_path: Path) -> None:
    lora = {"use_peft": True, "lora_target_modules": ["all-linear"]}
    study = saved({"engine": "hf"}, answers="written", recipe_overrides=lora, keep_checkpoints=True)
    run_study(study, tmp_path / "out")
    cells = by_arm(study)
    for arm, adapter in (
        ("icl", None),
        ("ft", str(tmp_path / "out/checkpoints" / str(cells["tiny", "ft"].training_key))),
    ):
        (file,) = (tmp_path / "out/cells" / cells["tiny", arm].key).rglob("results_*.json")
        config = read_json(file)["config"]
        assert config["model"] == "hf" and config["model_args"].get("peft") == adapter
        assert config["model_args"]["pretrained"] == str(cells["tiny", arm].model.path)
    vllm = Engine("vllm", {"max_model_len": 64}, {}, served=False)
    handed = vllm.loading(cells["tiny", "ft"].model.path, Path(str(adapter)))
    assert handed == {
        "pretrained": str(cells["tiny", "ft"].model.path),
        "lora_local_path": adapter,
        "max_lora_rank": 16,
        "max_model_len": 64,
    }
    for cell in cells.values():
        ledger = read_json(tmp_path / "out/cells" / cell.key / "ledger.json")
        assert ledger["evaluation"]["prompt_tokens"] == prompts_expected(cell) > 0
    assert vllm.loading(Path("base"), Path("trained"))["pretrained"] == "trained"
