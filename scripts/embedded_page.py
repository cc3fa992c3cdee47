"""Writes docs/embedded-study.md from a run of ``icl-ft study embedded``: ``python scripts/embedded_page.py runs/embedded "It took ..."``.

The page is a digest of the study's report: one figure of the main splits, and by family what was found, the accuracies and
the paper's orderings. All numbers are the report's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import altair as alt

from icl_ft_plugin.report import figures
from icl_ft_plugin.report.findings import findings, main_split, spaced, title
from icl_ft_plugin.report.table import write_table

DOCS = Path(__file__).parents[1] / "docs"
HEAD = """# The embedded study

All five families on the embedded model, each learned in five ways, three training runs an arm: what anyone can repeat on a laptop.
This page is a digest of the report that the study writes (`scripts/embedded_page.py` makes it).

```sh
icl-ft study embedded --out runs/embedded --workers 2
```

{time}

![Accuracy on the main split of each family, by way of learning](assets/embedded.svg)

Accuracy in %; bars: 95% intervals clustered by fact, thin: other training runs allowed for as well; dots: single training runs; dashed: chance.
`ft+local` is finetuned on the documents and on what the model itself infers from each; `ft+oracle` on what rules infer.
All trained arms take 300 gradient steps, 16 rows a step (process and semantic structure: 8), learning rate 3e-3 falling linearly to 0.
More arms, the audit of what the model wrote, and splitting into sentences: [results](results.md). How to read the tables: [the report](report.md).
"""


def sections(text: str) -> dict[str, str]:
    """Return the bodies of a Markdown file's second-level sections by their titles."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def main(folder: str, time: str) -> None:
    """Write the page and its figure; ``time`` is the sentence on how long the study took."""
    _, blocks, _ = write_table(Path(folder))
    tables = sections((Path(folder) / "table.md").read_text(encoding="utf-8"))
    panels = [
        figures.panel(block, main_split(block), ink="#808080").properties(
            title=f"{block.family}: {spaced(main_split(block))}"
        )
        for block in blocks
    ]
    chart = figures._styled(alt.concat(*panels, columns=3), "#808080")  # readable on light and on dark pages
    chart.config.background = "transparent"
    chart.save(str(DOCS / "assets/embedded.svg"))
    page = [HEAD.format(time=time)]
    for block in blocks:
        name = f"{block.family}, {block.model}"
        page += [f"## {title(block)}\n", "\n".join(f"- {line}" for line in findings(block)), ""]
        page += [tables[f"{name}: accuracy"], "", tables[f"{name}: the paper's orderings"], ""]
    (DOCS / "embedded-study.md").write_text("\n".join(page), encoding="utf-8")
    cells = [json.loads(file.read_text())["training"] for file in Path(folder).glob("cells/*/ledger.json")]
    print(f"{sum(cell['seconds'] for cell in cells if cell):.0f} s of training, {len(cells)} cells")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
