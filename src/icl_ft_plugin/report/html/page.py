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
from typing import TYPE_CHECKING

from icl_ft_plugin.families import named
from icl_ft_plugin.files import write_text
from icl_ft_plugin.report import evidence, table_rows
from icl_ft_plugin.report.findings import at_a_glance, findings, is_share
from icl_ft_plugin.report.html import figures, measured, scaling
from icl_ft_plugin.report.html.questions import browsable
from icl_ft_plugin.report.measures.kept import kept_rows
from icl_ft_plugin.report.measures.matched import matched_rows, matched_title
from icl_ft_plugin.report.measures.partial import part_rows
from icl_ft_plugin.report.measures.verbatim import verbatim_rows
from icl_ft_plugin.report.records import Block
from icl_ft_plugin.report.stats.scale import scaled
from icl_ft_plugin.report.store.read import Study, together
from icl_ft_plugin.report.symptoms import symptoms
from icl_ft_plugin.report.table import missing_note
from icl_ft_plugin.report.words import about, main_split, p_value, spaced, title

if TYPE_CHECKING:
    import altair as alt


ASSETS = files("icl_ft_plugin.report") / "assets"
SCALE = (-0.25, 1.25)  # what the meters of the gap show


def render(study: Study, blocks: Sequence[Block]) -> str:
    """Return the page of a study."""
    return fill(
        "page.html.j2",
        script="page.js",
        data={"blocks": browsable(study, blocks)},
        name=study.name,
        heading=_heading(blocks),
        version=study.version,
        cells=f"{len(study.cells)} of {study.planned}",
        missing=missing_note(study),
        models=list(dict.fromkeys(block.model for block in blocks)),
        blocks=[_block(study, block, f"b{i}") for i, block in enumerate(blocks)],
        glance=at_a_glance(blocks) if len(blocks) > 1 else [],
        claims=[(title(block), _claims(block)) for block in blocks if block.verdicts],
        scales={axis: _drawn(of, f"scale-{i}") for i, (axis, of) in enumerate(scaling.panels(scaled(study)).items())},
        audit=_narrow(evidence.audit_table(study)),
    )


def _heading(blocks: Sequence[Block]) -> str:
    """Return what a study is about, in words, e.g. ``"Simple reversals, nano"``."""
    families = list(dict.fromkeys(named(block.family).title for block in blocks))
    models = list(dict.fromkeys(block.model for block in blocks))
    about = " and ".join(families) if len(families) < 3 else f"{len(families)} kinds of facts"
    return f"{about}, {models[0] if len(models) == 1 else f'{len(models)} models'}"


def _narrow(rows: table_rows.Rows) -> table_rows.Rows:
    """Return a table of few rows and many columns turned round."""
    return [list(column) for column in zip(*rows, strict=True)] if rows and len(rows) < len(rows[0]) else rows


def fill(template: str, *, script: str = "", data: object = None, **values: object) -> str:
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
    environment.filters["p"] = p_value
    return environment.get_template(template).render(
        **values,
        style=load("page.css"),
        script=text,
        allowed=f"'sha256-{digest}'" if script else "'none'",
        data=embedded(data),
    )


def embedded(data: object) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _block(study: Study, block: Block, anchor: str) -> dict[str, object]:
    shades = figures.colors(block.arms)
    cells = together(study)[block.model, block.worlds]
    trained = {arm: cost.training_tokens for arm, cost in block.compute.items()}
    read = {arm: cost.prompt_tokens for arm, cost in block.compute.items() if cost.prompt_tokens is not None}
    costs = {"training tokens per run": trained, **({"prompt tokens per question": read} if read else {})}
    return {
        "anchor": anchor,
        "title": title(block),
        "findings": findings(block),
        "symptoms": symptoms(block),
        "about": about(block),
        "legend_text": table_rows.legend(block),
        "main": main_split(block),
        "main_panel": figures.svg(figures.panel(block, main_split(block)), f"{anchor}-main"),
        "legend": [(arm, shades[arm]) for arm in block.arms],
        "trained": [(arm, shades[arm]) for arm in block.arms if block.compute[arm].training_runs],
        "panels": _drawn([*(figures.panel(block, split) for split in _asked(block)), *_joint(block)], f"{anchor}-bars"),
        "accuracy": table_rows.accuracy_rows(block),
        "pmi": table_rows.pmi_rows(block),
        "prompts": table_rows.prompt_rows(block),
        "labels": table_rows.label_rows(block),
        "meters": _meters(block, shades),
        "gaps": table_rows.gap_rows(block),
        "reasons": table_rows.gap_reasons(block),
        "joint": table_rows.joint_rows(block),
        "measured": _drawn(list(measured.panels(block).values()), f"{anchor}-measured"),
        "parts": part_rows(block.parts),
        "kept": kept_rows(block),
        "matched": matched_rows(block),
        "matched_title": matched_title(block),
        "verbatim": verbatim_rows(block),
        "contamination": table_rows.contamination_rows(block),
        "pairs": table_rows.pair_rows(block),
        "variance": table_rows.variance_rows(block),
        "compute": table_rows.compute_rows(block),
        "ledger": _drawn([figures.compute_panel(block, of, name) for name, of in costs.items()], f"{anchor}-costs"),
        **_curves(block, anchor, evidence.losses(cells), evidence.curves(cells)),
    }


def _claims(block: Block) -> list[dict[str, object]]:
    """Return the verdicts, the primary ones first, with the class that colors each."""
    words = ("not reproduced", "reproduced", "cannot", "differs", "not")
    return [
        {
            "kind": next((word for word in words if each.verdict.startswith(word)), "not").replace(" ", "-"),
            "verdict": each.verdict,
            "claim": f"{each.arm}: {each.claim}",
            "split": spaced(each.split),
            "primary": each.primary,
            "p": p_value(each.p),
            "contrary": p_value(each.p_contrary) if each.verdict == "not reproduced" else "",
        }
        for each in sorted(block.verdicts, key=lambda each: not each.primary)
    ]


def _joint(block: Block) -> list[alt.LayerChart]:
    main, learned = named(block.family).main, named(block.family).learned
    if main is None or learned is None or all(joint.given is None for joint in block.joint):
        return []
    return [figures.joint_panel(block, [spaced(main), f"where {spaced(learned)} is right in every run"])]


def _asked(block: Block) -> list[str]:
    return [split for split in block.splits if any(of == split for _, of in block.accuracy)]


def _drawn(charts: Sequence[alt.TopLevelMixin], name: str) -> list[str]:
    return [figures.svg(chart, f"{name}-{i}") for i, chart in enumerate(charts)]


def _curves(
    block: Block, anchor: str, losses: Sequence[evidence.Point], curves: dict[str, list[evidence.Point]]
) -> dict[str, object]:
    drawn = [
        figures.curve_panel(rows, block.arms, f"accuracy: {split}", accuracy=True) for split, rows in curves.items()
    ]
    if losses:
        drawn.append(figures.curve_panel(losses, block.arms, "training loss (nats per token)", accuracy=False))
    return {"curves": _drawn(drawn, f"{anchor}-curves"), "has_accuracy_curves": bool(curves)}


def _meters(block: Block, shades: dict[str, str]) -> list[dict[str, object]]:
    """Return where each arm stands between ft and icl on the main split, in percent of the meter's width."""
    meters = []
    for gap in block.gaps:
        if (
            gap.split != main_split(block)
            or gap.closed is None
            or gap.low is None
            or gap.high is None
            or not is_share(gap)
        ):
            continue
        low, at, high = (100 * _place(value) for value in (gap.low, gap.closed, gap.high))
        meters.append({"arm": gap.arm, "low": low, "at": at, "width": high - low, "color": shades[gap.arm],
                       "text": f"{100 * gap.closed:z.0f}%"})  # fmt: skip
    return meters


def _place(value: float) -> float:
    return (min(max(value, SCALE[0]), SCALE[1]) - SCALE[0]) / (SCALE[1] - SCALE[0])


def write_page(text: str, file: Path) -> Path:
    """Write a page whole or not at all."""
    write_text(file, text)
    return file
