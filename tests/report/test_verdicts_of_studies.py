"""What a study on disk is said to show: by worlds, by what was learned, against what counts words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from report_data import paper_like, write_study

from icl_ft_plugin.files import read_json
from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.store.read import read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import to_markdown

WORLDS = (0, 1, 2, 3)


def block_of(folder: Path) -> Block:
    (block,) = build_blocks(read_study(folder))
    return block


def test_one_world_has_no_arrow_no_verdict_and_says_so_everywhere(tmp_path: Path) -> None:
    """Nine ft runs of three worlds span 37 to 56%: a bracket of one world, once printed without a word, held the truth in 55 to 64%."""
    write_study(
        tmp_path,
        lambda arm, world, i, seed: arm == "icl" or (arm != "ft" and i % 2 == 0),
        splits=("reversal", "rephrase"),
    )
    block = block_of(tmp_path)
    assert block.scope == "this world only"
    text = to_markdown(read_study(tmp_path), [block])
    assert all("this world only" in line for line in text.splitlines() if line.startswith("## "))
    assert "↓" not in text and "below chance" not in text and "reproduced" not in text
    said = findings(block)
    assert "(this world only)" in said[0] and "is not tested: this world only" in said[1]
    assert {verdict.verdict for verdict in block.verdicts} == {"not tested"}
    assert all(pair.p is None and pair.low is not None for pair in block.pairs)


def test_two_worlds_have_no_interval(tmp_path: Path) -> None:
    write_study(tmp_path, paper_like, worlds=(0, 1))
    block = block_of(tmp_path)
    assert (
        block.accuracy["ft", "reversal"].low is None
        and block.accuracy["ft", "reversal"].why == "two worlds give no interval"
    )
    text = to_markdown(read_study(tmp_path), [block])
    assert "these two worlds only" in text and "[" not in text.partition("## reversal, nano: compute")[0].replace(
        "[95", ""
    )
    assert "has no interval: two worlds give no interval" in findings(block)[1]


def test_the_finding_never_contradicts_itself(tmp_path: Path) -> None:
    """Once: "cannot be told: pretrained at chance" beside "nowhere above chance"."""
    guesses = np.random.default_rng(3).random((4, 20)) < 0.5
    write_study(tmp_path, lambda arm, world, i, seed: arm != "pretrained" or guesses[world, i], worlds=WORLDS)
    block = block_of(tmp_path)
    assert not any("pretrained" in verdict.arm for verdict in block.verdicts)
    about = [text for text in findings(block) if "ntouched" in text]
    assert len(about) == 1 and "not shown on" in about[0]


@pytest.mark.parametrize(("learned", "barred"), [(7, ["ft"]), (9, [])])
def test_an_arm_below_80_percent_on_what_it_was_told_is_not_interpretable(
    tmp_path: Path, learned: int, barred: list[str]
) -> None:
    """Once "learned the facts: 36%, chance 25" passed."""

    def right(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
        if arm == "pretrained":
            return number % 4 == 0
        known = arm != "ft" or (number * 3 + world) % 10 < learned
        return known and (split == "rephrase_entity" or arm != "ft" or number % 2 == 0)

    write_study(tmp_path, right, worlds=WORLDS, by_split=True)
    block = block_of(tmp_path)
    assert [gate.arm for gate in block.gates] == barred
    (found,) = [each for each in block.verdicts if each.primary]
    assert found.verdict == ("not interpretable" if barred else "reproduced")
    assert any("ft is not interpretable: it has not learned" in text for text in findings(block)) == bool(barred)
    assert any("Finetuning learned the facts" in text for text in findings(block)) != bool(barred)
    assert ("| ft (not interpretable) |" in to_markdown(read_study(tmp_path), [block])) == bool(barred)


def test_a_model_that_cannot_restate_its_prompt_beats_nobody(tmp_path: Path) -> None:
    def right(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
        return split == "reversal" if arm == "icl" else split != "reversal"

    write_study(tmp_path, right, worlds=WORLDS, by_split=True)
    block = block_of(tmp_path)
    assert [gate.arm for gate in block.gates] == ["icl"]
    assert any(
        "icl is not interpretable: it cannot restate what stands in its prompt" in text for text in findings(block)
    )
    assert next(each for each in block.verdicts if each.primary).verdict == "not interpretable"


def test_reversals_are_counted_among_the_facts_that_were_learned(tmp_path: Path) -> None:
    """Of 20 facts ft knows 16; of these it turns round 8, in both runs. icl all."""

    def right(arm: str, world: int, number: int, seed: int | None, split: str) -> bool:
        known = number < 16 or (number == 16 and seed == 0) or arm == "icl"
        return known and (split != "reversal" or arm == "icl" or number < 8)

    write_study(tmp_path, right, worlds=WORLDS, seeds=(0, 1), by_split=True, arms=("icl", "ft"))
    block = block_of(tmp_path)
    icl, ft = block.joint
    assert (ft.both, ft.given, ft.given_facts) == (0.4, 0.5, 64) and (icl.both, icl.given) == (1.0, 1.0)
    assert ft.given_low is not None and ft.given_low < 0.5
    assert any(
        re.search(r"rephrase entity is right in every run, reversal is right too: icl 100%, ft 50%", t)
        for t in findings(block)
    )
    pairs = {pair.split: pair for pair in block.pairs if (pair.arm, pair.than) == ("ft", "icl")}
    assert round(pairs["reversal and rephrase_entity"].difference, 6) == -0.6
    known = pairs["reversal, where rephrase_entity is right"]  # of the facts that both arms have learned, so the 16
    assert round(known.difference, 6) == -0.5 and known.questions == 64
    assert any("Where both know the fact, icl is ahead of ft by +50 points [" in t for t in findings(block))
    assert "| ft | 40.0 [" in to_markdown(read_study(tmp_path), [block])


def test_an_arm_that_is_not_above_counting_words_is_marked(tmp_path: Path) -> None:
    """Syllogisms: ft at 53% lies below word co-occurrence at 76%."""
    shares = {"cooccurrence-baseline": 15, "pretrained": 4, "icl": 20, "ft": 10}

    def right(arm: str, world: int, number: int, seed: int | None) -> bool:
        return (number + world) % 20 < shares[arm] - (world == 1 and arm == "ft")

    write_study(tmp_path, right, worlds=WORLDS, seeds=(0,), arms=tuple(shares))
    block = block_of(tmp_path)
    marked = {name: record.above_baseline for (name, of), record in block.accuracy.items() if of == "reversal"}
    assert marked == {"cooccurrence-baseline": None, "pretrained": False, "icl": True, "ft": False}
    text = to_markdown(read_study(tmp_path), [block])
    assert "| cooccurrence-baseline | 80 (80) | 75.0" in text and re.search(
        r"\| ft \(not interpretable\) \| .* ° \|", text
    )
    assert any("Not above the best baseline on reversal" in said and "ft" in said for said in findings(block))


def test_an_arm_of_one_world_beside_others_of_three_has_no_interval_and_no_verdict(tmp_path: Path) -> None:
    write_study(tmp_path, paper_like, worlds=(0, 1, 2), seeds=(0,))
    file = tmp_path / "study.json"
    plan = read_json(file)
    kept = [cell for cell in plan["cells"] if not cell["arm"].startswith("ft") or cell["world_seed"] == 0]
    file.write_text(json.dumps({**plan, "cells": kept}))
    block = block_of(tmp_path)
    why = "1 of 3 worlds, too few for an interval"
    assert block.accuracy["icl", "reversal"].low is not None
    for arm in ("ft", "ft+oracle"):
        record = block.accuracy[arm, "reversal"]
        assert (record.worlds, record.low, record.why) == (1, None, why)
        assert record.against_chance == "not tested"
    assert all(pair.low is None and pair.p is None for pair in block.pairs if pair.arm.startswith("ft"))
    assert not block.gaps and all(joint.both_low is None for joint in block.joint if joint.arm.startswith("ft"))
    assert f"ft, ft+oracle: {why}." in to_markdown(read_study(tmp_path), [block])
    said = " ".join(findings(block))
    assert f"has no interval: {why}" in said and "not tested: fewer than three of the worlds have them" in said
