from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made
from report_data import write_study

from icl_ft_plugin.families import FAMILIES
from icl_ft_plugin.report.forecast import Planned, Spreads, forecast, plan_entry, sizes_needed
from icl_ft_plugin.report.stats.power import Spread


def entry(worlds: int = 3, runs: int = 1, facts: int = 20, arms: tuple[str, ...] = ("icl", "ft")) -> Planned:
    return Planned("nano, reversal", "reversal", worlds, runs, {"reversal": facts, "rephrase": facts}, frozenset(arms))


SPREADS = Spreads(
    {
        ("reversal", "reversal", "icl"): Spread(0.0, 0.0, 0.0, "A"),
        ("reversal", "reversal", "ft"): Spread(0.05, 0.05, 0.5, "B"),
    }
)


def test_what_ships_covers_every_primary_claim() -> None:
    shipped = Spreads.of([])
    for family in FAMILIES.values():
        for name, split in family.splits.items():
            for claim in (claim for claim in split.claims if claim.primary):
                for arm in filter(None, (claim.arm, claim.than)):
                    found = shipped.find(family.name, name, arm)
                    assert found.source and found.item >= 0
    known, other = shipped.find("reversal", "reversal", "ft"), shipped.find("semantic", "holdout", "ft")
    assert 0.02 < known.world < other.world and 0.01 < known.run < other.run and known.item <= other.item == 0.5
    assert shipped.find("process", "holdout", "icl").run == 0 < shipped.find("process", "holdout", "icl").world


def test_more_worlds_and_facts_tell_more() -> None:
    def at_20_points(**size: int) -> float:
        (_, row) = forecast([entry(**size)], SPREADS)
        return float(row[3].removesuffix("%"))

    assert at_20_points() < at_20_points(worlds=5) < at_20_points(worlds=5, facts=100) <= 100
    assert at_20_points(runs=3) > at_20_points()


def test_orders_of_the_documents_are_the_runs_of_icl() -> None:
    shaky = Spreads({**SPREADS.measured, ("reversal", "reversal", "icl"): Spread(0.05, 0.2, 0.1, "A")})

    def at_20_points(orders: int, runs: int = 1) -> float:
        (_, row) = forecast([replace(entry(worlds=5, runs=runs), orders=orders)], shaky)
        return float(row[3].removesuffix("%"))

    assert at_20_points(1) < at_20_points(3) < at_20_points(10)
    (_, one), (_, three) = (sizes_needed([replace(entry(), orders=n)], shaky, 0.2, 0.8) for n in (1, 3))
    assert int(one[1]) > int(three[1])  # worlds, for no training makes up for one order


def test_one_world_tests_nothing_and_missing_arms_have_no_claim() -> None:
    (_, row) = forecast([entry(worlds=1)], SPREADS)
    assert row[0] == "nano, reversal, reversal: icl beats ft" and set(row[2:]) == {"not tested", "three worlds test it"}
    assert len(forecast([entry(arms=("icl",))], SPREADS)) == 1


def test_the_size_that_a_claim_takes_tells_it() -> None:
    (_, row) = sizes_needed([entry()], SPREADS, 0.1, 0.8)
    worlds, runs = int(row[1]), int(row[2])
    (_, told) = forecast([entry(worlds=worlds, runs=runs)], SPREADS)
    assert float(told[2].removesuffix("%")) >= 80
    (_, fewer) = forecast([entry(worlds=worlds - 1, runs=runs)], SPREADS)
    assert float(fewer[2].removesuffix("%")) < 80


def test_a_study_that_was_run_says_how_much_accuracies_vary(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    level = {(world, seed): 0.5 + 0.3 * random.standard_normal() for world in range(4) for seed in range(2)}

    def right(arm: str, world: int, number: int, seed: int | None) -> bool:
        return arm == "icl" or number < 40 * level[world, seed or 0]

    write_study(tmp_path, right, arms=("icl", "ft"), questions=40, worlds=range(4), seeds=(0, 1))
    spreads = Spreads.of([tmp_path])
    ft, icl = spreads.find("reversal", "reversal", "ft"), spreads.find("reversal", "reversal", "icl")
    assert ft.source == icl.source == str(tmp_path) and ft.run > 0.05 and icl.world == icl.run == icl.item == 0


@pytest.mark.parametrize("family", ["reversal", "process"])
def test_the_facts_of_a_split_are_counted_in_its_worlds(family: str) -> None:
    worlds = [made(family, seed) for seed in (0, 1)]
    found = plan_entry("x", family, worlds, [None, 0, 1], ["icl", "ft"], [None, 0, 1, 2])
    assert (found.worlds, found.runs, found.orders) == (2, 2, 3)
    split = FAMILIES[family].main
    assert split is not None and 0 < found.facts[split] <= 100
