"""Writes a study into a page: ``python scripts/study_page.py docs/qwen.md evidence/qwen``.

A folder is a study's, or an archive of one (``icl-ft report DIR --archive FOLDER``), below the project's root. Three things are written:

- Between ``<!-- table FOLDER FAMILY SPLIT ... -->`` and ``<!-- /table -->``, wherever a page has them, the accuracies of these splits of that folder's
  study, arm by arm, with all models side by side. ``python scripts/study_page.py README.md`` does this alone.
- Between ``<!-- table FOLDER: HEADING -->`` and ``<!-- /table -->``, the table of its report with this heading, or ``audits``: what the audit
  says of all that was written for it, or ``agreement``: how far splits of questions that a model wrote agree with those of people. Under ``Along a scale`` the figure of each scale goes to ``assets/`` as well.
- Behind the line ``<!-- digest SPLIT ... -->``, to the end of the page, a digest of the report of the study named, by family: what was found, the
  accuracies, what its intervals are about, the paper's claims. A figure goes to ``assets/`` beside the page, under the study's name: for each block the first of
  these splits that it has, or its main one.

All numbers are the report's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import correlation, fmean
from typing import Any

import altair as alt

from icl_ft_plugin.files import read_json
from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.html import figures, scaling
from icl_ft_plugin.report.records import Accuracy, Block
from icl_ft_plugin.report.stats.scale import scaled
from icl_ft_plugin.report.store.read import Study, read_study
from icl_ft_plugin.report.summary import build_blocks
from icl_ft_plugin.report.table import markdown, to_markdown
from icl_ft_plugin.report.words import BELOW, about, interval, main_split, spaced, title

DIGEST = re.compile(r"<!-- digest((?: \w+)*) -->\n")
PLACE = re.compile(r"(<!-- table ([^\s:]+) (\w+) ([\w -]+?) -->\n).*?(<!-- /table -->)", re.DOTALL)
WHOLE = re.compile(r"(<!-- table (\S+): ([^\n]+?) -->\n).*?(<!-- /table -->)", re.DOTALL)
AGREEMENT, AUDITS, SCALES = "agreement", "audits", "Along a scale"
MACHINE = "-machine"
ROOT = Path(__file__).parents[1]
TABLES = ("accuracy", "learned and turned round, fact by fact", "learned against kept", "the paper's claims")


def sections(text: str) -> dict[str, str]:
    """Return the bodies of a Markdown file's second-level sections by their titles."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def side_by_side(blocks: Sequence[Block], splits: Sequence[str]) -> str:
    """Return the accuracies of some splits as a table, a column for each model and split."""
    columns = [(block, split) for block in blocks for split in splits if split in block.splits]
    arms = list(dict.fromkeys(arm for block in blocks for arm in block.arms))
    header = ["accuracy in %", *(f"{spaced(split)}, {block.model}" for block, split in columns)]
    chance = ["chance", *(f"{100 * _any(block, split).chance:.0f}" for block, split in columns)]
    body = [[f"`{arm}`", *(_cell(block.accuracy.get((arm, split))) for block, split in columns)] for arm in arms]
    return markdown([header, chance, *body])


def _any(block: Block, split: str) -> Accuracy:
    return next(record for (_, each), record in block.accuracy.items() if each == split)


def _cell(record: Accuracy | None) -> str:
    if record is None:
        return ""
    below = f" {BELOW}" if record.against_chance == "below" else ""
    return f"{100 * record.accuracy:.0f}{interval(record.low, record.high, 0)}{below}"


def figure(blocks: Sequence[Block], splits: Sequence[str]) -> alt.Chart:
    """Return the bars of one split of each block, readable on light and on dark pages."""
    models = {block.model for block in blocks}
    drawn = [(block, next((split for split in splits if split in block.splits), main_split(block))) for block in blocks]
    panels = [
        figures.panel(block, split, ink="#808080").properties(
            title=f"{block.family}: {spaced(split)}{f', {block.model}' if len(models) > 1 else ''}"
        )
        for block, split in drawn
    ]
    chart = figures.styled(alt.concat(*panels, columns=3), "#808080")
    chart.config.background = "transparent"
    return chart


def with_tables(text: str) -> str:
    """Return a page with every table in its place."""

    def table(place: re.Match[str]) -> str:
        blocks = [block for block in build_blocks(read_study(ROOT / place[2])) if block.family == place[3]]
        return f"{place[1]}\n{side_by_side(blocks, place[4].split())}\n\n{place[5]}"

    def whole(place: re.Match[str]) -> str:
        study = read_study(ROOT / place[2])
        if place[3] == AUDITS:
            made = audited(study)
        elif place[3] == AGREEMENT:
            made = agreement(build_blocks(study))
        else:
            made = sections(to_markdown(study, build_blocks(study)))[place[3]]
        return f"{place[1]}\n{made}\n\n{place[4]}"

    return WHOLE.sub(whole, PLACE.sub(table, text))


def agreement(blocks: Sequence[Block]) -> str:
    """Return how far a model's questions agree with people's of the same kind, over the arms of all models."""
    body = []
    for split in dict.fromkeys(split for block in blocks for split in block.splits if not split.endswith(MACHINE)):
        pairs = [
            (record.accuracy, twin.accuracy)
            for block in blocks
            for arm in block.arms
            if (record := block.accuracy.get((arm, split))) and (twin := block.accuracy.get((arm, f"{split}{MACHINE}")))
        ]
        if pairs:
            people, machine = zip(*pairs, strict=True)
            apart = f"{100 * fmean(abs(one - other) for one, other in pairs):.0f}"
            means = (f"{100 * fmean(values):.0f}" for values in (people, machine))
            body.append([spaced(split), str(len(pairs)), *means, apart, f"{correlation(people, machine):.2f}"])
    header = ["kind", "arms", "mean in %, by people", "by the model", "points apart, mean", "correlation"]
    return markdown([header, *body])


def audited(study: Study) -> str:
    """Return the audits of what was written for a study, added up by family and by who wrote it: a strategy of a model, or a file."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for file in sorted(study.folder.glob("augmentations/*/audit.json")):
        audit, writer = read_json(file), _writer(read_json(file.with_name("augmentation.json"))["identity"])
        found.setdefault((writer, audit["family"]), []).append(audit)
    labels = list(next(iter(found.values()))[0]["labels"])
    body = []
    for who, ones in found.items():
        counts = {label: sum(audit["labels"][label] for audit in ones) for label in labels}
        read = sum(counts.values()) - counts["unparsed"]
        numbers = (len(ones), sum(audit["texts"] for audit in ones), *counts.values())
        share = f"{100 * counts['entailed'] / read:.0f}%" if read else ""
        body.append([*who, *(f"{number:,}" for number in numbers), share])
    header = ["written by", "family", "worlds", "texts", *labels, "entailed, of what could be read"]
    return markdown([header, *body])


def _writer(identity: Mapping[str, str]) -> str:
    """Return what wrote an augmentation, by its identity: files by their names."""
    if "file" not in identity:
        return f"`{identity['strategy']}`"
    files = (ROOT / "recipes" / "foreign").iterdir()
    return next(f"`{file.name}`" for file in files if sha256(file.read_bytes()).hexdigest() == identity["file"])


def scales(text: str, assets: Path) -> None:
    """Write the figures of the scales whose tables a page has."""
    for folder in dict.fromkeys(place[2] for place in WHOLE.finditer(text) if place[3] == SCALES):
        study = read_study(ROOT / folder)
        for axis, panels in scaling.panels(scaled(study), ink="#808080").items():
            chart = figures.styled(figures.side_by_side(panels), "#808080")
            chart.config.background = "transparent"
            chart.save(str(assets / f"{study.name}-{axis}.svg"))


def with_digest(text: str, folder: Path) -> str:
    """Return a page with the digest of a study behind its head."""
    mark = DIGEST.search(text)
    if not mark:
        raise SystemExit("the page has no line <!-- digest -->")
    study = read_study(folder)
    blocks = build_blocks(study)
    tables = sections(to_markdown(study, blocks))
    lines = [text[: mark.end()]]
    for block in blocks:
        scope = f", {block.scope}" if block.scope else ""
        lines += [f"## {title(block)}\n", about(block), "", "\n".join(f"- {line}" for line in findings(block)), ""]
        for name in TABLES:
            if table := tables.get(f"{block.worlds}, {block.model}: {name}{scope}"):
                lines += [table, ""]
    return "\n".join(lines)


def main(page: Path, folder: Path | None = None) -> None:
    """Write the page and its figure."""
    text = with_tables(page.read_text(encoding="utf-8"))
    if folder:
        text = with_digest(text, folder)
        study, splits = read_study(folder), DIGEST.findall(text)[0].split()
        figure(build_blocks(study), splits).save(str(page.parent / f"assets/{study.name}.svg"))
    scales(text, page.parent / "assets")
    page.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
