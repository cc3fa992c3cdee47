from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import datasets
import pytest
from huggingface_hub import DatasetCard, ModelCard
from tiny import PAIRS, RECIPE, save_tiny
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.export import hub
from icl_ft_plugin.families import generate
from icl_ft_plugin.files import write_jsonl
from icl_ft_plugin.training import card as cards_model
from icl_ft_plugin.training import ledger
from icl_ft_plugin.training import train as finetune
from icl_ft_plugin.training.recipes import recipe
from icl_ft_plugin.worlds.folder import load_world, save_world


def icl_ft(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finetuned checkpoint and an adapter of the tiny model."""
    place = tmp_path_factory.mktemp("cards")
    model = save_tiny(place / "tiny", window=1024)
    (place / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    lora = {"use_peft": True, "lora_r": 2, "lora_target_modules": ["all-linear"]}
    for name, overrides in (("ft", {}), ("lora", lora)):
        loaded = recipe.load(place / "recipe.yaml", {"max_steps": 2, **overrides})
        finetune.train(model=str(model), rows=PAIRS, recipe=loaded, output=place / name, seed=0)
    return {"place": place, "ft": place / "ft", "lora": place / "lora"}


def results(task: str, **values: float) -> dict[str, Any]:
    return {
        "results": {task: {"alias": task, **values}, "a_group": {"alias": "a_group"}},
        "configs": {task: {"metadata": {"family": "reversal", "seed": 3, "pretrained": "/home/somebody/ft"}}},
        "n-samples": {task: {"original": 100, "effective": 20}},
        "lm_eval_version": "0.4.13",
    }


def test_dataset_card_has_what_the_hub_reads(tmp_path: Path) -> None:
    out = tmp_path / "w"
    arguments = ("--seed", 3, "--set", "n_facts=5", "--set", "misleading=0", "--arm", "ft")
    assert icl_ft("data", "build", "reversal", "--out", out, *arguments).exit_code == 0
    card = DatasetCard.load(out / "README.md")
    assert (card.data.license, card.data.size_categories, card.data.language) == ("apache-2.0", "n<1K", "en")
    assert [config["config_name"] for config in card.data.configs] == ["questions", "documents", "facts", "train-ft"]
    assert all((out / config["data_files"]).is_file() for config in card.data.configs)
    assert "| `reversal_entity` | 4 | 25.0 |" in card.text and "| `documents` | 50 |" in card.text
    rows = datasets.load_dataset(str(out), "train-ft", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 50 and rows.column_names == ["text"]
    again = next(line for line in card.text.splitlines() if line.startswith("icl-ft data build"))
    second = tmp_path / "again"
    assert icl_ft(*again.replace("'", "").replace("DIR", str(second)).split()[1:]).exit_code == 0
    assert load_world(second).hash == load_world(out).hash


def test_card_of_many_worlds_adds_them_up(tmp_path: Path) -> None:
    out = tmp_path / "w"
    assert icl_ft("data", "build", "reversal", "--out", out, "--worlds", 3, "--set", "n_facts=4").exit_code == 0
    card = DatasetCard.load(out / "README.md")
    assert "# reversal, seeds 0 to 2" in card.text and "| `rephrase` | 12 | 50.0 |" in card.text
    assert card.data.configs[0]["data_files"] == "seed-*/questions.jsonl" and "--worlds 3" in card.text


def test_card_of_a_world_that_was_not_generated_claims_no_licence(tmp_path: Path) -> None:
    from dataclasses import replace

    world = replace(generate("reversal", 0, {"n_facts": 4}), config={"source": "somewhere"})
    save_world(world, tmp_path / "w")
    card = DatasetCard.load(tmp_path / "w" / "README.md")
    assert card.data.license == "other" and "Read from files" in card.text and "data build" not in card.text


@pytest.mark.parametrize(("kind", "library"), [("ft", "transformers"), ("lora", "peft")])
def test_model_card_is_written_beside_the_weights(trained: dict[str, Path], kind: str, library: str) -> None:
    text = (trained[kind] / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text)
    assert card.data.library_name == library and card.data.pipeline_tag == "text-generation"
    assert f"# {kind}\n" in text and "from `tiny`" in text.replace("for `tiny`", "from `tiny`")
    assert f"| trained parameters | {ledger.read(trained[kind]).trained_parameters:,} |" in text
    assert str(trained["place"]) not in text and "base_model" not in card.data.to_dict()
    assert ("lora" in card.data.tags) == (kind == "lora")


def test_results_become_the_model_index(trained: dict[str, Path], tmp_path: Path) -> None:
    place = tmp_path / "scores" / "model"
    place.mkdir(parents=True)
    values = {"acc,none": 0.75, "acc_stderr,none": 0.05, "acc_norm,none": 0.5, "mass,none": 0.7}
    (place / "results_2026-01-01.json").write_text(json.dumps(results("icl_ft_reversal_closed", **values)))
    assert icl_ft("card", trained["ft"], "--results", tmp_path / "scores").exit_code == 0
    card = ModelCard.load(trained["ft"] / "README.md")
    [found] = card.data.eval_results
    assert (found.task_name, found.metric_type, found.metric_value) == ("icl_ft_reversal_closed", "accuracy", 0.75)
    assert found.metric_args == {"n": 20, "stderr": 0.05} and found.dataset_args == {"family": "reversal", "seed": 3}
    assert "0.4.13" in found.source_name and "somebody" not in card.content
    assert "| `icl_ft_reversal_closed` | acc | 0.7500 | 0.0500 | 20 |" in card.text
    assert icl_ft("card", trained["ft"]).exit_code == 0
    assert ModelCard.load(trained["ft"] / "README.md").data.eval_results is None


def test_a_score_that_is_no_number_makes_no_card(trained: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "results_2026-01-01.json"

    def carded(accuracy: float) -> Any:
        values = {"acc,none": accuracy, "acc_stderr,none": math.nan}
        file.write_text(json.dumps(results("icl_ft_reversal_closed", **values)))
        return icl_ft("card", trained["ft"], "--results", file)

    refused = carded(math.nan)
    assert refused.exit_code == 2 and "acc of icl_ft_reversal_closed is nan, no number" in refused.stderr
    assert carded(0.75).exit_code == 0
    [found] = ModelCard.load(trained["ft"] / "README.md").data.eval_results
    assert found.metric_args == {"n": 20}


def test_card_of_what_was_not_trained_here(tmp_path: Path, trained: dict[str, Path]) -> None:
    result = icl_ft("card", tmp_path)
    assert result.exit_code == 2 and "ledger.json" in result.stderr
    result = icl_ft("card", trained["ft"], "--results", tmp_path)
    assert result.exit_code == 2 and "results_*.json" in result.stderr


def test_a_copy_of_a_hub_model_is_named_as_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nbase_model: someone/base\nlicense: mit\n---\n")
    assert cards_model.public_name(str(tmp_path)) == "someone/base"
    (tmp_path / "ledger.json").write_text("{}")  # now it is a finetuned model, which the Hub does not know
    assert cards_model.public_name(str(tmp_path)) == tmp_path.name
    assert cards_model.public_name("someone/base") == "someone/base"
    assert cards_model.public_name("/somewhere/base") == "base"


class Api:
    """The Hub's client, as far as it is used: keeps what it is given."""

    def __init__(self, **settings: Any) -> None:
        Api.calls = []
        assert "token" not in settings

    calls: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - one test at a time

    def create_repo(self, repo_id: str, **settings: Any) -> str:
        self.calls.append(("create", {"repo_id": repo_id, **settings}))
        return f"https://hub.test/{repo_id}"

    def upload_folder(self, *, folder_path: Path, **settings: Any) -> None:
        files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        self.calls.append(("upload", {"files": files, **settings}))


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_secret")


def test_push_uploads_the_folder_without_places(trained: dict[str, Path], online: None) -> None:
    before = {path.name: path.read_bytes() for path in trained["lora"].iterdir()}
    assert hub.push(trained["lora"], "me/lora", "model") == "https://hub.test/me/lora"
    create, upload = (call for _, call in Api.calls)
    assert create == {"repo_id": "me/lora", "repo_type": "model", "private": True, "exist_ok": True}
    assert upload["repo_id"] == "me/lora" and upload["files"].keys() == before.keys()
    place = str(trained["place"]).encode()
    assert any(place in text for text in before.values()), "the folder itself names its base model by its place"
    assert not any(place in text or b"hf_secret" in text for text in upload["files"].values())
    assert {path.name: path.read_bytes() for path in trained["lora"].iterdir()} == before
    assert sorted(path.name for path in trained["place"].iterdir()) == ["ft", "lora", "recipe.yaml", "tiny"]


def test_data_build_pushes_only_on_request(tmp_path: Path, online: None) -> None:
    Api.calls = []
    build = ("data", "build", "reversal", "--set", "n_facts=4", "--out")
    assert icl_ft(*build, tmp_path / "a").exit_code == 0 and not Api.calls
    result = icl_ft(*build, tmp_path / "b", "--push-to-hub", "me/data")
    assert result.exit_code == 0 and "https://hub.test/me/data" in result.stdout and "hf_secret" not in result.output
    assert [name for name, _ in Api.calls] == ["create", "upload"] and Api.calls[1][1]["repo_type"] == "dataset"


def test_train_pushes_what_it_saved(tmp_path: Path, trained: dict[str, Path], online: None) -> None:
    place = trained["place"]
    write_jsonl(tmp_path / "rows.jsonl", PAIRS)
    arguments = ("--model", place / "tiny", "--corpus", tmp_path / "rows.jsonl", "--set", "max_steps=1")
    command = ("train", place / "recipe.yaml", *arguments, "--out", tmp_path / "ft", "--push-to-hub", "me/ft")
    result = icl_ft(*command)
    assert result.exit_code == 0, result.output
    [upload] = [call for name, call in Api.calls if name == "upload"]
    assert (
        upload["repo_type"] == "model" and {"README.md", "ledger.json", "model.safetensors"} <= upload["files"].keys()
    )
    assert json.loads(upload["files"]["ledger.json"])["model"] == "tiny"
    assert ledger.read(tmp_path / "ft").model == str(place / "tiny")


@pytest.mark.parametrize(
    ("repository", "words"),
    [("data", ["OWNER/data"]), ("me/a/b", ["me/a/b"]), ("me/..", ["me/.."])],
)
def test_bad_repository_stops_before_the_work(tmp_path: Path, online: None, repository: str, words: list[str]) -> None:
    result = icl_ft("data", "build", "reversal", "--out", tmp_path / "w", "--push-to-hub", repository)
    assert result.exit_code == 2 and "Traceback" not in result.output and not any(tmp_path.iterdir())
    assert all(word in result.stderr for word in words)


def test_offline_and_logged_out_stop_before_the_work(
    tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", "recipe.yaml", "--out", tmp_path / "w", "--push-to-hub", "me/ft")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    result = icl_ft(*train)
    assert result.exit_code == 2 and "nobody is logged in" in result.stderr
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    result = icl_ft(*train)
    assert result.exit_code == 2 and "HF_HUB_OFFLINE is set" in result.stderr and not any(tmp_path.iterdir())


def test_failed_upload_keeps_the_folder_and_hides_the_token(
    tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(Api, "upload_folder", fail)
    (tmp_path / "w").mkdir()
    with pytest.raises(UsageError, match=r"no route to host.*hf upload me/w") as error:
        hub.push(tmp_path / "w", "me/w", "dataset")
    assert "hf_secret" not in str(error.value) and [path.name for path in tmp_path.iterdir()] == ["w"]
