"""Every number of a study on a page is that of the study's archive under ``evidence/``, and nobody's hand has been in between."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "study_page.py"))
CARD = ROOT / "src/icl_ft_plugin/models/nano/README.md"
PAGES = [
    page
    for page in (ROOT / "README.md", CARD, *sorted((ROOT / "docs").glob("*.md")))
    if "<!-- table" in page.read_text()
]
DIGESTS = {"docs/qwen.md": "evidence/qwen"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_tables_of_a_page_are_made_again(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert SCRIPT["with_tables"](text) == text


@pytest.mark.parametrize("page", DIGESTS)
def test_the_digest_of_a_page_is_made_again(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert SCRIPT["with_digest"](text, ROOT / DIGESTS[page]) == text


def test_a_table_has_every_arm_and_model() -> None:
    place = "<!-- table evidence/qwen reversal reversal_entity -->\n<!-- /table -->"
    made = SCRIPT["with_tables"](place).splitlines()
    assert "reversal entity, qwen2.5-coder-0.5b" in made[2] and any(line.startswith("| `ft+local` | ") for line in made)
