r"""The report as one HTML file that needs no network: figures inline, data as JSON, a small script of our own.

What comes from models and worlds is text and stays text: jinja2 escapes it, the data's ``<`` is written ``\u003c``, the
script only ever sets ``textContent``, and the page's own policy forbids every script but the one it was written with.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from icl_ft_plugin.report import evidence, figures, table_rows
from icl_ft_plugin.report.findings import at_a_glance, findings, is_share, main_split, title
from icl_ft_plugin.report.questions import browsable
from icl_ft_plugin.report.read import Study, together
from icl_ft_plugin.report.summary import Block
from icl_ft_plugin.report.table import missing_note

ASSETS = files("icl_ft_plugin.report") / "assets"
SCALE = (-0.25, 1.25)  # what the meters of the gap show


def render(study: Study, blocks: Sequence[Block]) -> str:
    """Return the page of a study."""
    return fill(
        "page.html.j2",
        script="page.js",
        data={"blocks": browsable(study, blocks)},
        name=study.name,
        version=study.version,
        cells=f"{len(study.cells)} of {study.planned}",
        missing=missing_note(study),
        models=list(dict.fromkeys(block.model for block in blocks)),
        blocks=[_block(study, block, f"b{i}") for i, block in enumerate(blocks)],
        glance=at_a_glance(blocks) if len(blocks) > 1 else [],
        orderings=[(title(block), block.orderings) for block in blocks if block.orderings],
        audit=evidence.audit_table(study),
    )


def fill(template: str, *, script: str = "", data: Any = None, **values: Any) -> str:
    """Fill one of our templates; everything is escaped unless the template marks it as markup of ours.

    Args:
        template: File under ``assets``.
        script: File under ``assets``; without one the page runs none at all.
        data: What the script reads, as JSON.
        **values: What the template reads.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def load(name: str) -> str:
        return (ASSETS / name).read_text(encoding="utf-8")

    text = load(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    environment = Environment(
        loader=FunctionLoader(load), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    environment.filters["p"] = table_rows.p_value
    return environment.get_template(template).render(
        **values,
        style=load("page.css"),
        script=text,
        allowed=f"'sha256-{digest}'" if script else "'none'",
        data=embedded(data),
    )


def embedded(data: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _block(study: Study, block: Block, anchor: str) -> dict[str, Any]:
    shades = figures.colors(block.arms)
    cells = together(study)[block.model, block.worlds]
    costs = {"training_tokens": "training tokens per run", "prompt_tokens": "prompt tokens per question"}
    return {
        "anchor": anchor,
        "title": title(block),
        "findings": findings(block),
        "main": main_split(block),
        "main_panel": figures.svg(figures.panel(block, main_split(block)), f"{anchor}-main"),
        "legend": [(arm, shades[arm]) for arm in block.arms],
        "panels": _drawn([figures.panel(block, split) for split in _asked(block)], f"{anchor}-bars"),
        "accuracy": table_rows.accuracy_rows(block),
        "labels": table_rows.label_rows(block),
        "meters": _meters(block, shades),
        "gaps": table_rows.gap_rows(block),
        "reasons": table_rows.gap_reasons(block),
        "comparisons": table_rows.comparison_rows(block),
        "variance": table_rows.variance_rows(block),
        "compute": table_rows.compute_rows(block),
        "ledger": _drawn([figures.compute_panel(block, key, name) for key, name in costs.items()], f"{anchor}-costs"),
        **_curves(block, anchor, evidence.loss_rows(cells), evidence.curve_rows(cells)),
    }


def _asked(block: Block) -> list[str]:
    return [split for split in block.splits if any(of == split for _, of in block.accuracy)]


def _drawn(charts: Sequence[Any], name: str) -> list[str]:
    return [figures.svg(chart, f"{name}-{i}") for i, chart in enumerate(charts)]


def _curves(
    block: Block, anchor: str, losses: list[dict[str, Any]], curves: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    drawn = [
        figures.curve_panel(rows, block.arms, f"accuracy: {split}", accuracy=True) for split, rows in curves.items()
    ]
    if losses:
        drawn.append(figures.curve_panel(losses, block.arms, "training loss (nats per token)", accuracy=False))
    return {"curves": _drawn(drawn, f"{anchor}-curves"), "has_accuracy_curves": bool(curves)}


def _meters(block: Block, shades: dict[str, str]) -> list[dict[str, Any]]:
    """Return where each arm stands between ft and icl on the main split, in percent of the meter's width."""
    meters = []
    for record in block.gaps:
        if record["split"] != main_split(block) or record["closed"] is None or not is_share(record):
            continue
        ends = [record[key] if record[key] is not None else SCALE[i] for i, key in enumerate(("low", "high"))]
        low, at, high = (100 * _place(value) for value in (ends[0], record["closed"], ends[1]))
        meters.append({"arm": record["arm"], "low": low, "at": at, "width": high - low, "color": shades[record["arm"]],
                       "text": f"{100 * record['closed']:.0f}%"})  # fmt: skip
    return meters


def _place(value: float) -> float:
    return (min(max(value, SCALE[0]), SCALE[1]) - SCALE[0]) / (SCALE[1] - SCALE[0])


def write_page(text: str, file: Path) -> Path:
    """Write a page whole or not at all."""
    draft = file.with_name(f".{file.name}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
    return file
