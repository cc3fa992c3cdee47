"""Do the report's intervals hold the truth? ``python benchmarks/calibration.py --worlds 3 --facts 20 --runs 1``.

Simulates studies whose truth is known and has the report's own code judge them. A study has W worlds of F questions, every
arm R training runs; an arm's probability of a right answer in a world is the true one, and a draw for the world (sd A; one half of its
variance is shared by all arms), and a draw for the run (sd B). Questions differ in difficulty, alike in all runs. Prints, and
writes to ``--json FILE``, shares of the simulated studies::

    {"coverage": 0.95, "type_i": 0.05, "false_arrow": 0.05, "gap_coverage": 0.95}

- ``coverage``: the 95% interval that is printed holds the accuracy that it claims to be about: over new worlds, facts and runs, or, with
  one world, over new facts for this world and these runs.
- ``type_i``: two arms that are equally good are told apart: p < 0.05, or, with one world, where there are no tests, the interval of
  their difference does not hold it.
- ``false_arrow``: an arm that is exactly at chance (50%) is called above or below it.
- ``gap_coverage``: the interval of the share of a gap closed (0.6 of 40 points) holds it, where there is one.

``null``: the report prints no such interval, and says why. ``--premises first-last``: a question is answered by two premises, each
known or not; every third question has the same first, every second the same last premise. ``--premises rules``: a world has one
operator of nine rules, each known or not, and a question takes one of them.

``--grid docs/report.md`` goes through the grid of that page and writes its table there.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from icl_ft_plugin.report.stats.gap import gap_closed
from icl_ft_plugin.report.stats.grid import Floats, Grid, partitions
from icl_ft_plugin.report.stats.mean import accuracy, difference

STUDIES = 4000
CHUNK = 500
ACCURACY, CHANCE, GUESS = 0.6, 0.5, 0.25
FT, ARM, ICL = 0.4, 0.64, 0.8
DIFFICULTY = 0.1  # sd between questions
KNOWN = 0.6  # share of the premises or rules that a learner knows


@dataclass(frozen=True, slots=True)
class Design:
    """What is simulated.

    Attributes:
        worlds: Worlds of a study.
        facts: Questions of a world.
        runs: Training runs of an arm.
        sd_world: Standard deviation of the accuracy between worlds, as a share.
        sd_run: The same between training runs.
        premises: ``"none"``, ``"first-last"`` or ``"rules"``: what questions share.
        accuracy: True accuracy of the two arms that are compared.
    """

    worlds: int
    facts: int
    runs: int
    sd_world: float
    sd_run: float
    premises: str = "none"
    accuracy: float = ACCURACY


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """The answers of one arm in many studies, and what is true of them.

    Attributes:
        grids: By world; answers have the shape (studies, questions, runs).
        probability: Of a right answer to a question of the kind, shape (studies, worlds, runs).
    """

    grids: dict[int, Grid]
    probability: Floats


def simulate(random: np.random.Generator, design: Design, means: tuple[float, ...], studies: int) -> list[Arm]:
    """Return arms with the true accuracies ``means`` that were asked the same questions."""
    shape = (studies, design.worlds)
    shared = random.standard_normal((*shape, 1))
    difficulty = DIFFICULTY * random.standard_normal((*shape, design.facts, 1))
    keys, structure = _structure(random, design)
    arms = []
    for mean in means:
        world = (shared + random.standard_normal((*shape, 1))) / np.sqrt(2) * design.sd_world
        run = design.sd_run * random.standard_normal((*shape, design.runs))
        level = mean + world + run  # (studies, worlds, runs)
        if design.premises == "none":
            chance = level[:, :, None, :] + difficulty
            right = random.random(chance.shape) < chance
            true = _clipped(level)
        else:
            right, true = _known(random, level, structure)
        arms.append(Arm({w: Grid(right[:, w].astype(float), partitions(keys)) for w in range(design.worlds)}, true))
    return arms


def _clipped(level: Floats) -> Floats:
    """Return the share of right answers over questions of all difficulties, a probability lying between 0 and 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    true: Floats = np.clip(level[..., None] + DIFFICULTY * nodes, 0, 1) @ (weights / weights.sum())
    return true


def _structure(random: np.random.Generator, design: Design) -> tuple[list[list[int]], np.ndarray]:
    """Return the clusters of the questions, and by question the pieces of knowledge that it takes."""
    numbers = np.arange(design.facts)
    if design.premises == "rules":
        return [[0] * design.facts], numbers[:, None] % 9
    if design.premises == "first-last":
        first, last = numbers % -(-design.facts // 3), numbers // 2
        return [first.tolist(), last.tolist()], np.stack([first, 1000 + last], axis=1)
    return [numbers.tolist()], numbers[:, None]


def _known(random: np.random.Generator, level: Floats, needed: np.ndarray) -> tuple[np.ndarray, Floats]:
    """Return the answers of learners that know some pieces, in all runs of a world alike, and guess without; and what is true."""
    used, place = np.unique(needed, return_inverse=True)
    place = place.reshape(needed.shape)
    width = needed.shape[1]
    share = np.clip((level - GUESS) / (1 - GUESS), 0, 1)  # of the questions, that are known
    pieces = share ** (1 / width)
    known = random.random((*level.shape[:2], len(used), 1)) < pieces[:, :, None, :]
    answer = known[:, :, place].all(axis=3)
    guessed = random.random(answer.shape) < GUESS
    return answer | guessed, GUESS + (1 - GUESS) * share


def judge(design: Design, studies: int, seed: int) -> dict[str, float | None]:
    """Return the shares of simulated studies in which the report is right or wrong."""
    random = np.random.default_rng(seed)
    found: dict[str, list[Floats]] = {"coverage": [], "type_i": [], "false_arrow": [], "gap_coverage": []}
    truth = _expected(design)
    for start in range(0, studies, CHUNK):
        many = min(CHUNK, studies - start)
        one, other = simulate(random, design, (design.accuracy, design.accuracy), many)
        estimate = accuracy(list(one.grids.values()))
        # One world: what is true of it and of these runs. More: of all worlds.
        target = one.probability.mean(axis=(1, 2)) if design.worlds == 1 else truth
        found["coverage"].append(_holds(estimate.low, target, estimate.high))
        apart = difference(one.grids, other.grids)
        if apart.tested:
            found["type_i"].append((apart.p < 0.05).astype(float))
        else:
            gone = target - other.probability.mean(axis=(1, 2))
            found["type_i"].append(1 - _holds(apart.low, gone, apart.high))
        (guess,) = simulate(random, design, (CHANCE,), many)
        # The score of a clipped normal around one half has the mean one half.
        found["false_arrow"].append(np.abs(accuracy(list(guess.grids.values())).against(CHANCE)))
        found["gap_coverage"].append(_gap(random, design, many))
    return {name: _share(np.concatenate(shares)) for name, shares in found.items()}


def _gap(random: np.random.Generator, design: Design, studies: int) -> Floats:
    ft, arm, icl = simulate(random, design, (FT, ARM, ICL), studies)
    gap = gap_closed(arm.grids, ft.grids, icl.grids)
    if design.worlds > 1:
        return _holds(gap.low, np.asarray((ARM - FT) / (ICL - FT)), gap.high)
    means = [each.probability.mean(axis=(1, 2)) for each in (ft, arm, icl)]
    return _holds(gap.low, (means[1] - means[0]) / (means[2] - means[0]), gap.high)


def _expected(design: Design) -> Floats:
    """Return the accuracy over all worlds and runs; clipping moves it where it is near 0 or 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    sd = np.hypot(design.sd_world, design.sd_run)
    level = design.accuracy + sd * nodes
    true = _clipped(level) if design.premises == "none" else np.clip(level, GUESS, 1)
    return np.asarray(true @ (weights / weights.sum()))


def _holds(low: Floats, target: Floats, high: Floats) -> Floats:
    held: Floats = np.where(np.isnan(low), np.nan, (low <= target) & (target <= high))
    return held


def _share(values: Floats) -> float | None:
    return None if np.isnan(values).all() else round(float(np.nanmean(values)), 4)


GRID = [
    Design(worlds, facts, runs, sd_world, sd_run, premises)
    for premises, worlds, facts, runs, sd_world, sd_run in product(
        ("none", "first-last", "rules"), (1, 3, 5), (20, 30, 100), (1, 3), (0.0, 0.05, 0.076), (0.0, 0.05)
    )
]
BEGIN, END = "<!-- calibration: benchmarks/calibration.py writes this table -->", "<!-- end -->"
HEADER = ("questions share", "worlds", "questions", "runs", "coverage", "type I", "false arrow", "gap closed")
SHARED = {"none": "nothing", "first-last": "premises", "rules": "rules"}


def rows(grid: list[Design], studies: int, seed: int) -> list[list[str]]:
    """Return the table: the range over the standard deviations of each size of study."""
    groups: dict[tuple[str, str, str, str], list[dict[str, float | None]]] = {}
    for design in grid:
        size = (SHARED[design.premises], str(design.worlds), str(design.facts), str(design.runs))
        groups.setdefault(size, []).append(judge(design, studies, seed))
        print(design, groups[size][-1], file=sys.stderr, flush=True)
    return [list(HEADER), *([*size, *(_range(found, name) for name in found[0])] for size, found in groups.items())]


def _range(found: list[dict[str, float | None]], name: str) -> str:
    values = [100 * value for each in found if (value := each[name]) is not None]
    return f"{min(values):.1f} - {max(values):.1f}" if values else "none printed"


def write_table(page: Path, table: list[list[str]]) -> None:
    """Put the table into a page, between its two marks."""
    header, *body = table
    lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *body]]
    text = page.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), encoding="utf-8")


def main() -> None:
    """Simulate one design, or the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--facts", type=int, default=20, help="questions of a world")
    parser.add_argument("--runs", type=int, default=1, help="training runs of an arm in a world")
    parser.add_argument("--sd-world", type=float, default=0.05, help="0.05 is 5 points")
    parser.add_argument("--sd-run", type=float, default=0.05)
    parser.add_argument("--premises", choices=tuple(SHARED), default="none")
    parser.add_argument("--accuracy", type=float, default=ACCURACY, help="true accuracy of the arms that are compared")
    parser.add_argument("--studies", type=int, default=STUDIES, help="simulated studies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the shares")
    parser.add_argument(
        "--grid", type=Path, metavar="PAGE", help="go through the whole grid; write the table into a page"
    )
    args = parser.parse_args()
    if args.grid:
        return write_table(args.grid, rows(GRID, args.studies, args.seed))
    if min(args.worlds, args.runs, args.studies) < 1 or args.facts < 2 or min(args.sd_world, args.sd_run) < 0:
        parser.error("worlds, runs and studies are at least 1, facts at least 2, standard deviations not below 0")
    if not 0 < args.accuracy < 1:
        parser.error("--accuracy lies between 0 and 1")
    design = Design(args.worlds, args.facts, args.runs, args.sd_world, args.sd_run, args.premises, args.accuracy)
    text = json.dumps(judge(design, args.studies, args.seed))
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
