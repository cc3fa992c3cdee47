"""The page in headless Chromium; skipped where there is none (Debian: apt-get install chromium)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report.test_page import HOSTILE
from report_data import paper_like, told, write_results, write_study
from typer.testing import CliRunner

from icl_ft_plugin.cli.app import app

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(tmp_path_factory.mktemp("study"), told, questions=20, worlds=(0, 1, 2), by_split=True)
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(
        tmp_path_factory.mktemp("hostile"), paper_like, model=HOSTILE, label=HOSTILE, question=HOSTILE,
        choices=[HOSTILE, HOSTILE + "2"], labels={HOSTILE: "a", "gold_word": HOSTILE}, arms=("icl", "ft", f"ft+{HOSTILE}"),
    )  # fmt: skip
    assert CliRunner().invoke(app, ["report", str(folder)]).exit_code == 0
    return folder / "report.html"


def opened(browser: Any, file: Path, **context: Any) -> tuple[Any, list[str]]:
    """Open a page offline and collect all that goes wrong."""
    page = browser.new_context(offline=True, **context).new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    page.goto(file.as_uri())
    return page, wrong


def test_it_loads_offline_without_an_error_and_says_what_was_found(browser: Any, page_file: Path) -> None:
    page, wrong = opened(browser, page_file, viewport={"width": 1280, "height": 900})
    lead = page.locator(".lead")
    assert "In context, nano answers 100%" in lead.inner_text()
    assert lead.bounding_box()["y"] < 500, "on the first screen"
    assert page.locator(".panels svg").count() >= 4
    assert page.locator(".verdict.reproduced").count() >= 2
    assert wrong == []


def test_filters(browser: Any, page_file: Path) -> None:
    page, wrong = opened(browser, page_file)
    count = page.locator("#count")
    assert count.inner_text() == "120 of 120 questions." and page.locator(".item").count() == 12
    page.select_option("#f-split", "reversal")
    assert count.inner_text() == "60 of 120 questions."
    page.select_option("#f-arm", label="ft")
    page.select_option("#f-answer", "wrong")
    shown = count.inner_text()
    wrong_in_every_run = sum(
        not any(paper_like("ft", world, i, seed) for seed in range(3)) for world in (0, 1, 2) for i in range(20)
    )
    assert shown == f"{wrong_in_every_run} of 120 questions."
    page.select_option("#f-arm", label="icl")
    assert count.inner_text() == "0 of 120 questions."
    page.select_option("#f-answer", "right")
    page.fill("#f-text", "FEMP7.")
    assert count.inner_text() == "3 of 120 questions." and page.locator(".item").count() == 3
    page.fill("#f-text", "")
    while page.locator("#more").is_visible():
        page.click("#more")
    assert page.locator(".item").count() == 60
    cells = page.locator(".item").first.locator(".score").all_inner_texts()
    assert len(cells) == 2 * 4 and any("-2.0" in cell for cell in cells), "log-likelihoods, by choice and arm"
    assert wrong == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_makes_the_page_scroll_sideways(browser: Any, page_file: Path, hostile_file: Path, width: int) -> None:
    for file in (page_file, hostile_file):
        page, wrong = opened(browser, file, viewport={"width": width, "height": 844})
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.evaluate(
            "[...document.querySelectorAll('p, td, th, li, dd')].filter((each) => each.offsetParent"
            " && parseFloat(getComputedStyle(each).fontSize) < 12).length"
        )
        assert small == 0 and wrong == []


def contrast(page: Any, selector: str) -> float:
    """Return the contrast ratio of an element's text to what is behind it (WCAG 2)."""
    return float(
        page.evaluate(
            """(selector) => {
          const light = (color) => {
            const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
              .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          let behind = document.querySelector(selector);
          const text = light(getComputedStyle(behind).color);
          while (/, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
          const ground = light(getComputedStyle(behind).backgroundColor);
          return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
        }""",
            selector,
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_light_and_dark(browser: Any, page_file: Path, scheme: str) -> None:
    page, wrong = opened(browser, page_file, color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(ground[4:].split(",")[0]) < 60) == (scheme == "dark")
    for selector in (".lead", ".note", "td", "th", ".verdict.reproduced", ".tags", ".choice.gold", "a", ".panels svg"):
        assert contrast(page, selector) >= 4.5, selector
    axis = page.evaluate("getComputedStyle(document.querySelector('.panels svg text')).fill")
    assert axis == page.evaluate("getComputedStyle(document.body).color"), "figures are drawn in the text's color"
    assert wrong == []


def test_words_that_are_markup_and_script_stay_words(browser: Any, hostile_file: Path) -> None:
    page, wrong = opened(browser, hostile_file)
    assert page.title() != "ran" and wrong == []
    assert page.evaluate("document.querySelectorAll('img, script:not([type]) ~ script').length") == 0
    assert page.locator(".item h4").first.inner_text().startswith("<script>document.title")
    page.fill("#f-text", "<img")
    assert page.locator(".item").count() > 0 and page.title() != "ran"
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    page.wait_for_timeout(200)
    assert page.title() != "1", "the page's policy forbids it even where escaping fails"


def test_the_leaderboard(browser: Any, tmp_path: Path) -> None:
    write_results(tmp_path / "a", "org/good", lambda i: True)
    write_results(tmp_path / "b", HOSTILE, lambda i: i % 2 == 0)
    file = tmp_path / "leaderboard.html"
    assert (
        CliRunner().invoke(app, ["report", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(file)]).exit_code == 0
    )
    page, wrong = opened(browser, file, viewport={"width": 390, "height": 844})
    assert page.locator(".ranks tbody tr").count() == 2 and page.title() != "ran" and wrong == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
