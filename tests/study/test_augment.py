from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import RECIPE

from icl_ft_plugin.arms.named import known_arms
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import write_manifest
from icl_ft_plugin.study.cells.augment import arm_rows, writing_costs
from icl_ft_plugin.study.cells.train_cell import steps_of
from icl_ft_plugin.study.config import StudyConfig, load_study
from icl_ft_plugin.study.plan import Cell, plan
from icl_ft_plugin.study.store import Store
from icl_ft_plugin.training.rows import check_rows


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    study = {
        "name": "t",
        "models": ["nano"],
        "worlds": [{"family": "reversal", "config": {"n_facts": 3, "documents_per_fact": 2, "misleading": 0}}],
        "arms": ["ft", "ft+local", "ft+local+global", "ft+local+global+independent"],
        "training_seeds": [0, 1],
        "recipe": str(folder / "recipe.yaml"),
        "steps": 12,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder / "study.yaml"


def load(file: Path, **changes: Any) -> StudyConfig:
    return load_study(file, [f"{key}={json.dumps(value)}" for key, value in changes.items()])


def by_arm(study: StudyConfig) -> dict[str, Cell]:
    return {cell.arm.name: cell for cell in plan(study)}


def rows_of_cell(cell: Cell, store: Store) -> list[dict[str, str]]:
    return arm_rows(cell, cell.world.make(), store)


@pytest.fixture(scope="module")
def augmented(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyConfig, Store]:
    """A study whose model has been asked for the arm with both strategies."""
    study, store = load(study_file), Store(tmp_path_factory.mktemp("store") / "out")
    rows_of_cell(by_arm(study)["ft+local+global"], store)
    return study, store


def test_every_augmented_arm_comes_with_its_sentences_as_rows() -> None:
    arms = known_arms()
    for name in ("ft", "ft+local", "ft+global", "ft+local+global", "ft+oracle"):
        for suffix, rows in (("independent", "sentences"), ("cumulative", "cumulative")):
            assert arms[f"{name}+{suffix}"] == {**arms[name], "rows": rows}
    for name, arm in arms.items():
        assert ("truth" in name) == (arm.get("keep") == "entailed")


def test_augmentations_are_shared_by_arms_and_training_seeds(study_file: Path) -> None:
    cells = plan(load(study_file))
    assert len({cell.key for cell in cells}) == len({cell.training_key for cell in cells}) == 8
    assert {tuple(cell.writings) for cell in cells} == {(), ("local",), ("local", "global")}
    assert len({writing.key for cell in cells for writing in cell.writings.values()}) == 2


@pytest.mark.parametrize(
    ("changes", "arms"),
    [
        ({"augmentation": {"temperature": 0.5}}, {"ft+local", "ft+local+global", "ft+local+global+independent"}),
        ({"augmentation": {"prompts": {"global": "base-global"}}}, {"ft+local+global", "ft+local+global+independent"}),
        ({"augmentation": {"prompts": {"global": "nano-global"}}}, set()),
        ({"match": "epochs"}, {"ft", "ft+local", "ft+local+global", "ft+local+global+independent"}),
    ],
)
def test_a_knob_renames_only_the_arms_that_depend_on_it(
    study_file: Path, changes: dict[str, Any], arms: set[str]
) -> None:
    before, after = by_arm(load(study_file)), by_arm(load(study_file, **changes))
    assert {name for name in before if before[name].key != after[name].key} == arms


def test_the_model_is_asked_once(augmented: tuple[StudyConfig, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    study, store = augmented
    made = sorted(path.name for path in (store.folder / "augmentations").iterdir())
    cells = by_arm(study)
    assert made == sorted(writing.key for writing in cells["ft+local+global"].writings.values())
    audits = [json.loads((store.folder / "augmentations" / key / "audit.json").read_text()) for key in made]
    assert all(set(audit["labels"]) == {"entailed", "contradicted", "unsupported", "unparsed"} for audit in audits)
    monkeypatch.setattr("icl_ft_plugin.study.cells.augment.load_lm", None)  # a call would fail
    counts = {name: len(rows_of_cell(cell, store)) for name, cell in cells.items()}
    assert counts["ft"] == 6 < counts["ft+local"] <= counts["ft+local+global"]
    texts = [row["text"] for row in rows_of_cell(cells["ft+local+global"], store)]
    assert len(texts) == len(set(texts))  # what both strategies wrote is there once
    assert check_rows(rows_of_cell(cells["ft+local"], store)) == "full"


def test_a_generation_that_was_killed_goes_on(augmented: tuple[StudyConfig, Store], tmp_path: Path) -> None:
    study, store = augmented
    cell = by_arm(study)["ft+local"]
    key = cell.writings["local"].key
    other = Store(tmp_path / "out")
    work = other.folder / "augmentations" / f".{key}.partial"
    work.mkdir(parents=True)
    shutil.copy(store.augmentation(key) / "journal.jsonl", work)
    with (work / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"answers": {"cut')
    assert rows_of_cell(cell, other) == rows_of_cell(cell, store)
    assert not work.exists()


def test_only_entailed_statements_are_kept_in_the_arm_that_uses_the_truth(
    augmented: tuple[StudyConfig, Store], study_file: Path
) -> None:
    _, store = augmented
    audited = by_arm(load(study_file, arms=["ft+local+truth-audited"]))["ft+local+truth-audited"]
    study = load(study_file)
    folder = store.augmentation(audited.writings["local"].key)
    rows = (folder / "corpus.jsonl").read_text()
    try:
        lie = json.loads(rows.splitlines()[0])
        fact = audited.world.make().facts[0]
        flipped = fact.text.replace("more", "MORE").replace("less", "more").replace("MORE", "less")
        (folder / "corpus.jsonl").write_text(rows + json.dumps({**lie, "text": flipped}) + "\n")
        write_manifest(folder)
        kept = [row["text"] for row in rows_of_cell(audited, store)]
        everything = [row["text"] for row in rows_of_cell(by_arm(study)["ft+local"], store)]
    finally:
        (folder / "corpus.jsonl").write_text(rows)
        write_manifest(folder)
    assert flipped in everything and flipped not in kept and len(kept) > len(audited.world.make().documents)


def test_the_ledger_counts_the_tokens_of_each_strategy(augmented: tuple[StudyConfig, Store]) -> None:
    study, store = augmented
    cells = by_arm(study)
    assert writing_costs(cells["ft"], store) is None
    costs = writing_costs(cells["ft+local+global"], store)
    assert costs is not None and list(costs) == ["local", "global"]
    assert costs["local"].prompt == "nano-local/1" and costs["local"].requests == 6
    read = [costs[strategy].prompt_tokens or 0 for strategy in ("local", "global")]
    assert 0 < read[0] < read[1] and (costs["local"].generated_tokens or 0) > 6 * 8


def test_steps_are_matched_in_steps_or_in_epochs(study_file: Path) -> None:
    def steps(*rows: int, **changes: Any) -> list[int | None]:
        cell = by_arm(load(study_file, **changes))["ft+local"]
        assert cell.training
        return [steps_of(cell.training, n, len(cell.world.make().documents)) for n in rows]

    assert steps(6, 30) == [12, 12]
    assert steps(6, 18, 30, match="epochs") == [12, 36, 60]
    assert steps(18, match="epochs", steps=None) == [18]  # the recipe's six, three times


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"augmentation": {"temprature": 1.0}}, ["augmentation.temprature", "did you mean 'temperature'"]),
        ({"augmentation": {"n_samples": 2}}, ["augmentation", "would all be the same"]),
        (
            {"augmentation": {"prompts": {"local": "nano-global"}}},
            ["augmentation.prompts.local", "global augmentation"],
        ),
        ({"match": "tokens"}, ["match"]),
        ({"arms": [{"name": "x", "corpus": ["documents"], "keep": "entailed"}]}, ["'x'", "keep: entailed"]),
        (
            {"arms": [{"name": "x", "corpus": ["documents"], "split_loss": "all", "splitting": "cumulative"}]},
            ["'x'", "split_loss: 'all' is now rows: cumulative-all"],
        ),
    ],
)
def test_wrong_settings_are_refused_before_anything_runs(
    study_file: Path, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as error:
        load(study_file, **changes)
    assert all(word in str(error.value) for word in words), error.value


def test_epochs_need_steps_to_match(study_file: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("max_steps: 6\n", ""))
    with pytest.raises(UsageError, match="match: epochs needs steps"):
        plan(load(study_file, match="epochs", steps=None, recipe=str(recipe)))
