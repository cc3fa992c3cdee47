"""Orders of the documents in the prompt: the runs of an arm that is asked in context and not trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.test_own import HANDBOOK
from hypothesis import given
from hypothesis import strategies as st
from tiny_study import save_study

from icl_ft_plugin.arms.arm import Arm
from icl_ft_plugin.errors import UsageError
from icl_ft_plugin.files import read_json, read_jsonl
from icl_ft_plugin.harness.documents import task_documents
from icl_ft_plugin.report.store.export import item_rows
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.table import write_table
from icl_ft_plugin.report.table_rows import compute_rows
from icl_ft_plugin.study.cell import Cell
from icl_ft_plugin.study.config import load_study
from icl_ft_plugin.study.estimate.counting import metadata_of
from icl_ft_plugin.study.estimate.power import planned
from icl_ft_plugin.study.estimate.table import table
from icl_ft_plugin.study.identity import before_key
from icl_ft_plugin.study.orders import context_seeds_of
from icl_ft_plugin.study.plan import plan
from icl_ft_plugin.study.run import run_study

Cells = Callable[..., list[Cell]]
IN_CONTEXT = Arm(name="x", condition="icl")
SEEDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5, unique=True)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    folder = tmp_path_factory.mktemp("orders")

    def made(*overrides: str, **changes: Any) -> list[Cell]:
        return plan(load_study(save_study(folder, **changes), overrides))

    return made


def test_an_untrained_arm_in_context_has_a_cell_for_each_order(cells: Cells) -> None:
    arms = ["pretrained", "icl", "icl+bm25", "ft", "ft+icl"]
    found = [
        (cell.labels.arm, cell.labels.training_seed, cell.labels.context_seed)
        for cell in cells(arms=arms, context_seeds=[0, 4, 7])
    ]
    assert found == [
        ("pretrained", None, None),
        *(("icl", None, seed) for seed in (0, 4, 7)),
        *(("icl+bm25", None, seed) for seed in (0, 4, 7)),
        *(("ft", seed, None) for seed in (0, 1)),
        ("ft+icl", 0, 0),
        ("ft+icl", 1, 4),
    ]


def test_three_orders_are_what_a_study_has_by_itself(cells: Cells) -> None:
    data = load_study(Path("demo")).model_dump()
    assert data["context_seeds"] == [0, 1, 2]
    icl = [str(cell) for cell in cells(arms=["icl"], context_seeds=[0, 1, 2])]
    assert icl == [f"tiny, reversal seed 0, icl, context seed {seed}" for seed in (0, 1, 2)]


def test_the_first_order_is_the_cell_that_it_always_was(cells: Cells) -> None:
    first, second = cells(arms=["icl"], context_seeds=[0, 1])
    assert "context_seed" not in first.identity["test"] and "context_seed" not in metadata_of(first)
    assert second.identity["test"] == {**first.identity["test"], "context_seed": 1}
    assert first.key != second.key and metadata_of(second)["context_seed"] == 1
    trained = cells(arms=["ft", "ft+icl"], context_seeds=[0, 1])
    assert {cell.training_key for cell in trained[:2]} == {cell.training_key for cell in trained[2:]}


@given(SEEDS, st.integers(0, 2**32 - 1))
def test_a_training_is_asked_in_one_order_that_hangs_on_no_other_training(seeds: list[int], training: int) -> None:
    (order,) = context_seeds_of(IN_CONTEXT, "reversal", training, seeds)
    assert order in seeds
    assert list(context_seeds_of(IN_CONTEXT, "reversal", None, seeds)) == seeds
    places = {context_seeds_of(IN_CONTEXT, "reversal", seed, seeds)[0] for seed in range(len(seeds))}
    assert places == set(seeds)  # as many trainings as orders: each has its own
    assert context_seeds_of(Arm(name="closed"), "reversal", None, seeds) == [None]


def test_own_documents_stand_in_their_authors_order() -> None:
    def prompts(seed: int, **how: Any) -> list[str]:
        from icl_ft_plugin.harness.context import choice_of, context_of

        given = {"path": str(HANDBOOK), "context_seed": seed, **how}
        return [context_of(doc, choice_of(given, "own")) for doc in task_documents("own", **given)[:5]]

    plain, drawn = Arm(name="icl", condition="icl"), {"context_distractors": 2}
    assert prompts(0) == prompts(1) and context_seeds_of(plain, "own", None, [0, 1]) == [None]
    near = plain.model_copy(update={"context_nearest": 3})
    assert prompts(0, context_nearest=3) == prompts(1, context_nearest=3)
    assert context_seeds_of(near, "own", None, [0, 1]) == [None]
    assert prompts(0, **drawn) != prompts(1, **drawn)
    assert context_seeds_of(plain.model_copy(update=drawn), "own", None, [0, 1]) == [0, 1]


@pytest.mark.parametrize(
    ("seeds", "words"),
    [("[0, 0]", "context_seeds: 0 stands there twice"), ("[]", "context_seeds"), ("[-1]", r"context_seeds\[0\]: -1")],
)
def test_what_is_no_list_of_seeds_is_refused(cells: Cells, seeds: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cells(f"context_seeds={seeds}")


def test_what_retention_reads_hangs_on_no_order(cells: Cells) -> None:
    first, second = cells(arms=["ft+icl"], context_seeds=[0, 1], retention=["reading"])
    assert second.context_seed == 1 and before_key(first) == before_key(second)


def test_costs_and_power_count_the_orders(cells: Cells) -> None:
    from icl_ft_plugin.study.estimate.cost import Estimator

    found = cells(arms=["pretrained", "icl"], context_seeds=[0, 1, 2])
    costs = Estimator([]).costs(found)
    rows = {row[0]: row for row in table(costs)}
    assert rows["tiny, reversal, icl"][1] == "3" and rows["tiny, reversal, pretrained"][1] == "1"
    assert rows["tiny, reversal, icl"][5] == f"{sum(cost.prompts for cost in costs[1:]):,}"
    assert [entry.orders for entry in planned(found)] == [3]


def test_orders_are_runs_of_the_arm_in_every_table(tmp_path: Path) -> None:
    file = save_study(tmp_path, arms=["pretrained", "icl"], context_seeds=[0, 1, 2])
    run_study(file, tmp_path / "out", overrides=["worlds.0.splits=[reversal]"])
    orders = [cell for cell in plan(load_study(file, ["worlds.0.splits=[reversal]"])) if cell.arm.name == "icl"]
    contexts = set()
    for cell in orders:
        folder = tmp_path / "out" / "cells" / cell.key
        (samples,) = folder.rglob("samples_*.jsonl")
        contexts |= {row["doc"]["world"] for row in read_jsonl(samples)}
        assert read_json(folder / "config.json")["labels"]["context_seed"] == cell.context_seed
    assert len(contexts) == 3
    study, (block,), _ = write_table(tmp_path / "out")
    icl, untouched = block.accuracy["icl", "reversal"], block.accuracy["pretrained", "reversal"]
    assert icl.n == 3 * untouched.n and icl.facts == untouched.facts and icl.variance.run is not None
    assert set(icl.context_seeds) == {"0", "1", "2"} and not untouched.context_seeds and not icl.training_seeds
    assert icl.accuracy == pytest.approx(sum(icl.context_seeds.values()) / 3)
    header, *rows = compute_rows(block)
    place = header.index("orders of the documents")
    assert {row[0]: row[place] for row in rows} == {"pretrained": "0", "icl": "3"}
    record = json.loads((tmp_path / "out" / "table.json").read_text(encoding="utf-8"))["accuracy"]
    assert [len(each["context_seeds"]) for each in record] == [0, 3]
    runs = {(row["arm"], row["run"], row["context_seed"]) for row in item_rows(read_study(tmp_path / "out").cells)}
    assert runs == {("pretrained", "pretrained None", None), *(("icl", f"icl {seed}", seed) for seed in (0, 1, 2))}
    assert study.planned == 4
