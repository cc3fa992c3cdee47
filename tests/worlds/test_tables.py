"""The tables of the task READMEs: what answerers that know nothing, or everything, score."""

import re
from statistics import fmean

import pytest

from icl_ft_plugin.families import generate
from icl_ft_plugin.paths import tasks_dir
from icl_ft_plugin.worlds.baselines import BASELINES, chance, score

SEEDS = range(5)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["reversal", "syllogism", "celebrity", "codebook"])
def test_the_table_of_a_readme_is_what_the_baselines_score(family):
    text = (tasks_dir() / family / "README.md").read_text(encoding="utf-8")
    [header, _, *lines] = re.findall(r"^\| answerer \|.*\n(?:\|.*\n)+", text, re.MULTILINE)[0].splitlines()
    splits = [cell.strip() for cell in header.split("|")[2:-1]]
    rows = {name.strip(): [float(cell) for cell in cells] for _, name, *cells, _ in (row.split("|") for row in lines)}
    worlds = [generate(family, seed) for seed in SEEDS]
    assert splits == list(worlds[0].splits) and set(rows) == {"chance", *BASELINES}
    for name, row in rows.items():
        found = [chance(world) if name == "chance" else score(world, name) for world in worlds]
        assert row == [round(100 * fmean(values[split] for values in found), 1) for split in splits], name
