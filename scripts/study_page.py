"""Writes a study into a page of docs/: ``python scripts/study_page.py docs/embedded-study.md runs/embedded``.

What stands before the page's first second-level heading is kept as it is; behind it comes a digest of the study's report, by
family: what was found, the accuracies, what its intervals are about, the paper's claims. The figure of the main splits goes to docs/assets/ under
the study's name. All numbers are the report's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import altair as alt

from icl_ft_plugin.report.findings import findings
from icl_ft_plugin.report.html import figures
from icl_ft_plugin.report.table import to_markdown, write_table
from icl_ft_plugin.report.words import about, main_split, spaced, title


def sections(text: str) -> dict[str, str]:
    """Return the bodies of a Markdown file's second-level sections by their titles."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def main(page: str, folder: str) -> None:
    """Write the page and its figure."""
    study, blocks, _ = write_table(Path(folder))
    tables = sections(to_markdown(study, blocks))
    panels = [
        figures.panel(block, main_split(block), ink="#808080").properties(
            title=f"{block.family}: {spaced(main_split(block))}"
        )
        for block in blocks
    ]
    chart = figures.styled(alt.concat(*panels, columns=3), "#808080")  # readable on light and on dark pages
    chart.config.background = "transparent"
    chart.save(str(Path(page).parent / f"assets/{study.name}.svg"))
    lines = [Path(page).read_text(encoding="utf-8").partition("\n## ")[0].rstrip(), ""]
    for block in blocks:
        scope = f", {block.scope}" if block.scope else ""
        lines += [f"## {title(block)}\n", about(block), "", "\n".join(f"- {line}" for line in findings(block)), ""]
        for name in ("accuracy", "the paper's claims"):
            if table := tables.get(f"{block.worlds}, {block.model}: {name}{scope}"):
                lines += [table, ""]
    Path(page).write_text("\n".join(lines), encoding="utf-8")
    cells = [json.loads(file.read_text())["training"] for file in Path(folder).glob("cells/*/ledger.json")]
    print(f"{sum(cell['seconds'] for cell in cells if cell):.0f} s of training, {len(cells)} cells")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
